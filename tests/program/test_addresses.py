"""A name with several addresses: a dead one costs a quarter of a second, not the time to connect. RFC 8305."""

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures import DOCUMENT
from tests.support.program import eugpt
from tests.support.rawserver import http, serving

PATIENCE = 20  # less than half of --connect-timeout, and much more than any of it takes
DEAD4, DEAD6, REFUSING, LIVE = "127.0.0.2", "::1", "127.0.0.3", "127.0.0.1"
RESOLVER = """\
import json, os, socket
def getaddrinfo(host, port, **_):
    return [
        (socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
        for address in json.loads(os.environ["ADDRESSES"])
    ]
socket.getaddrinfo = getaddrinfo
"""


@contextlib.contextmanager
def dead(address: str, port: int) -> Iterator[None]:
    """Somebody listens there whose queue is full: what is sent to him is dropped."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server((address, port), family=family, backlog=0))
        while True:
            client = stack.enter_context(socket.socket(family))
            client.settimeout(0.3)
            try:
                client.connect(listener.getsockname())
            except TimeoutError:
                break
        yield


@pytest.mark.parametrize(
    "addresses",
    [[DEAD4, LIVE], [DEAD6, LIVE], [DEAD6, DEAD4, LIVE], [REFUSING, LIVE], [REFUSING, DEAD4, LIVE], [LIVE, DEAD4]],
    ids=" ".join,
)
def test_the_first_that_answers_is_taken(tmp_path: Path, addresses: list[str]) -> None:
    (tmp_path / "sitecustomize.py").write_text(RESOLVER)
    env: dict[str, str | None] = {"PYTHONPATH": str(tmp_path), "ADDRESSES": json.dumps(addresses)}
    with serving(http(DOCUMENT)) as server, contextlib.ExitStack() as stack:
        for address in {DEAD4, DEAD6} & set(addresses):
            stack.enter_context(dead(address, server.port))
        begun = time.monotonic()
        words = ("ask", "x", "--retries", "0", "--connect-timeout", "60")
        run = eugpt(*words, base_url=server.url("localhost"), env=env)
        assert (run.returncode, run.stdout) == (0, b"Hello\n"), run
        assert time.monotonic() - begun < PATIENCE


def test_all_of_them_are_tried_before_the_last_one_is_told(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(RESOLVER)
    with serving(http(DOCUMENT)) as server:
        for addresses, says in (([REFUSING, DEAD4], b"within 1 s"), ([REFUSING, "127.0.0.4"], b"connection refused")):
            env: dict[str, str | None] = {"PYTHONPATH": str(tmp_path), "ADDRESSES": json.dumps(addresses)}
            words = ("ask", "x", "--retries", "0", "--connect-timeout", "1")
            with dead(DEAD4, server.port) if DEAD4 in addresses else contextlib.nullcontext():
                run = eugpt(*words, base_url=server.url("localhost"), env=env)
            assert run.returncode == 60
            assert says in run.stderr
