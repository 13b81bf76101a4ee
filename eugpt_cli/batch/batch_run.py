"""One run of a batch: its workers, its observers, what stops it, and its result."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from eugpt_cli.api.outcome import Outcome
from eugpt_cli.api.retry import RetryPolicy
from eugpt_cli.batch.item_journal import ItemJournal
from eugpt_cli.batch.item_queue import ItemQueue
from eugpt_cli.batch.items import Item
from eugpt_cli.batch.limiter import Limiter
from eugpt_cli.batch.progress import Bar, Lines, Progress, Silent, State
from eugpt_cli.batch.rows import Rows, maker
from eugpt_cli.batch.statistics import Statistics
from eugpt_cli.batch.stopping import RESUME, StopRules
from eugpt_cli.batch.worker import Worker, WorkerContext, unfinished
from eugpt_cli.batch.workers import Workers
from eugpt_cli.conversation.names import Conversations
from eugpt_cli.errors import EugptError, OutputError, Partial, Stopped
from eugpt_cli.http.client import Client
from eugpt_cli.settings.records import BatchOptions
from eugpt_cli.system.console import Console
from eugpt_cli.system.locks import Wait

if TYPE_CHECKING:
    from eugpt_cli.run.checks import Checks

INPUT_HINTS = (  # where no item that failed could be read
    ("lines", "each line must be a prompt in UTF-8"),
    ("files", "each FILE, or line of standard input, must be the path of a text file"),
    (
        None,
        "each line must be a JSON object with `input`; for a prompt in each line use --lines, for paths use --files",
    ),
)
HELD = "an earlier run may have sent this turn"
SYNC_SECONDS = 0.7  # counted in beats, so that it is never more than one
LAST_WRITE_SECONDS = 2.0  # that a run which ends at once waits for a row that is being written


class BatchRun:
    """Sends items over one client and writes rows; `share` returns the part of the input read, None if unknown.

    `one_first`: the first request is on its way before another begins, so that a wrong password is tried once.
    """

    def __init__(
        self,
        options: BatchOptions,
        console: Console,
        client: Client,
        rows: Rows,
        items: Iterator[Item],
        share: Callable[[], float | None],
        *,
        checks: "Checks | None" = None,
        one_first: bool = False,
    ) -> None:
        self._options = options
        self._console = console
        self._client = client
        self._checks = checks
        self._rows = rows
        self._tell = console.error if options.verbose else None
        self._limiter = Limiter(options.jobs, self._tell_pace, one_first=one_first)
        with_value = bool(checks and checks.is_json)
        with_usage = options.max_tokens is not None
        self._make_row = maker(options.full, str(console.secret), usage=with_usage, value=with_value)
        self._queue = ItemQueue(self._wanted(items))
        self._workers = Workers(self._queue, self._limiter, beat=self._beat, stopping=rows.release)
        self._synced = time.monotonic()
        self._complete = False  # all of the input has been read
        self.statistics = Statistics()
        self._rules = StopRules(options, console.left)
        self._progress = self._make_progress(State(self.statistics, lambda: self._limiter.limit, share))

    def run(self, silence: float, names: Conversations, journal: ItemJournal | None) -> EugptError | Stopped | None:
        """Returns what went wrong. A first signal stops it; a second signal or --max-time ends it at once."""
        context = self._context(silence, names, journal)
        end: EugptError | Stopped | None = None
        try:
            try:
                self._workers.run(self._options.jobs, lambda: Worker(context))
            except Stopped as stop:
                if self._workers.fault:  # the reader of the rows has gone
                    raise
                end = stop
                self._drain()
            self._rows.settle(complete=self._complete)
        except (EugptError, Stopped) as fault:
            self._rows.seal(LAST_WRITE_SECONDS)
            if journal:
                with suppress(OutputError):  # only the first problem is reported
                    journal.close(fault)
            return fault
        finally:
            self._progress.close()
        return end or self._verdict()

    @property
    def stopped(self) -> bool:
        """Whether items may be left that were never begun."""
        return self._workers.stopped.is_set()

    def _context(self, silence: float, names: Conversations, journal: ItemJournal | None) -> WorkerContext:
        options = self._options
        return WorkerContext(
            client=self._client,
            silence=silence,
            retry=RetryPolicy(options.retries, options.retry_unsafe, self._console.left),
            limiter=self._limiter,
            stopped=self._workers.stopped,
            rows=self._rows,
            make_row=self._make_row,
            lock=lambda conversation_id: names.lock(conversation_id, Wait(options.lock_wait)),
            turn_ended=names.turn_ended,
            journal=journal,
            checks=self._checks,
            admit=self._admit,
            ended=self._ended,
            counted=self._counted,
            tell=self._tell,
        )

    def _wanted(self, mine: Iterator[Item]) -> Iterator[Item]:
        """Yields the items to send: with --max-items those that failed before come last, or they fill each share.

        Of these one more is kept than the run may send, which is how it learns that items are left.
        """
        room = 0 if self._options.max_items is None else self._options.max_items + 1
        later: list[Item] = []
        for item in mine:
            if self._rows.is_done(item):
                self.statistics.skipped += 1
                self._rows.keep(item)
            elif self._rows.is_held(item) and not self._options.retry_unsafe:
                self.statistics.held_back += 1
                self._hold(item)
            elif room and self._has_failed(item):
                later += [item] if len(later) < room else []
            else:
                self._rows.expect(item)
                yield item
        self._complete = True
        for item in later:
            self._rows.expect(item)
            yield item

    def _has_failed(self, item: Item) -> bool:
        """Whether an earlier run sent it in vain; turns keep their order, and what makes no request costs nothing."""
        return item.request is not None and not item.is_turn and self._rows.says_so(item)

    def _hold(self, item: Item) -> None:
        """Its row is for today's request, whichever was there."""
        if self._rows.says_so(item):
            self._rows.keep(item)
        else:
            self._rows.write(item, unfinished(self._make_row, item, Outcome(), HELD))

    def _admit(self) -> bool:
        reason = self._rules.before()
        if reason:
            self._workers.stop(reason)
        return reason is None

    def _ended(self, fault: EugptError | None, outcome: Outcome) -> None:
        """An item has been asked; some ends are the end of all."""
        if reason := self._rules.after(fault, outcome):
            self._workers.stop(reason)
        self._limiter.open()

    def _counted(self, fault: EugptError | None, seconds: float, outcome: Outcome) -> None:
        self.statistics.count(fault, seconds, outcome.all_usage)
        if fault and self._options.max_errors is not None and self.statistics.failed >= self._options.max_errors:
            self._workers.stop()

    def _drain(self) -> None:
        self._workers.stop()
        with self._console.signals():
            if left := self._queue.running:
                self._progress.close()
                requests = "1 request" if left == 1 else f"{left} requests"
                self._console.note(
                    f"eugpt: batch: stopping: waiting for {requests} in flight; Ctrl-C again to quit now"
                )
            self._workers.wait()

    def _verdict(self) -> EugptError | None:
        statistics = self.statistics
        if self._workers.stop_reason or not (statistics.failed or statistics.held_back):
            return self._workers.stop_reason
        what = []
        if statistics.failed:
            why = "; stopped by --max-errors" if self._workers.stopped.is_set() else ""
            what.append(f"{statistics.failed} of {statistics.done} items failed: {statistics.failures()}{why}")
        if statistics.held_back:
            turns = "1 turn" if statistics.held_back == 1 else f"{statistics.held_back} turns"
            what.append(f"not sent again: {turns} that an earlier run sent and the service may have stored")
        return Partial("; ".join(what), hint=self._hint())

    def _hint(self) -> str:
        statistics = self.statistics
        if statistics.failed == statistics.unsure:
            return "check the conversations; to send such turns again, use --retry-unsafe"
        if statistics.kinds.keys() <= {"input", "usage"}:
            return next(words for option, words in INPUT_HINTS if option is None or getattr(self._options, option))
        return RESUME

    def _beat(self) -> None:
        self._progress.beat()
        now = time.monotonic()
        if now - self._synced >= SYNC_SECONDS:
            self._synced = now
            self._rows.sync()

    def _tell_pace(self, limit: int) -> None:
        if self._tell:
            self._tell(f"* concurrency is now {limit}")

    def _make_progress(self, state: State) -> Progress:
        console = self._console
        own_line = console.is_terminal(2) and not (self._options.output is None and console.is_terminal(1))
        if self._tell:
            return Lines(state, self._tell)
        if own_line and not console.quiet and console.environ.get("TERM") != "dumb":
            return Bar(state, console.draw, lambda: console.size(2)[0])
        return Silent()
