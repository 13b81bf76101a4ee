"""Anything at all as an answer: always an exit code of the table, 0 only for a complete answer, one line, no traceback.

A few examples of each kind, the same ones every time; EUGPT_FUZZ_SECONDS=60 takes new ones for so long.
"""

import json
import os
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fixtures import DOCUMENT, EVENTS
from tests.support.forked_program import eugpt
from tests.support.program import KEY
from tests.support.rawserver import SSE_HEAD, chunk, held_open, reset_after, serving, sse

SECONDS = int(os.environ.get("EUGPT_FUZZ_SECONDS", "0"))
TABLE = {0, 40, 41, 43, 44, 49, 50, 52, 53, 54, 61, 62, 63, 80, 81}
ENDS = {"closed": lambda data: data, "reset": reset_after, "held": held_open}

Bytes = st.SearchStrategy[bytes]


def pieces(*words: bytes, most: int = 10) -> Bytes:
    """Random bytes between words of the format, so that they come deep into the parser."""
    return st.lists(st.sampled_from(words) | st.binary(max_size=8), max_size=most).map(b"".join)


EVENT = sse(EVENTS[1])
DONE = sse(EVENTS[-1])
HTTP = (
    b"HTTP/1.1 ", b"HTTP/1.0 ", b"200 OK", b"200", b"503 X", b"100 Continue", b"204 X", b"\r\n", b"\n", b"\r\n\r\n",
    b"Content-Type: ", b"text/event-stream", b"application/json", b"Content-Length: ", b"5", b"-1",
    b"99999999999999999999", b"Transfer-Encoding: chunked\r\n", b"Content-Encoding: gzip\r\n",
    b"Retry-After: 0\r\n", b"Connection: close\r\n", DOCUMENT, DONE,
)  # fmt: skip
FRAMES = (
    b"0",
    b"5",
    b"ff",
    b"FFFFFFFFFFFFFFFFF",
    b";x=y",
    b"\r\n",
    b"\n",
    b"0\r\n\r\n",
    b"-1\r\n",
    chunk(EVENT),
    chunk(DONE),
)
FIELDS = (
    b"data", b"event", b"id", b"retry", b":", b": ", b"\n", b"\r", b"\r\n", b"\n\n", b"\xef\xbb\xbf", b"[DONE]",
    b"null", b"[]", b'{"type":', b'"response.completed"', b'"error"', b'"response.failed"',
    b'"response.output_text.delta","delta":', b'"\\ud800"', b"{}", b"}", b"1e999", b"NaN", b"[" * 2000,
    b'"code":503', b',"response":', b'{"status":', b'"incomplete"', EVENT, DONE,
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
NAMES = (
    "type",
    "response",
    "delta",
    "item",
    "error",
    "message",
    "code",
    "detail",
    "status",
    "id",
    "usage",
    "output",
    "output_text",
)
TYPES = ("response.created", "response.output_text.delta", "response.output_item.added", "response.completed", "error")
OBJECTS = st.dictionaries(st.sampled_from(NAMES), JSON, max_size=5)
SHAPED = st.builds(lambda kind, fields: {**fields, "type": kind}, st.sampled_from(TYPES), OBJECTS) | OBJECTS


def plain(body: bytes, kind: str) -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def events(shaped: list[Any]) -> bytes:
    return SSE_HEAD + chunk(sse(*map(json.dumps, shaped))) + b"0\r\n\r\n"


KINDS: dict[str, Bytes] = {
    "a whole response": st.binary(max_size=200) | pieces(*HTTP),
    "headers": pieces(*HTTP).map(lambda head: b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n" + DOCUMENT),
    "chunk framing": pieces(*FRAMES).map(lambda frames: SSE_HEAD + frames),
    "SSE": pieces(*FIELDS, most=20).map(lambda body: SSE_HEAD + chunk(body or b"\n") + b"0\r\n\r\n"),
    "events": st.lists(SHAPED, max_size=4).map(events),
    "a document": (SHAPED.map(lambda it: json.dumps(it).encode()) | pieces(*FIELDS)).map(
        lambda body: plain(body, "application/json")
    ),
    "a refusal": (OBJECTS.map(lambda it: json.dumps(it).encode()) | pieces(*FIELDS)).map(
        lambda body: plain(body, "application/json").replace(b"200 OK", b"422 X", 1)
    ),
}


def is_complete(command: str, answer: bytes, printed: bytes) -> bool:
    """What an exit of 0 has to be based on: the word that says so in the answer, and in the raw events."""
    return b"completed" in answer and (command != "raw-events" or b"completed" in printed)


@pytest.mark.parametrize("kind", KINDS)
def test_anything(kind: str) -> None:
    end = time.monotonic() + SECONDS

    @settings(
        max_examples=SECONDS * 30 or 8,
        derandomize=not SECONDS,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(KINDS[kind], st.sampled_from(["ask", "stream", "raw-events"]), st.sampled_from(list(ENDS)))
    def one(answer: bytes, command: str, how: str) -> None:
        if SECONDS and time.monotonic() > end:
            return
        finish: Callable[[bytes], object] = ENDS[how]
        options = ("--retries", "0", "--timeout", "0.5", "--errors", "json", "--meta", "/dev/null")
        with serving(finish(answer)) as server:  # type: ignore[arg-type]
            run = eugpt(command, "x", *options, base_url=server.base_url)
        assert run.returncode in TABLE, run
        assert b"Traceback" not in run.stderr
        assert KEY.encode() not in run.stdout + run.stderr
        if run.returncode == 0:
            assert run.stderr == b""
            assert is_complete(command, answer, run.stdout), (answer, run)
        else:
            [line] = run.stderr.splitlines()
            assert json.loads(line)["error"]["exit"] == run.returncode
            assert command != "ask" or run.stdout == b""

    one()
