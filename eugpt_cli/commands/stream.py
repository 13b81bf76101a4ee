"""`eugpt stream`: text deltas as they arrive."""

from eugpt_cli.run import turn
from eugpt_cli.settings.records import StreamOptions
from eugpt_cli.system.console import Console


def run(options: StreamOptions, console: Console) -> int:
    turn.run(options, console, turn.live, stream=True)
    return 0
