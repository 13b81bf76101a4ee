"""Processes forked from one interpreter that has loaded what they need, which takes most of the time of a short run."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from typing import Any, TextIO

LONGEST_MESSAGE = 30_000  # bytes, which a socket takes and gives in one piece
# For each message it forks a keeper, which forks the process, tells its number, waits for it and tells how it ended.
FORKING = """
import gc, json, os, socket, sys
from contextlib import suppress
gc.freeze()
messages = socket.socket(fileno=0)
while True:
    words, descriptors, _, _ = socket.recv_fds(messages, 1 << 16, 4)
    if not words:
        break
    if os.fork() == 0:
        messages.close()
        *streams, news = descriptors
        process = os.fork()
        if process == 0:
            for number, descriptor in enumerate(streams):
                os.dup2(descriptor, number)
            os.closerange(3, max(descriptors) + 1)
            sys.exit(run(json.loads(words)))
        for descriptor in streams:
            os.close(descriptor)
        os.write(news, b"%d\\n" % process)
        os.write(news, b"%d\\n" % os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]))
        os._exit(0)
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    for descriptor in descriptors:
        os.close(descriptor)
"""


class Forked:
    """One process: what tests use of a Popen."""

    def __init__(self, news: TextIO, stdout: TextIO | None = None) -> None:
        self.stdout = stdout
        self._news = news
        self.pid = int(news.readline())
        self.returncode: int | None = None

    def wait(self, timeout: float) -> int:
        if self.returncode is None:
            if not select.select([self._news], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("a forked process", timeout)
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
    """The interpreter, which starts with the first fork and ends with `close`.

    `source` is a program that loads what it needs and has a function run(message), which returns the exit code.
    """

    def __init__(self, source: str, program: str = sys.executable, env: dict[str, str] | None = None) -> None:
        self._start = [program, "-c", source + FORKING]
        self._env = env
        self._lock = threading.Lock()
        self._running: tuple[subprocess.Popen[bytes], socket.socket] | None = None

    def fork(self, message: Any, stdin: int, stdout: int, stderr: int) -> Forked:
        """A process with these standard streams, which runs with this message (JSON, at most LONGEST_MESSAGE)."""
        data = json.dumps(message).encode()
        assert len(data) <= LONGEST_MESSAGE
        news, theirs = os.pipe()
        try:
            with self._lock:
                socket.send_fds(self._messages(), [data], [stdin, stdout, stderr, theirs])
        finally:
            os.close(theirs)
        return Forked(os.fdopen(news, buffering=1))

    def close(self) -> None:
        if self._running:
            process, messages = self._running
            messages.close()
            process.wait(10)
            self._running = None

    def _messages(self) -> socket.socket:
        if self._running and self._running[0].poll() is not None:  # killed, with a test that had no end
            self.close()
        if not self._running:
            ours, theirs = socket.socketpair()
            with theirs:
                process = subprocess.Popen(self._start, stdin=theirs.fileno(), env=self._env)
            self._running = process, ours
        return self._running[1]
