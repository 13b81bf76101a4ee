"""Compressed answers: undone though they were not asked for, and no larger than others. Section 4."""

import functools
import gzip
import struct
import subprocess
import sys
import zlib

import pytest

from tests.fixtures import DOCUMENT, EVENTS
from tests.support.forked_program import eugpt
from tests.support.program import EUGPT, environment
from tests.support.rawserver import http, serving, sse

LIMIT = 256 << 20
# Prints the peak of a command in KiB. A process inherits the peak of the one that starts it, so that one must be small.
MEASURE = """\
import os, sys
_, status, used = os.wait4(os.spawnv(os.P_NOWAIT, sys.argv[1], sys.argv[1:]), 0)
print(used.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""
pytestmark = pytest.mark.usefixtures("lane")


def coded(body: bytes, coding: str, kind: str = "application/json", status: str = "200 OK") -> bytes:
    return http(body, kind=kind, status=status, extra=f"Content-Encoding: {coding}\r\n")


EVENT_BYTES = sse(*EVENTS)
GOOD = {
    "gzip": coded(gzip.compress(DOCUMENT), "gzip"),
    "two members": coded(gzip.compress(DOCUMENT[:9]) + gzip.compress(DOCUMENT[9:]), "gzip"),
    "deflate": coded(zlib.compress(DOCUMENT), "deflate"),
    "deflate without its frame": coded(zlib.compress(DOCUMENT)[2:-4], "deflate"),
    "identity": coded(DOCUMENT, "identity"),
    "events": coded(gzip.compress(EVENT_BYTES), "gzip", "text/event-stream"),
}


@pytest.mark.parametrize("name", GOOD)
def test_good(name: str) -> None:
    with serving(GOOD[name]) as server:
        for command in ("ask", "stream"):
            run = eugpt(command, "x", base_url=server.base_url)
            assert (run.returncode, run.stdout, run.stderr) == (0, b"Hello\n", b"")
            assert server.received[-1].headers["accept-encoding"] == "identity"


BAD = {
    "two codings": (coded(gzip.compress(gzip.compress(DOCUMENT)), "gzip, gzip"), 63, b"not_the_api"),
    "an unknown one": (coded(DOCUMENT, "br"), 63, b"not_the_api"),
    "not what it says": (coded(DOCUMENT, "gzip"), 63, b"not_the_api"),
    "cut": (coded(gzip.compress(DOCUMENT)[:-9], "gzip"), 62, b"truncated"),
    "a failure in an unknown coding": (coded(b"?", "br", status="400 X"), 40, b"bad_request: X (HTTP 400)"),
    "a failure": (coded(gzip.compress(b'{"detail":"no"}'), "gzip", status="400 X"), 40, b"bad_request: no (HTTP 400)"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad(name: str) -> None:
    answer, code, says = BAD[name]
    with serving(answer) as server:
        run = eugpt("ask", "x", "--retries", "0", base_url=server.base_url)
    assert (run.returncode, run.stdout) == (code, b"")
    assert run.stderr.startswith(b"eugpt: " + says)


@functools.cache
def bomb() -> bytes:
    """2 GB of zeros in one member of gzip, 2 MB. A block that ends with a full flush is the same bytes each time."""
    million, packer = bytes(1_000_000), zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    block = packer.compress(million) + packer.flush(zlib.Z_FULL_FLUSH)
    times = 2000
    checksum = functools.reduce(lambda sum_, _: zlib.crc32(million, sum_), range(times), 0)
    head, tail = b"\x1f\x8b\x08" + bytes(6) + b"\xff", struct.pack("<II", checksum, times * len(million))
    return head + block * times + packer.flush() + tail


@pytest.mark.parametrize("twice", [True, False], ids=["twice", "once"])
def test_what_is_small_only_on_the_way(twice: bool) -> None:
    """The document may take the limit while it is being put together, and as much again once it is."""
    answer = coded(gzip.compress(bomb(), 9), "gzip, gzip") if twice else coded(bomb(), "gzip")
    with serving(answer) as server:
        words = [sys.executable, "-c", MEASURE, EUGPT, "ask", "x", "--retries", "0"]
        run = subprocess.run(words, env=environment(server.base_url), capture_output=True, timeout=60, check=False)
    assert run.stderr.startswith(b"eugpt: not_the_api: ")
    assert run.returncode == 63
    assert int(run.stdout) * 1024 < LIMIT + (128 << 20)
