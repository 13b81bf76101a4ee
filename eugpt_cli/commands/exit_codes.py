"""`eugpt exit-codes`: the table of exit codes."""

from eugpt_cli.console import Console
from eugpt_cli.errors import ExitCode
from eugpt_cli.settings import Options


def run(options: Options, console: Console) -> int:
    for code in ExitCode:
        console.out(f"{code.number:>3}  {code.label:<16} {code.when}")
    return 0
