"""Servers forked from one interpreter that has loaded them: loading takes ten times as long as the rest of a start."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
from typing import Any, TextIO

# what runs a server, by options as JSON and the words of a command
SERVING = """
import json, os, signal, sys
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)
from eugpt_cli.local.server import run
from eugpt_cli.local.server_config import ServeError, ServerConfig
PATHS = ("keys", "state", "web", "scenario", "record", "replay", "journal", "ca_file")
def line(stream):
    return lambda text: stream.write(text + "\\n") and stream.flush()
def serve(words, command):
    options = json.loads(words)
    options.update({name: Path(options[name]) for name in PATHS if name in options})
    for name in ("projects", "files"):
        options[name] = {key: Path(path) for key, path in options.get(name, {}).items()}
    try:
        code = run(ServerConfig(**options), command, os.environ, line(sys.stdout), line(sys.stderr))
    except ServeError as error:
        sys.stderr.write(f"ServeError: {error.message} | {error.hint}\\n")
        code = error.exit_code or 30
    return code if code >= 0 else 100 - code
"""
ALONE = f"{SERVING}\nsys.exit(serve(sys.argv[1], sys.argv[2:]))"
# For each message it forks a keeper, which forks the server, tells its number, waits for it and tells how it ended.
FORKING = f"""{SERVING}
import socket
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
messages = socket.socket(fileno=0)
while True:
    words, descriptors, _, _ = socket.recv_fds(messages, 1 << 16, 3)
    if not words:
        break
    if os.fork() == 0:
        messages.close()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        stdout, stderr, news = descriptors
        server = os.fork()
        if server == 0:
            os.close(news)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(stdout, 1)
            os.dup2(stderr, 2)
            os.closerange(3, max(descriptors) + 1)
            sys.exit(serve(words, []))
        os.close(stdout)
        os.close(stderr)
        os.write(news, b"%d\\n" % server)
        os.write(news, b"%d\\n" % os.waitstatus_to_exitcode(os.waitpid(server, 0)[1]))
        os._exit(0)
    for descriptor in descriptors:
        os.close(descriptor)
"""


class Forked:
    """One server: what tests use of a Popen."""

    def __init__(self, stdout: TextIO, news: TextIO) -> None:
        self.stdout = stdout
        self._news = news
        self.pid = int(news.readline())
        self.returncode: int | None = None

    def wait(self, timeout: float) -> int:
        if self.returncode is None:
            if not select.select([self._news], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("a forked server", timeout)
            with self._news:
                self.returncode = int(self._news.readline())
        return self.returncode

    def poll(self) -> int | None:
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Forker:
    """The interpreter, which loads the server with the first use and ends with `close`."""

    def __init__(self) -> None:
        self._messages, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen([sys.executable, "-c", FORKING], stdin=theirs.fileno())

    def fork(self, options: dict[str, Any], stderr: TextIO) -> Forked:
        stdout, news = os.pipe(), os.pipe()
        socket.send_fds(self._messages, [json.dumps(options).encode()], [stdout[1], stderr.fileno(), news[1]])
        os.close(stdout[1])
        os.close(news[1])
        return Forked(os.fdopen(stdout[0]), os.fdopen(news[0], buffering=1))

    def close(self) -> None:
        self._messages.close()
        self._process.wait(10)
