"""Runs eugpt as a process that is forked, not executed, for tables of many runs: 15 ms of a processor instead of 80.

The process runs `main` as the installed script does, with an environment, a folder and descriptors of its own; only the
modules are there already. Tests of the start itself, of signals, of descriptors and of what Python makes of its
environment execute the program (tests.support.program). So do all tests where EUGPT_TEST_PROGRAM names it, as in CI.
"""

import os
import selectors
import subprocess
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from tests.support import program
from tests.support.forks import Forker
from tests.support.program import EUGPT, PATIENCE_SECONDS, PYTHON, environment

# every room that asks the service, and both lanes
LOADED = """
import os, sys, time
from importlib import import_module
from pkgutil import walk_packages
sys.modules["httpx._main"] = None  # as main does
import eugpt_cli
from eugpt_cli.__main__ import main
ROOMS = ("api", "batch", "cli", "commands", "conversation", "http", "output", "run", "settings", "system", "text")
for module in walk_packages(eugpt_cli.__path__, "eugpt_cli."):
    if module.name.split(".")[1] in ROOMS:
        import_module(module.name)
COERCED = {name: value for name, value in os.environ.items() if name == "LC_CTYPE"}  # as any Python does without LANG
def run(message):
    os.environ.clear()
    os.environ.update(message["environ"] | COERCED)
    time.tzset()
    os.chdir(message["folder"])
    sys.argv = message["words"]
    main()
"""
FORKER = Forker(LOADED, PYTHON, environment())
PIPE_SIZE = 65536  # bytes that a pipe takes before anybody reads them
READ_BY_PYTHON = ("PYTHON", "LANG", "LC_")  # when it starts


def eugpt(
    *arguments: str,
    base_url: str | None = None,
    stdin: bytes | None = None,
    env: Mapping[str, str | None] | None = None,
    timeout: float = PATIENCE_SECONDS,
    cwd: Path | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """As that of tests.support.program, which runs what needs more of Python or of a pipe."""
    words, environ = [EUGPT, *arguments], environment(base_url, env)
    if (
        "EUGPT_TEST_PROGRAM" in os.environ
        or len(stdin or b"") > PIPE_SIZE
        or any(name.startswith(READ_BY_PYTHON) for name in environ)
    ):
        return program.eugpt(*arguments, base_url=base_url, stdin=stdin, env=env, timeout=timeout, cwd=cwd)
    message = {"words": words, "environ": environ, "folder": str(cwd or Path.cwd())}
    with ExitStack() as stack:
        (out, stdout), (err, stderr) = (_pipe(stack), _pipe(stack))
        with stack.enter_context(_input(stdin)) as inlet, stdout, stderr:
            process = FORKER.fork(message, inlet.fileno(), stdout.fileno(), stderr.fileno())
        deadline = time.monotonic() + timeout
        try:
            told = _read_to_the_end([out, err], deadline)
            code = process.wait(max(deadline - time.monotonic(), 0))
        except BaseException:
            process.kill()
            process.wait(PATIENCE_SECONDS)
            raise
    return subprocess.CompletedProcess(words, code, *told)


def _pipe(stack: ExitStack) -> tuple[BinaryIO, BinaryIO]:
    outlet, inlet = os.pipe()
    return stack.enter_context(open(outlet, "rb", 0)), open(inlet, "wb", 0)


def _input(data: bytes | None) -> BinaryIO:
    """What a process reads these bytes from, /dev/null for None."""
    if data is None:
        return open(os.devnull, "rb")
    outlet, inlet = os.pipe()
    with open(inlet, "wb", 0) as pipe:
        pipe.write(data)
    return open(outlet, "rb", 0)


def _read_to_the_end(pipes: list[BinaryIO], deadline: float) -> list[bytes]:
    """What comes through each. Raises TimeoutExpired."""
    read = {pipe: bytearray() for pipe in pipes}
    with selectors.DefaultSelector() as selector:
        for pipe in pipes:
            selector.register(pipe, selectors.EVENT_READ)
        while selector.get_map():
            ready = selector.select(max(deadline - time.monotonic(), 0))
            if not ready:
                raise subprocess.TimeoutExpired(EUGPT, 0, bytes(read[pipes[0]]), bytes(read[pipes[1]]))
            for key, _ in ready:
                data = os.read(key.fd, PIPE_SIZE)
                read[key.fileobj].extend(data)  # type: ignore[index]
                if not data:
                    selector.unregister(key.fileobj)
    return [bytes(text) for text in read.values()]
