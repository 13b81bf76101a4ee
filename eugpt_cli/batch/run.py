"""One run of a batch: who works and who watches, what stops it, and what it has come to."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

from eugpt_cli.batch.crew import Crew
from eugpt_cli.batch.feed import Feed
from eugpt_cli.batch.items import Item
from eugpt_cli.batch.pace import Pace
from eugpt_cli.batch.progress import Progress, State, progress
from eugpt_cli.batch.rows import Rows, maker
from eugpt_cli.batch.tally import Tally
from eugpt_cli.batch.worker import Shop, Worker, is_quota
from eugpt_cli.console import Console
from eugpt_cli.errors import EugptError, Partial, Stopped
from eugpt_cli.retry import Patience
from eugpt_cli.settings import Options
from eugpt_cli.transport import Client

HINTS = {  # where all that has failed has failed by it
    "unauthorized": "check the key in EUGPT_API_KEY; then --resume runs what has failed",
    "input": "each line is a JSON object; --lines takes a prompt a line, --files the name of a file",
}
SYNC_SECONDS = 0.7  # counted in beats, so that it is never more than one
LAST_WRITE_SECONDS = 2.0  # that a run which ends at once waits for a row that is being written


class Run:
    """The items over one client into rows; `share` tells the part of the input that has gone by, if known."""

    def __init__(
        self,
        options: Options,
        console: Console,
        client: Client,
        rows: Rows,
        items: Iterator[Item],
        share: Callable[[], float | None],
    ) -> None:
        self._options = options
        self._console = console
        self._client = client
        self._rows = rows
        self._tell = console.error if options.verbose else None
        self._pace = Pace(options.jobs, self._tell_pace)
        self._feed = Feed(self._wanted(items))
        self._crew = Crew(self._feed, self._pace, beat=self._beat, stopping=rows.release)
        self._synced = time.monotonic()
        self.tally = Tally()
        self._progress = self._make_progress(State(self.tally, lambda: self._pace.limit, share))

    def run(self, silence: float, lock: Callable[[str], AbstractContextManager[None]]) -> EugptError | Stopped | None:
        """Returns what went wrong. A first signal stops it; a second signal or --max-time ends it at once."""
        shop = self._shop(silence, lock)
        end: EugptError | Stopped | None = None
        try:
            try:
                self._crew.run(self._options.jobs, lambda: Worker(shop))
            except Stopped as stop:
                if self._crew.fault:  # the reader of the rows has gone
                    raise
                end = stop
                self._drain()
            self._rows.settle()
        except (EugptError, Stopped) as fault:
            self._rows.seal(LAST_WRITE_SECONDS)
            return fault
        finally:
            self._progress.close()
        return end or self._verdict()

    @property
    def stopped(self) -> bool:
        """Whether items may be left that were never begun."""
        return self._crew.stopped.is_set()

    def _shop(self, silence: float, lock: Callable[[str], AbstractContextManager[None]]) -> Shop:
        options = self._options
        return Shop(
            client=self._client,
            silence=silence,
            patience=Patience(options.retries, options.retry_unsafe, self._console.left),
            pace=self._pace,
            stopped=self._crew.stopped,
            rows=self._rows,
            make_row=maker(options.full, str(self._console.secret)),
            tally=self.tally,
            lock=lock,
            ended=self._ended,
            tell=self._tell,
        )

    def _wanted(self, mine: Iterator[Item]) -> Iterator[Item]:
        for item in mine:
            if self._rows.is_done(item):
                self.tally.skipped += 1
            elif self._rows.may_be_stored(item) and not self._options.retry_unsafe:
                self.tally.left += 1
            else:
                self._rows.expect(item)
                yield item

    def _ended(self, fault: EugptError | None) -> None:
        """An item has ended; some ends are the end of all."""
        if fault and is_quota(fault, self._console.left()):
            self._crew.stop(fault)
        elif fault and self._options.max_errors is not None and self.tally.failed >= self._options.max_errors:
            self._crew.stop()

    def _drain(self) -> None:
        self._crew.stop()
        with self._console.signals():
            if left := self._feed.running:
                self._console.note(
                    f"eugpt: batch: stopping; {left} under way are waited for; the signal again ends it at once"
                )
            self._crew.wait()

    def _verdict(self) -> EugptError | None:
        tally = self.tally
        if self._crew.verdict or not (tally.failed or tally.left):
            return self._crew.verdict
        what = []
        if tally.failed:
            why = "; stopped by --max-errors" if self._crew.stopped.is_set() else ""
            what.append(f"{tally.failed} of {tally.done} items failed: {tally.failures()}{why}")
        if tally.left:
            turns = "1 turn" if tally.left == 1 else f"{tally.left} turns"
            what.append(f"{turns} of an earlier run may have been stored, and left alone")
        hint = "the same command with -o FILE --resume runs only what has not succeeded"
        if tally.failed == tally.unsure:
            hint = "look into the conversations; --retry-unsafe sends such turns again"
        elif len(tally.kinds) == 1:
            hint = HINTS.get(next(iter(tally.kinds)), hint)
        return Partial("; ".join(what), hint=hint)

    def _beat(self) -> None:
        self._progress.beat()
        now = time.monotonic()
        if now - self._synced >= SYNC_SECONDS:
            self._synced = now
            self._rows.sync()

    def _tell_pace(self, limit: int) -> None:
        if self._tell:
            self._tell(f"* {limit} requests at once")

    def _make_progress(self, state: State) -> Progress:
        console = self._console
        own_line = console.is_terminal(2) and not (self._options.output is None and console.is_terminal(1))
        drawn = own_line and not console.quiet and not self._tell and console.environ.get("TERM") != "dumb"
        return progress(state, draw=console.draw if drawn else None, tell=self._tell)
