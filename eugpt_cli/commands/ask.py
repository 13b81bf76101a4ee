"""`eugpt ask`: one answer, all or nothing."""

from typing import TYPE_CHECKING

from eugpt_cli.api.answer_text import AnswerText
from eugpt_cli.errors import UsageError
from eugpt_cli.output.writers import DocumentWriter, TextWriter
from eugpt_cli.run import turn
from eugpt_cli.run.turn import shown
from eugpt_cli.settings.records import AskOptions
from eugpt_cli.system.console import Console

if TYPE_CHECKING:
    from eugpt_cli.run.checks import Checks


def run(options: AskOptions, console: Console) -> int:
    checks = _checks(options, console)
    turn.run(options, console, _writer(options), stream=False, checks=checks, partial=options.partial)
    return 0


def _checks(options: AskOptions, console: Console) -> "Checks | None":
    """What is asked of the answer. Raises UsageError for options that do not go together."""
    wanted = [name for name in ("extract", "schema", "check", "again") if getattr(options, name)]
    if options.json and wanted:
        raise UsageError(f"--json prints the document, --{wanted[0]} is about its text: choose one")
    if not wanted:
        return None
    from eugpt_cli.run.checks import checks_of

    return checks_of(options, console, verbose=options.verbose, stored=options.conversation is not None)


def _writer(options: AskOptions) -> turn.MakeWriter:
    """The form of the answer that the options choose. Raises UsageError for two at once."""
    if options.json and options.partial:
        raise UsageError("--json and --partial do not go together")
    if options.partial and options.output:
        raise UsageError("--partial prints what has arrived; --output keeps the old file on failure: choose one")
    if options.json:
        return lambda sink: DocumentWriter(turn.raw(sink))
    attempts: list[AnswerText] | None = [] if options.partial else None
    return lambda sink: TextWriter(sink.write, shown(sink), live=False, attempts=attempts)
