"""`eugpt chat`: one turn in a conversation that the service keeps."""

from eugpt_cli import turn
from eugpt_cli.console import Console
from eugpt_cli.errors import EugptError
from eugpt_cli.mask import Sink
from eugpt_cli.output import Text
from eugpt_cli.report import Outcome
from eugpt_cli.settings import Options
from eugpt_cli.terminal import one_line


def run(options: Options, console: Console) -> int:
    def tell(sink: Sink, outcome: Outcome, fault: EugptError | None) -> None:
        if outcome.conversation_id and console.is_terminal(2):
            console.note(f"conversation {one_line(str(outcome.conversation_id))}")

    turn.run(options, console, lambda sink: Text(sink.write, turn.shown(sink), live=True), stream=True, at_end=tell)
    return 0
