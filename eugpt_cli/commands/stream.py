"""`eugpt stream`: text deltas as they arrive."""

from eugpt_cli import turn
from eugpt_cli.console import Console
from eugpt_cli.settings import Options


def run(options: Options, console: Console) -> int:
    turn.run(options, console, turn.live, stream=True)
    return 0
