"""`eugpt raw-events`: every event as one NDJSON line, unchanged, or the SSE bytes themselves."""

from eugpt_cli.api.outcome import Outcome
from eugpt_cli.api.writer import Writer
from eugpt_cli.errors import EugptError, UsageError
from eugpt_cli.output.report import trailer
from eugpt_cli.output.writers import NdjsonWriter, SseWriter
from eugpt_cli.run import turn
from eugpt_cli.settings.records import RawEventsOptions
from eugpt_cli.system.console import Console
from eugpt_cli.text.escapes import dump
from eugpt_cli.text.redaction import Sink


def run(options: RawEventsOptions, console: Console) -> int:
    if options.sse and (options.type or options.trailer):
        raise UsageError("--sse passes the bytes through untouched; it goes with neither --type nor --trailer")

    def writer(sink: Sink) -> Writer:
        return SseWriter(turn.raw(sink)) if options.sse else NdjsonWriter(turn.raw(sink), tuple(options.type))

    def end(sink: Sink, outcome: Outcome, fault: EugptError | None) -> None:
        if options.trailer:
            sink.write(f"{dump(trailer(outcome, fault))}\n".encode())

    turn.run(options, console, writer, stream=True, at_end=end)
    return 0
