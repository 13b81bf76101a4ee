"""The first file to run: prints --version without loading anything, and lets Ctrl-C end the loading quietly.

A connection to the service is begun before Typer is loaded, if it is certain that the run needs one.
"""

import os
import sys
from itertools import pairwise

from eugpt_cli import __version__


def main() -> None:
    if sys.argv[1:] == ["--version"] and _prints(f"eugpt {__version__}\n"):
        os._exit(0)
    import gc
    import signal

    gc.set_threshold(100_000)  # loading makes no garbage worth a search every 700 objects
    sys.modules["httpx._main"] = None  # type: ignore[assignment]  # its command line loads click and rich where they are
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        _connect()
        from eugpt_cli import cli
    except ImportError as error:  # Typer: the door that words every other error is behind it
        from eugpt_cli.system.installation import incomplete

        sys.stderr.write("eugpt: config: {}\nhint: {}\n".format(*incomplete(error)))
        sys.exit(30)
    cli.main(sys.argv[1:])


def _connect() -> None:
    if not {"-h", "--help"}.isdisjoint(sys.argv) or _is_http():
        return
    from eugpt_cli.settings import command_line

    line = command_line.read(sys.argv[1:])
    if line and "prompt" in line.given:
        from eugpt_cli.run import headstart

        headstart.begin(line, os.environ)


def _is_http() -> bool:
    """Whether the base URL seems to be http: connecting early saves nothing there."""
    named = [os.environ.get("EUGPT_BASE_URL", "")]
    for word, following in pairwise([*sys.argv, ""]):
        flag, equals, value = word.partition("=")
        if flag == "--base-url":
            named.append(value if equals else following)
    return named[-1].startswith("http:")


def _prints(line: str) -> bool:
    """Whether standard output took the line; where it did not, the console reports why."""
    try:
        return os.write(1, line.encode()) > 0
    except OSError:
        return False


if __name__ == "__main__":
    main()
