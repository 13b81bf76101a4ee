"""`eugpt ask`: one answer, all or nothing."""

from eugpt_cli import turn
from eugpt_cli.console import Console
from eugpt_cli.output import Document, Text
from eugpt_cli.settings import Options
from eugpt_cli.terminal import visible


def run(options: Options, console: Console) -> int:
    if options.json:
        turn.run(options, console, Document(console.write), stream=False)
    else:
        shown = visible if console.is_terminal(1) else None
        turn.run(options, console, Text(console.write, shown, live=False), stream=False)
    return 0
