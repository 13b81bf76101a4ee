"""Four times the bytes are four times the work, however they are cut: counted in bytes looked at, never in seconds."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from eugpt_cli.api.sse import Decoder
from tests.support.program import KEY, PYTHON
from tests.support.rawserver import serving, stream

MOST = 4.6  # what four times the bytes may cost: a little more than four, far from sixteen
COMPLETED = '{"type":"response.completed","response":{"status":"completed"}}'
COUNTED = """
import os, sys
work = 0
def count(frame, event, called):
    global work
    if event == "c_call":
        if called is os._exit:
            sys.setprofile(None)
            with open(os.environ["WORK"], "w") as told:
                told.write(str(work))
        owner = getattr(called, "__self__", None)
        work += 1 + len(owner) if isinstance(owner, (bytes, bytearray, str)) else 1
sys.setprofile(count)
from eugpt_cli.__main__ import main
main()
"""


class Counted(bytes):
    """Bytes that count how many of them are looked at or copied, by methods and by operators."""

    work = 0


def counting(name: str) -> Any:
    plain = getattr(bytes, name)

    def method(self: Counted, *arguments: Any) -> Any:
        Counted.work += len(self)
        return counted(plain(self, *arguments))

    return method


def counted(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return type(value)(map(counted, value))
    return Counted(value) if isinstance(value, bytes) else value


for _name in ("find", "rfind", "count", "split", "partition", "rpartition", "replace", "startswith", "removeprefix"):
    setattr(Counted, _name, counting(_name))
for _name in ("__add__", "__getitem__", "__contains__"):
    setattr(Counted, _name, counting(_name))


def appended(self: Counted, left: bytes | bytearray) -> Any:
    """`left + self`, and `left += self`, which copies only itself into a bytearray."""
    Counted.work += len(self)
    if isinstance(left, bytearray):
        left.extend(self)
        return left
    Counted.work += len(left)
    return Counted(bytes.__add__(left, self))


Counted.__radd__ = appended  # type: ignore[attr-defined]

SHAPES = {
    "one event": lambda n: b"data: " + b"x" * n + b"\n\n",
    "one event of lines": lambda n: b"data: x\n" * (n // 8) + b"\n",
    "one comment": lambda n: b":" + b"x" * n + b"\n\n",
    "events": lambda n: b"event: message\ndata: x\n\n" * (n // 24),
    "events with CRLF": lambda n: b"data: x\r\n\r\n" * (n // 11),
    "no end": lambda n: b"x" * n,
}


@pytest.mark.parametrize("size", [100, 1000, 1 << 20])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_decoder(shape: str, size: int) -> None:
    def work(length: int) -> int:
        text = SHAPES[shape](length)
        decoder = Decoder()
        Counted.work = 0
        for at in range(0, len(text), size):
            decoder.runs(Counted(text[at : at + size]))
        return Counted.work

    assert 0 < work(400_000) <= MOST * work(100_000)


def delta(text: str) -> str:
    return json.dumps({"type": "response.output_text.delta", "delta": text})


def work_of(folder: Path, command: list[str], *events: str) -> int:
    """How many bytes the program looks at in an answer of these events."""
    told = folder / "work"
    with serving(stream(*events, COMPLETED)) as server:
        done = subprocess.run(
            [PYTHON, "-c", COUNTED, *command, "-I", "x"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env={"PATH": os.defpath, "EUGPT_API_KEY": KEY, "EUGPT_BASE_URL": server.base_url, "WORK": str(told)},
            timeout=60,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, b"")
    return int(told.read_text())


@pytest.mark.parametrize("command", [["stream"], ["ask"], ["raw-events"], ["raw-events", "--sse"]], ids=" ".join)
def test_the_program(command: list[str], tmp_path: Path) -> None:
    start = work_of(tmp_path, command, delta("x"))
    one = [work_of(tmp_path, command, delta("x" * size)) - start for size in (2 << 20, 8 << 20)]
    many = [work_of(tmp_path, command, *[delta("x" * 800)] * number) - start for number in (2000, 8000)]
    assert 0 < one[1] <= MOST * one[0], one
    assert 0 < many[1] <= MOST * many[0], many
