"""`eugpt raw-events`: every event as one NDJSON line, unchanged, or the SSE bytes themselves."""

from eugpt_cli.api.outcome import Outcome
from eugpt_cli.api.writer import Writer
from eugpt_cli.errors import EugptError, UsageError
from eugpt_cli.output.report import trailer
from eugpt_cli.output.writers import NdjsonWriter, SseWriter
from eugpt_cli.run import turn
from eugpt_cli.settings.records import RawEventsOptions
from eugpt_cli.system.console import Console
from eugpt_cli.text.escapes import dump, one_line
from eugpt_cli.text.redaction import Sink, redact


def run(options: RawEventsOptions, console: Console) -> int:
    if options.sse and (options.type or options.trailer):
        raise UsageError("--sse prints the bytes unchanged; use it without --type and --trailer")

    lines: list[NdjsonWriter] = []

    def writer(sink: Sink) -> Writer:
        if options.sse:
            return SseWriter(turn.raw(sink))
        lines[:] = [NdjsonWriter(turn.raw(sink), tuple(options.type))]
        return lines[0]

    def end(sink: Sink, outcome: Outcome, fault: EugptError | None) -> None:
        if not fault and (options.verbose or console.is_terminal(2)):
            _note_no_match(lines, options, console)
        if options.trailer:
            sink.write(f"{redact(dump(trailer(outcome, fault)), console.secret)}\n".encode())

    turn.run(options, console, writer, stream=True, at_end=end)
    return 0


def _note_no_match(lines: list[NdjsonWriter], options: RawEventsOptions, console: Console) -> None:
    """Says which types there were where --type has matched none."""
    for writer in lines:
        if writer.seen and not writer.matched:
            types = ", ".join(sorted(map(one_line, writer.seen)))
            console.note(f"eugpt: note: no event matched --type {' '.join(map(one_line, options.type))}; seen: {types}")
