"""`eugpt batch`: many requests, NDJSON in, NDJSON out, concurrent and resumable."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial

import orjson

from eugpt_cli import files, settings, turn
from eugpt_cli.batch import items
from eugpt_cli.batch.crew import Crew
from eugpt_cli.batch.feed import Feed
from eugpt_cli.batch.items import Defaults, Item
from eugpt_cli.batch.ledger import Ledger
from eugpt_cli.batch.pace import Pace
from eugpt_cli.batch.progress import Progress, State, progress
from eugpt_cli.batch.rows import maker
from eugpt_cli.batch.shard import shard
from eugpt_cli.batch.stream import Stream
from eugpt_cli.batch.tally import Tally
from eugpt_cli.batch.worker import Rows, Shop, Worker, is_quota
from eugpt_cli.console import Console
from eugpt_cli.errors import EugptError, Partial, Stopped, UsageError
from eugpt_cli.output import encode
from eugpt_cli.report import exit_code
from eugpt_cli.request import curl
from eugpt_cli.retry import Patience
from eugpt_cli.settings import Options
from eugpt_cli.sinks import destination, direct
from eugpt_cli.terminal import visible
from eugpt_cli.transport import Client

MOST_JOBS = 1000
SYNC_SECONDS = 1.0
LAST_WRITE_SECONDS = 2.0  # that a run which ends at once waits for a row that is being written


def run(options: Options, console: Console) -> int:
    if not 1 <= options.jobs <= MOST_JOBS:
        raise UsageError(f"--jobs is from 1 to {MOST_JOBS}, not {options.jobs}")
    share = shard(options.shard, console.environ)
    source = _source(options, console)
    mine = (item for item in _items(source, options, console) if share.takes(item.key))
    if options.dry_run or options.curl:
        return _show(mine, options, console)
    started = time.monotonic()
    batch = _Batch(options, console, source, mine)
    summary = destination(options.summary, console) if options.summary else None
    end = batch.run()
    seconds = time.monotonic() - started
    console.note(f"eugpt: batch: {batch.tally.told(seconds)}")
    if summary:
        code = exit_code(end)
        facts = {"outcome": code.label, "exit": code.number, **batch.tally.summary(seconds)}
        summary.write(orjson.dumps(facts, option=orjson.OPT_APPEND_NEWLINE))
        summary.commit()
    if end:
        raise end
    return 0


class _Source:
    """The lines that make the items, and which part of them has gone by."""

    def __init__(self, lines: Iterable[bytes], size: int) -> None:
        self._lines = lines
        self._size = size
        self._gone = 0

    def __iter__(self) -> Iterator[bytes]:
        for line in self._lines:
            self._gone += len(line) + 1
            yield line

    def share(self) -> float | None:
        return min(1.0, self._gone / self._size) if self._size else None


def _source(options: Options, console: Console) -> _Source:
    paths = options.paths
    if options.files and options.lines:
        raise UsageError("--files and --lines do not go together")
    if options.files and paths:
        lines = [os.fsencode(path) for path in paths]
        return _Source(lines, sum(map(len, lines)) + len(lines))
    if len(paths) > 1:
        raise UsageError("one FILE at a time", hint="with --files each FILE is an item")
    if paths and paths[0] != "-":
        return _Source(files.lines(files.pieces(paths[0])), files.size(paths[0]))
    if "-" in options.file or options.no_stdin:
        raise UsageError("standard input is asked for " + ("and forbidden by -I" if options.no_stdin else "twice"))
    if not paths and not console.has_input():
        raise UsageError("nothing to send", hint="give a FILE, or pipe items into standard input")
    return _Source(files.lines(console.read_input(lambda: None)), console.input_size())


def _items(source: _Source, options: Options, console: Console) -> Iterator[Item]:
    inlined = [(name, _text(name, console)) for name in options.file]
    fields = {**turn.fields(options), "conversation_id": turn.open_thread(options, console).id}
    defaults = Defaults(settings.target(options.base_url), fields, inlined)
    read = items.from_files if options.files else items.from_lines if options.lines else items.from_json
    return read(source, defaults)


def _text(name: str, console: Console) -> str:
    return files.text(console.read_input(lambda: None), "standard input") if name == "-" else files.read_text(name)


def _show(mine: Iterable[Item], options: Options, console: Console) -> int:
    """What would be sent, a line each."""
    for item in mine:
        if not item.request:
            raise item.fault or UsageError("nothing to send")
        console.out(curl(item.request) if options.curl else item.request.body.decode())
    return 0


class _Batch:
    """One run, from its options to its end."""

    def __init__(self, options: Options, console: Console, source: _Source, mine: Iterator[Item]) -> None:
        self._options = options
        self._console = console
        self._secret = turn.api_key(options, console)
        self._route = settings.route(settings.target(options.base_url), options.ca_file, console.environ)
        self._rows = _rows(options, console)
        self._tell = console.error if options.verbose else None
        self._pace = Pace(options.jobs, self._tell_pace)
        self._feed = Feed(self._wanted(mine))
        self._crew = Crew(self._feed, self._pace, beat=self._beat, stopping=self._rows.release)
        self._synced = time.monotonic()
        self.tally = Tally()
        self._progress = self._make_progress(State(self.tally, lambda: self._pace.limit, source.share))

    def run(self) -> EugptError | Stopped | None:
        """Returns what went wrong. A first signal stops it; a second signal or --max-time ends it at once."""
        shop = self._shop()
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

    def _shop(self) -> Shop:
        options = self._options
        return Shop(
            client=Client(self._route, self._secret, connect_timeout=options.connect_timeout, keep=options.jobs),
            silence=options.timeout or turn.DOCUMENT_SILENCE,
            patience=Patience(options.retries, options.retry_unsafe, self._console.left),
            pace=self._pace,
            stopped=self._crew.stopped,
            rows=self._rows,
            make_row=maker(options.full, self._secret),
            tally=self.tally,
            ended=self._ended,
            tell=self._tell,
        )

    def _wanted(self, mine: Iterator[Item]) -> Iterator[Item]:
        for item in mine:
            if self._rows.is_done(item):
                self.tally.skipped += 1
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
        self._console.note(
            f"eugpt: batch: stopping; {self._feed.running} under way are waited for; the signal again ends it at once"
        )
        with self._console.signals():
            self._crew.wait()

    def _verdict(self) -> EugptError | None:
        tally = self.tally
        if self._crew.verdict or not tally.failed:
            return self._crew.verdict
        why = "; stopped by --max-errors" if self._crew.stopped.is_set() else ""
        return Partial(
            f"{tally.failed} of {tally.done} items failed: {tally.failures()}{why}",
            hint="the same command with -o FILE --resume runs only what has not succeeded",
        )

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


def _rows(options: Options, console: Console) -> Rows:
    sink = direct(options.output, console)
    if sink is None:
        return Ledger(options.output, resume=options.resume, ordered=options.ordered)
    if options.resume:
        raise UsageError("--resume goes on with a file", hint="name it with -o")
    put: Callable[[bytes], None] = sink.write
    if sink.terminal:
        put = partial(_show_row, sink.write)
    return Stream(put, sink.sync, ordered=options.ordered)


def _show_row(put: Callable[[bytes], None], row: bytes) -> None:
    put(encode(visible(row.decode())))
