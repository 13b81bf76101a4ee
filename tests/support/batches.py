"""What the tests of `eugpt batch` share: items as input, rows as output, and runs that go on in the background."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from tests.support.program import EUGPT, KEY

Row = dict[str, Any]
PATIENCE = 60.0  # seconds before a run that hangs is given up


def ndjson(items: Iterable[object]) -> bytes:
    return b"".join(json.dumps(item).encode() + b"\n" for item in items)


def numbered(count: int) -> list[Row]:
    return [{"custom_id": f"item-{number}", "input": f"prompt {number}"} for number in range(count)]


def rows(output: bytes) -> list[Row]:
    """Every line, each of which must be whole."""
    assert output.endswith(b"\n") or not output
    return [json.loads(line) for line in output.splitlines()]


def rows_of(path: Path) -> list[Row]:
    return rows(path.read_bytes())


def by_id(found: list[Row]) -> dict[str, Row]:
    """The rows by their ids, of which there must be one each."""
    ids = [row["custom_id"] for row in found]
    assert len(set(ids)) == len(ids)
    return {row["custom_id"]: row for row in found}


def start(*arguments: str, base_url: str, **more: Any) -> subprocess.Popen[bytes]:
    """A batch in the background, with its streams as pipes."""
    environ = {"PATH": os.defpath, "EUGPT_API_KEY": KEY, "EUGPT_BASE_URL": base_url}
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more}
    return subprocess.Popen([EUGPT, "batch", *arguments], env=environ, **streams)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.002)
