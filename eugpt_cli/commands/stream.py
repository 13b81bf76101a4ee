"""`eugpt stream`: text deltas as they arrive."""

from eugpt_cli import turn
from eugpt_cli.console import Console
from eugpt_cli.output import Text
from eugpt_cli.settings import Options
from eugpt_cli.terminal import visible


def run(options: Options, console: Console) -> int:
    shown = visible if console.is_terminal(1) else None
    turn.run(options, console, Text(console.write, shown, live=True), stream=True)
    return 0
