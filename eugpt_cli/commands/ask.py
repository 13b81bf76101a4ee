"""`eugpt ask`: one answer, all or nothing."""

from eugpt_cli.api.answer_text import AnswerText
from eugpt_cli.errors import UsageError
from eugpt_cli.output.writers import DocumentWriter, ExtractWriter, TextWriter
from eugpt_cli.run import turn
from eugpt_cli.run.turn import shown
from eugpt_cli.settings.records import AskOptions
from eugpt_cli.system.console import Console


def run(options: AskOptions, console: Console) -> int:
    turn.run(options, console, _writer(options), stream=False)
    return 0


def _writer(options: AskOptions) -> turn.MakeWriter:
    """The form of the answer that the options choose. Raises UsageError for two at once."""
    chosen = [flag for flag in ("json", "extract", "partial") if getattr(options, flag)]
    if len(chosen) > 1:
        raise UsageError(f"--{chosen[0]} and --{chosen[1]} do not go together")
    if options.partial and options.output:
        raise UsageError("--partial prints what has arrived; --output keeps the old file on failure: choose one")
    if options.json:
        return lambda sink: DocumentWriter(turn.raw(sink))
    if options.extract:
        kind, _, language = options.extract.partition(":")
        if kind != "code":
            raise UsageError(f"--extract takes code or code:LANG, not {options.extract!r}")
        return lambda sink: ExtractWriter(sink.write, shown(sink), language or None)
    attempts: list[AnswerText] | None = [] if options.partial else None
    return lambda sink: TextWriter(sink.write, shown(sink), live=False, attempts=attempts)
