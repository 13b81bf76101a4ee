"""What a run leaves about itself, whatever its end: the object of --meta, and its lines in the journal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Any

from eugpt_cli.api.outcome import Outcome
from eugpt_cli.errors import ConfigError, EugptError, OutputError, Stopped
from eugpt_cli.http.route import target_of
from eugpt_cli.output.destinations import destination
from eugpt_cli.output.report import meta
from eugpt_cli.run.prompt import TurnOptions
from eugpt_cli.settings.records import BatchOptions
from eugpt_cli.system import files
from eugpt_cli.system.console import Console
from eugpt_cli.text.escapes import dump
from eugpt_cli.text.redaction import Sink, redact

if TYPE_CHECKING:
    from eugpt_cli.output.journal import Journal
    from eugpt_cli.text.digest import ByteDigest


class RunReport:
    """The facts of the run, as far as they are known: those of its turn, or of the last one where it has several."""

    def __init__(self, journal: "Journal | None", *, measures: bool) -> None:
        self.outcome = Outcome()
        self._journal = journal
        self._wrapped: Callable[[Sink], Sink] = lambda sink: sink
        if measures:  # loaded at the start: at the end there may be no memory for it
            from eugpt_cli.output.measured import MeasuredSink

            self._wrapped = lambda sink: MeasuredSink(sink, self._measure)

    @contextmanager
    def turn(self) -> Iterator[Outcome]:
        """One turn of several; its line is in the journal when it has ended."""
        self.outcome = Outcome()
        with self._journal.turn(self.outcome) if self._journal else nullcontext():
            yield self.outcome

    def measured(self, sink: Sink) -> Sink:
        """The place where the answer goes, measured if somebody wants to know."""
        return self._wrapped(sink)

    def _measure(self, answer: "ByteDigest") -> None:
        self.outcome.answer = answer


@contextmanager
def reported(options: TurnOptions, console: Console) -> Iterator[RunReport]:
    """Raises OutputError where a file of the report cannot be written."""
    path = options.meta and files.expand(options.meta, console.environ)
    journal = open_journal(options, console)
    report = RunReport(journal, measures=bool(options.log or options.meta))
    with journal.run(report.outcome) if journal else nullcontext(), _meta(path, report, console):
        yield report


def report_unresolved(options: Any, console: Console, fault: EugptError) -> None:
    """Leaves the journal's line and the object of --meta where settings do not fit; `options` are those that do."""
    if not options.dry_run and not options.curl:
        with suppress(EugptError), reported(options, console):
            raise fault


def open_journal(options: TurnOptions | BatchOptions, console: Console) -> "Journal | None":
    """The journal that the options name, not opened yet; None without one."""
    if options.log is None:
        return None
    with console.signals_blocked():
        from eugpt_cli.output.journal import Journal

    base_url = None
    with suppress(ConfigError):  # the run will say so
        base_url = target_of(options.base_url).base_url
    path = files.expand(options.log, console.environ)
    return Journal(path, options.command_name, options.label, base_url, console)


@contextmanager
def _meta(path: str | None, report: RunReport, console: Console) -> Iterator[None]:
    """The object is written to `path` whatever the end is."""
    if path is None:
        yield
        return
    sink = destination(path, console)
    try:
        yield
    except BaseException as end:
        known = end if isinstance(end, Stopped) else console.fault_of(end)
        with suppress(OutputError, Stopped):  # only the first problem is reported
            _write_meta(sink, report.outcome, known, console)
        raise
    _write_meta(sink, report.outcome, None, console)


def _write_meta(sink: Sink, outcome: Outcome, end: EugptError | Stopped | None, console: Console) -> None:
    try:
        sink.write(f"{redact(dump(meta(outcome, end)), console.secret)}\n".encode())
        sink.commit()
    finally:
        sink.discard()
