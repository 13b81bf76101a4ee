"""`eugpt ask`: one answer, all or nothing."""

from functools import partial

from eugpt_cli.api.answer_text import AnswerText
from eugpt_cli.errors import UsageError
from eugpt_cli.output.writers import DocumentWriter, TextWriter
from eugpt_cli.run import turn
from eugpt_cli.run.turn import escaping_for
from eugpt_cli.settings.records import AskOptions
from eugpt_cli.system.console import Console


def run(options: AskOptions, console: Console) -> int:
    make_writer = _writer(options)
    turn.run(
        options,
        console,
        make_writer,
        stream=False,
        make_checks=partial(turn.checks_for, options, console),
        partial=options.partial,
    )
    return 0


def _writer(options: AskOptions) -> turn.MakeWriter:
    """The form of the answer that the options choose. Raises UsageError for two at once."""
    others = [name for name in ("extract", "schema", "check", "again", "partial") if getattr(options, name)]
    if options.json and others:
        raise UsageError(f"--json prints the whole response, but --{others[0]} needs only its text: use one of them")
    if options.partial and options.output:
        raise UsageError("use --partial without --output, which keeps the old file on failure")
    if options.json:
        return lambda sink: DocumentWriter(turn.raw(sink))
    attempts: list[AnswerText] | None = [] if options.partial else None
    return lambda sink: TextWriter(sink.write, escaping_for(sink), live=False, attempts=attempts)
