"""Whole streams through the process: cut anywhere, in any line ending, of any length."""

import fcntl
import json
import os
import socket
import subprocess
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.program import EUGPT, KEY, eugpt, start
from tests.support.rawserver import SSE_HEAD, Script, chunk, serving, stream

COMPLETED = {"type": "response.completed", "response": {"status": "completed", "output": []}}
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
EVENTS = st.one_of(
    st.builds(lambda delta: {"type": "response.output_text.delta", "delta": delta}, TEXTS),
    st.builds(lambda note: {"type": "response.other", "note": note}, TEXTS),
)
ENDS = st.sampled_from(["\n", "\r\n", "\r"])


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(st.lists(EVENTS, max_size=8), ENDS, st.integers(1, 40), st.booleans(), st.booleans())
def test_the_events_that_went_in_come_out(
    events: list[dict[str, Any]], end: str, size: int, comments: bool, escaped: bool
) -> None:
    lines = [json.dumps(event, ensure_ascii=escaped) for event in [*events, COMPLETED]]
    body = "".join(f"{':' + end if comments else ''}data: {line}{end}{end}" for line in lines).encode()
    pieces = b"".join(chunk(body[at : at + size]) for at in range(0, len(body), size))
    with serving(SSE_HEAD + pieces + b"0\r\n\r\n") as server:
        raw = eugpt("raw-events", "x", base_url=server.base_url)
        text = eugpt("stream", "x", base_url=server.base_url)
    assert (raw.returncode, raw.stderr, text.returncode, text.stderr) == (0, b"", 0, b"")
    assert raw.stdout.decode() == "".join(f"{line}\n" for line in lines)
    said = "".join(event.get("delta", "") for event in events)
    assert text.stdout.decode() == (said if said.endswith("\n") else said + "\n")


def endless(megabytes: int) -> Script:
    """A stream of so many megabytes of deltas, then its end."""
    event = b'event: message\ndata: {"type":"response.output_text.delta","delta":"' + b"x" * 800 + b'"}\n\n'
    piece = chunk(event * 64)

    def script(connection: socket.socket) -> None:
        connection.sendall(SSE_HEAD)
        for _ in range(megabytes * 1_000_000 // len(piece)):
            connection.sendall(piece)
        connection.sendall(chunk(b'data: {"type":"response.completed"}\n\n') + b"0\r\n\r\n")

    return script


def peak_memory(command: str, megabytes: int) -> int:
    """Peak resident memory in KiB of one run over a stream of that length."""
    with serving(endless(megabytes)) as server:
        run = subprocess.Popen(
            [EUGPT, command, "-I", "x"],
            stdout=subprocess.DEVNULL,
            env={"EUGPT_API_KEY": KEY, "EUGPT_BASE_URL": server.base_url},
        )
        _, status, usage = os.wait4(run.pid, 0)
        run.returncode = os.waitstatus_to_exitcode(status)
    assert run.returncode == 0
    return usage.ru_maxrss


def test_memory_does_not_grow_with_the_stream() -> None:
    for command in ("stream", "raw-events"):
        short, long = peak_memory(command, 2), peak_memory(command, 200)
        assert long < short * 1.1, (command, short, long)


@pytest.mark.parametrize("blocking", [True, False])
def test_a_slow_reader_gets_everything_and_is_not_the_services_silence(blocking: bool) -> None:
    read, write = os.pipe()
    os.set_blocking(write, blocking)
    with (
        serving(endless(2)) as server,
        subprocess.Popen(
            [EUGPT, "stream", "-I", "x", "--timeout", "2", "--retries", "0"],
            stdout=write,
            stderr=subprocess.PIPE,
            env={"EUGPT_API_KEY": KEY, "EUGPT_BASE_URL": server.base_url},
        ) as run,
    ):
        os.close(write)
        time.sleep(4)
        with open(read, "rb") as pipe:
            answer = pipe.read()
        assert run.stderr
        assert (run.wait(), run.stderr.read()) == (0, b"")
    assert len(answer) > 1_500_000
    assert answer.strip(b"x") == b"\n"


@pytest.mark.parametrize(
    ("length", "before", "after"), [(9, 1 << 16, 1 << 16), (99_999, 1 << 16, 1 << 18), (99_999, 1 << 19, 1 << 19)]
)
def test_a_pipe_has_room_for_large_writes(length: int, before: int, after: int) -> None:
    """It never gets less, and none more without need."""
    read, write = os.pipe()
    fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, before)
    with (
        serving(stream(json.dumps({"type": "x", "x": "x" * length}), json.dumps(COMPLETED))) as server,
        open(read, "rb") as pipe,
        start("raw-events", "x", base_url=server.base_url, stdout=write) as run,
    ):
        os.close(write)
        assert len(pipe.read()) > length
        assert run.wait() == 0
        assert fcntl.fcntl(read, fcntl.F_GETPIPE_SZ) == after


def test_a_delta_that_is_not_json_hides_none_before_it() -> None:
    good = [json.dumps({"type": "response.output_text.delta", "delta": text}) for text in ("a", "b")]
    events = [*good, good[0][:-2], good[1], json.dumps(COMPLETED)]
    with serving(stream(*events)) as server:
        runs = {command: eugpt(command, "x", base_url=server.base_url) for command in ("stream", "ask", "raw-events")}
    assert (runs["stream"].returncode, runs["stream"].stdout) == (63, b"ab")
    assert (runs["ask"].returncode, runs["ask"].stdout) == (63, b"")
    assert (runs["raw-events"].returncode, runs["raw-events"].stdout.decode().splitlines()) == (63, good)
