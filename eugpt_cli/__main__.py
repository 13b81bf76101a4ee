"""The first file to run: answers --version without loading anything, and lets Ctrl-C end the loading quietly."""

import signal
import sys

from eugpt_cli import __version__


def main() -> None:
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from eugpt_cli import cli

    cli.main(sys.argv[1:], __version__)


if __name__ == "__main__":
    main()
