"""`eugpt chat`: one turn in a conversation that the service keeps."""

from eugpt_cli import turn
from eugpt_cli.console import Console
from eugpt_cli.conversations import is_id
from eugpt_cli.errors import EugptError
from eugpt_cli.mask import Sink
from eugpt_cli.output import Text
from eugpt_cli.report import Outcome
from eugpt_cli.settings import Options


def run(options: Options, console: Console) -> int:
    def tell(sink: Sink, outcome: Outcome, fault: EugptError | None) -> None:
        if is_id(outcome.conversation_id):
            if console.is_terminal(2):
                console.note(f"conversation {outcome.conversation_id}")
        elif not fault and (options.conversation or console.is_terminal(2)):
            console.note("eugpt: note: the service named no conversation: this one cannot be gone on with")

    turn.run(
        options,
        console,
        lambda sink: Text(sink.write, turn.shown(sink), live=True),
        stream=True,
        starts=True,
        at_end=tell,
    )
    return 0
