"""The local server, forked from an interpreter that has loaded it, or alone."""

import os
from typing import Any, TextIO

from tests.support.forks import Forked, Forker

# what runs a server, by options as JSON and the words of a command
SERVING = """
import json, os, signal, sys
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)
from eugpt_cli.local.server import run as run_server
from eugpt_cli.local.server_config import ServeError, ServerConfig
PATHS = ("keys", "state", "web", "scenario", "record", "replay", "journal", "ca_file")
def line(stream):
    return lambda text: stream.write(text + "\\n") and stream.flush()
def run(options, command=()):
    options.update({name: Path(options[name]) for name in PATHS if name in options})
    for name in ("projects", "files"):
        options[name] = {key: Path(path) for key, path in options.get(name, {}).items()}
    try:
        code = run_server(ServerConfig(**options), list(command), os.environ, line(sys.stdout), line(sys.stderr))
    except ServeError as error:
        sys.stderr.write(f"ServeError: {error.message} | {error.hint}\\n")
        code = error.exit_code or 30
    return code if code >= 0 else 100 - code
"""
ALONE = f"{SERVING}\nsys.exit(run(json.loads(sys.argv[1]), sys.argv[2:]))"


class ServerForker(Forker):
    """Servers by their options; their standard output is read from the process, `stderr` is a file."""

    def __init__(self) -> None:
        super().__init__(SERVING)

    def serve(self, options: dict[str, Any], stderr: TextIO) -> Forked:
        stdout, theirs = os.pipe()
        with open(os.devnull) as stdin:
            server = self.fork(options, stdin.fileno(), theirs, stderr.fileno())
        os.close(theirs)
        server.stdout = os.fdopen(stdout)
        return server
