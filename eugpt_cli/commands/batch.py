"""`eugpt batch`: many requests, NDJSON in, NDJSON out, concurrent and resumable."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import lru_cache, partial
from signal import SIGPIPE
from typing import TYPE_CHECKING, Any

from eugpt_cli.api.outcome import Outcome
from eugpt_cli.batch import items
from eugpt_cli.batch.identity import identified
from eugpt_cli.batch.items import Defaults, Item
from eugpt_cli.batch.ledger import Ledger
from eugpt_cli.batch.row_stream import RowStream
from eugpt_cli.batch.rows import Rows
from eugpt_cli.batch.shard import Shard, shard
from eugpt_cli.conversation.names import Conversations
from eugpt_cli.errors import Budget, EugptError, ExitCode, OutOfTime, Partial, Stopped, UsageError
from eugpt_cli.http.route import route_to, target_of
from eugpt_cli.output.destinations import destination, direct
from eugpt_cli.output.overwriting import written_files
from eugpt_cli.output.report import exit_code
from eugpt_cli.output.writers import encode
from eugpt_cli.run import prompt, turn
from eugpt_cli.run.reporting import open_journal
from eugpt_cli.settings.records import BatchOptions
from eugpt_cli.system import files
from eugpt_cli.system.console import Console
from eugpt_cli.text.escapes import dump, visible

if TYPE_CHECKING:
    from eugpt_cli.output.journal import Journal
    from eugpt_cli.run.checks import Checks

MOST_JOBS = 1000


def run(options: BatchOptions, console: Console) -> int:
    if not 1 <= options.jobs <= MOST_JOBS:
        raise UsageError(f"--jobs must be from 1 to {MOST_JOBS}, not {options.jobs}")
    if options.prune and not options.resume:
        raise UsageError("--prune needs --resume")
    source = _source(options, console)
    if options.dry_run or options.curl:
        share = shard(options.shard, console.environ)
        _, _, every = _asked(options, console, source)
        rows = RowStream(console.write, lambda: None, ordered=False)
        return _show(_mine(every, rows, share, options), options, console)
    journal = open_journal(options, console)
    outcome = Outcome()
    with journal.run(outcome) if journal else nullcontext(), _summary(options, console) as summarize:
        share = shard(options.shard, console.environ)
        names, checks, every = _asked(options, console, source)
        end, facts = _go(options, console, source, every, share, names, journal, checks)
        summarize(facts)
        if journal:
            journal.add(outcome, end, summary=facts)
        if end:
            raise end
    return 0


def _asked(
    options: BatchOptions, console: Console, source: _InputLines
) -> tuple[Conversations, Checks | None, Iterator[Item]]:
    """Returns names of conversations, the checks of answers, and the items of all shares."""
    names = turn.conversations(options, console)
    checks = turn.checks_for(options, console)
    every = _items(source, options, console, names, checks)
    if checks:
        checks.confirm()
    return names, checks, every


def _mine(every: Iterator[Item], rows: Rows, share: Shard, options: BatchOptions) -> Iterator[Item]:
    """Names the items of this share. With --prune it names all items, so that the rows of other shares stay."""
    if options.prune:
        return filter(share.takes, identified(every, rows))
    return identified(filter(share.takes, every), rows)


@contextmanager
def _summary(options: BatchOptions, console: Console) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """Yields the function that writes the facts to --summary; it does nothing without one."""
    if options.summary is None:
        yield lambda facts: None
        return
    sink = destination(options.summary, console)

    def write(facts: Mapping[str, Any]) -> None:
        sink.write(f"{dump(facts)}\n".encode())
        sink.commit()

    try:
        yield write
    finally:
        sink.discard()


def _go(
    options: BatchOptions,
    console: Console,
    source: _InputLines,
    every: Iterator[Item],
    share: Shard,
    names: Conversations,
    journal: Journal | None,
    checks: Checks | None,
) -> tuple[EugptError | Stopped | None, dict[str, Any]]:
    """How it has ended, and the facts for --summary."""
    started = time.monotonic()
    route = route_to(target_of(options.base_url), options, console.environ)
    secret = turn.api_key(options, console)
    if options.verbose:
        console.error(f"* connecting {route.description}")
    rows = _rows(options, console)
    from eugpt_cli.batch.batch_run import BatchRun
    from eugpt_cli.batch.item_journal import ItemJournal
    from eugpt_cli.http.client import Client

    client = Client(route, secret, connect_timeout=options.connect_timeout, keep=options.jobs)
    has_password = bool(route.proxy and route.proxy.user is not None)
    mine = _mine(every, rows, share, options)
    batch = BatchRun(options, console, client, rows, mine, source.share, checks=checks, one_first=has_password)
    end = batch.run(options.timeout or turn.DOCUMENT_SILENCE, names, ItemJournal(journal) if journal else None)
    seconds = time.monotonic() - started
    if not (isinstance(end, Stopped) and end.signum == SIGPIPE):
        more = "; --resume continues with the rest" if _is_resumed(end, batch.stopped, rows) else ""
        console.note(f"eugpt: batch: {batch.statistics.summary_line(seconds)}{more}")
    code = exit_code(end)
    return end, {"outcome": code.label, "exit": code.number, **batch.statistics.summary(seconds)}


def _is_resumed(end: EugptError | Stopped | None, stopped: bool, rows: Rows) -> bool:
    """Whether the same command once more helps: where something else must be changed first, the hint says what."""
    passes = end is None or isinstance(end, Stopped | Partial | Budget | OutOfTime) or end.exit is ExitCode.QUOTA
    return passes and isinstance(rows, Ledger) and (stopped or not (end is None or isinstance(end, Partial)))


class _InputLines:
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


def _source(options: BatchOptions, console: Console) -> _InputLines:
    paths = options.paths
    if options.files and options.lines:
        raise UsageError("--files and --lines cannot be used together")
    if options.files and paths:
        lines = [os.fsencode(path) for path in paths]
        return _InputLines(lines, sum(map(len, lines)) + len(lines))
    if len(paths) > 1:
        raise UsageError("too many arguments: batch reads one FILE", hint="to send each FILE as an item, use --files")
    if paths and paths[0] != "-":
        return _InputLines(files.lines(files.read_chunks(paths[0])), files.size(paths[0]))
    if "-" in options.file or options.no_stdin:
        raise UsageError(
            "standard input is needed, but -I forbids it" if options.no_stdin else "standard input is used twice"
        )
    if not paths and not console.has_input():
        raise UsageError("nothing to send", hint="give a FILE of JSON lines, or of prompts: eugpt batch --lines FILE")
    return _InputLines(files.lines(console.read_input(lambda: None)), console.input_size())


def _items(
    source: _InputLines, options: BatchOptions, console: Console, names: Conversations, checks: Checks | None
) -> Iterator[Item]:
    inlined = [(name, _text(name, console)) for name in options.file]
    conversation = names.resolve(options.conversation) if options.conversation else None
    fields = {**prompt.fields(options, checks), "conversation_id": conversation}
    defaults = Defaults(
        target_of(options.base_url), fields, inlined, lru_cache(names.resolve), checks.instructions if checks else str
    )
    if options.files:
        return items.from_files(source, defaults, partial(written_files, options, console.environ))
    return items.from_lines(source, defaults) if options.lines else items.from_json(source, defaults)


def _text(name: str, console: Console) -> str:
    return files.text(console.read_input(lambda: None), "standard input") if name == "-" else files.read_text(name)


def _show(mine: Iterable[Item], options: BatchOptions, console: Console) -> int:
    """What would be sent, a line each."""
    for item in mine:
        if not item.request:
            raise item.fault or UsageError("nothing to send")
        turn.show(item.request, options, console)
    return 0


def _rows(options: BatchOptions, console: Console) -> Rows:
    sink = direct(options.output, console)
    if sink is None:
        assert options.output
        return Ledger(options.output, resume=options.resume, ordered=options.ordered, prune=options.prune)
    if options.resume:
        raise UsageError("--resume needs a file to continue", hint="give the file with -o FILE")
    put: Callable[[bytes], None] = sink.write
    if sink.terminal:
        put = partial(_show_row, sink.write)
    return RowStream(put, sink.sync, ordered=options.ordered)


def _show_row(put: Callable[[bytes], None], row: bytes) -> None:
    put(encode(visible(row.decode())))
