"""`eugpt raw-events`: every event as one NDJSON line, unchanged, or the SSE bytes themselves."""

from eugpt_cli import turn
from eugpt_cli.console import Console
from eugpt_cli.errors import EugptError, UsageError
from eugpt_cli.mask import Sink
from eugpt_cli.output import Ndjson, Sse, Writer
from eugpt_cli.report import Outcome, trailer
from eugpt_cli.settings import Options
from eugpt_cli.terminal import dump


def run(options: Options, console: Console) -> int:
    if options.sse and (options.type or options.trailer):
        raise UsageError("--sse passes the bytes through untouched; it goes with neither --type nor --trailer")

    def writer(sink: Sink) -> Writer:
        return Sse(turn.raw(sink)) if options.sse else Ndjson(turn.raw(sink), tuple(options.type))

    def end(sink: Sink, outcome: Outcome, fault: EugptError | None) -> None:
        if options.trailer:
            sink.write(f"{dump(trailer(outcome, fault))}\n".encode())

    turn.run(options, console, writer, stream=True, at_end=end)
    return 0
