"""The server as a process: its life and end, its command, and everything a bad or unlucky client can do to it."""

import contextlib
import json
import os
import random
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from eugpt_cli.local.server import run
from eugpt_cli.local.server_config import ServeError, ServerConfig

from .conftest import Server, Start, command_line

U = "1c8b9a7f-2d3e-4f5a-9b8c-7d6e5f4a3b2c"
HEAD = "POST /v1/responses HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


def connected(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=10)


def answer_bytes(server: Server, data: bytes) -> bytes:
    """All that the server says to some bytes, until it closes."""
    with connected(server) as line:
        line.sendall(data)
        received = b""
        while chunk := line.recv(65536):
            received += chunk
    return received


def until(line: socket.socket, mark: bytes) -> None:
    """Reads up to some bytes."""
    received = b""
    while mark not in received:
        chunk = line.recv(65536)
        assert chunk, received
        received += chunk


def post_bytes(server: Server, body: str, *more: str) -> bytes:
    head = "".join(f"{line}\r\n" for line in (f"Authorization: Bearer {server.key}", *more))
    return f"{HEAD}{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()


def memory(server: Server) -> int:
    """Resident memory of the server in KiB."""
    listing = subprocess.run(["ps", "-o", "rss=", "-p", str(server.process.pid)], capture_output=True, text=True)
    return int(listing.stdout)


def answers(server: Server) -> bool:
    return bool(server.ask("What is 1+1?")["output_text"] == "1+1 = 2")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_end_it_with_streams_open(start: Start, tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "s.toml").write_text('[[request]]\ntimes = 0\ntext = "a b c d"\ndelay_between = 30\n')
    server = start(scenario=str(tmp_path / "s.toml"))
    lines = [connected(server) for _ in range(5)]
    for line in lines:
        line.sendall(post_bytes(server, '{"input": "x"}'))
        until(line, b"response.created")
    idle = connected(server)
    begun = time.monotonic()
    assert server.stop(number) == 100 + number
    assert time.monotonic() - begun < 15  # the streams would go on for minutes
    for line in (*lines, idle):
        line.close()
    assert "Traceback" not in server.log.read_text()


def test_nohup_is_respected() -> None:
    line = ["sh", "-c", "trap '' HUP; exec \"$@\"", "sh", *command_line({})]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        url = shlex.split(process.stdout.readline())[1].split("=")[1].removesuffix("/v1")
        process.send_signal(signal.SIGHUP)
        assert httpx.get(f"{url}/openapi.json").status_code == 200
        assert httpx.get(f"{url}/openapi.json").status_code == 200
        process.terminate()
        assert process.wait(10) == 100 + signal.SIGTERM


def test_a_request_under_way_is_finished(start: Start, tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text('[[request]]\ntext = "a b c"\ndelay_between = 0.03\n')
    server = start(scenario=str(tmp_path / "s.toml"))
    with connected(server) as line:
        line.sendall(post_bytes(server, '{"input": "x"}', "Connection: close"))
        received = line.recv(65536)
        server.process.send_signal(signal.SIGTERM)
        while chunk := line.recv(65536):
            received += chunk
    assert b"response.completed" in received
    assert server.process.wait(5) == 100 + signal.SIGTERM


def test_port_in_use(server: Server) -> None:
    second = subprocess.run(command_line({"port": server.port}), capture_output=True, text=True, timeout=20)
    assert second.returncode == 30
    assert second.stdout == ""
    assert second.stderr.startswith(f"ServeError: port {server.port} on 127.0.0.1 is in use | choose another with ")


def test_other_hosts_are_warned_about(start: Start) -> None:
    server = start(host="0.0.0.0")
    assert server.base_url.startswith("http://127.0.0.1:")
    assert answers(server)
    assert server.log.read_text().startswith("warning: listening on 0.0.0.0")


def test_ipv6_loopback(start: Start) -> None:
    server = start(host="::1")
    assert server.base_url.startswith("http://[::1]:")
    assert server.log.read_text() == ""
    assert answers(server)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"keys": Path("/missing.toml")}, "cannot read the keys in /missing.toml"),
        ({"projects": {U: Path("/missing")}}, "no such folder: /missing"),
        ({"files": {U: Path("/missing")}}, "no such file: /missing"),
        ({"web": Path("/missing")}, "no such folder: /missing"),
        ({"state": Path("/dev/null/x")}, "cannot use the state in /dev/null/x"),
        ({"key": "two words"}, "a key must consist of printable ASCII characters"),
        ({"port": 70000}, "70000 is not a port"),
        ({"host": "203.0.113.1"}, "cannot listen on 203.0.113.1:0"),
    ],
)
def test_what_cannot_start_says_why(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ServeError) as caught:
        run(ServerConfig(**{"port": 0, **options}), [], {}, lambda _: None, lambda _: None)
    assert caught.value.message.startswith(message)
    assert "\n" not in caught.value.message


def command(*words: str, **options: object) -> subprocess.CompletedProcess[str]:
    line = command_line(dict(options), *words)
    return subprocess.run(line, capture_output=True, text=True, timeout=30, input="from stdin")


CHILD = """
import os, sys, urllib.request
body = b'{"input": "What is 5*5?", "stream": false}'
request = urllib.request.Request(os.environ["EUGPT_BASE_URL"] + "/responses", body,
    {"Authorization": "Bearer " + os.environ["EUGPT_API_KEY"], "Content-Type": "application/json"})
print(sys.stdin.read(), b"5*5 = 25" in urllib.request.urlopen(request).read())
sys.exit(7)
"""


def test_command_finds_the_server_and_keeps_its_exit_code() -> None:
    ran = command(sys.executable, "-c", CHILD)
    assert (ran.returncode, ran.stdout, ran.stderr) == (7, "from stdin True\n", "")


def test_command_killed_by_a_signal_is_told_by_its_number() -> None:
    assert command("sh", "-c", "kill -9 $$").returncode == 100 + 9


def test_command_not_found() -> None:
    ran = command("no-such-command-here")
    assert (ran.returncode, ran.stderr) == (127, "ServeError: no-such-command-here: command not found | None\n")
    assert command("/").returncode == 126


def test_command_gets_a_path_on_which_eugpt_is_found(tmp_path: Path) -> None:
    line = command_line({}, "/bin/sh", "-c", "echo $PATH")
    bare = subprocess.run(line, capture_output=True, text=True, env={**os.environ, "PATH": "/nowhere"}, timeout=20)
    assert bare.stdout == f"{Path(sys.executable).parent}:/nowhere\n"
    (tmp_path / "eugpt").write_text("#!/bin/sh\n")
    (tmp_path / "eugpt").chmod(0o755)
    there = subprocess.run(line, capture_output=True, text=True, env={**os.environ, "PATH": str(tmp_path)}, timeout=20)
    assert there.stdout == f"{tmp_path}\n"


def test_a_proxy_does_not_stand_before_the_server() -> None:
    line = command_line({}, "/bin/sh", "-c", "echo $NO_PROXY $no_proxy")
    environ = {**os.environ, "HTTP_PROXY": "http://proxy.example:3128", "NO_PROXY": "intra.example", "no_proxy": ""}
    ran = subprocess.run(line, capture_output=True, text=True, env=environ, timeout=20)
    assert ran.stdout == "intra.example,127.0.0.1,localhost,::1 127.0.0.1,localhost,::1\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_signals_are_handed_to_the_command(number: signal.Signals) -> None:
    script = f"trap 'exit 9' {number.name[3:]}; echo ready; while :; do sleep 0.05; done"
    with subprocess.Popen(command_line({}, "sh", "-c", script), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        assert process.wait(10) == 9


def test_sigint_is_left_to_the_command() -> None:
    script = "import signal, time; signal.signal(2, lambda *_: exit(5)); print('ready', flush=True); time.sleep(30)"
    line = command_line({}, sys.executable, "-c", script)
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(10) == 5


def test_access_lines(start: Start) -> None:
    server = start(verbose=True)
    server.ask("Hello.")
    server.post(b"{")
    answer_bytes(server, b"GET /a%0a%1b[31m HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    server.stop()
    first, second, third = server.log.read_text().splitlines()
    assert first.startswith("127.0.0.1 POST /v1/responses 200 ")
    assert " req_" in first
    assert second.startswith("127.0.0.1 POST /v1/responses 400 ")
    assert third.startswith("127.0.0.1 GET /a%0a%1b[31m 404 "), "nothing that moves a cursor or begins a line"
    assert server.key not in server.log.read_text()


def test_keep_alive_and_pipelining(server: Server) -> None:
    bodies = [json.dumps({"input": f"What is {n}*10?", "stream": n % 2 == 0}) for n in range(6)]
    requests = [post_bytes(server, body) for body in bodies[:-1]] + [
        post_bytes(server, bodies[-1], "Connection: close")
    ]
    received = answer_bytes(server, b"".join(requests)).decode()
    assert received.count("HTTP/1.1 200 OK") == 6
    places = [received.index(f'"output_text":"{n}*10 = {n * 10}"') for n in range(6)]
    assert places == sorted(places)


MALFORMED = [
    b"garbage\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nX: " + b"a" * 20_000 + b"\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(500)) + b"\r\n",
    HEAD.encode() + b"Content-Length: -5\r\n\r\n",
    HEAD.encode() + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
]


@pytest.mark.parametrize("data", MALFORMED, ids=range(len(MALFORMED)))
def test_malformed_http_is_400_with_the_envelope(server: Server, data: bytes) -> None:
    head, _, body = answer_bytes(server, data).partition(b"\r\n\r\n")
    assert head.startswith((b"HTTP/1.1 400", b"HTTP/1.0 400"))
    assert json.loads(body)["error"]["type"] == "invalid_request_error"
    assert answers(server)


def test_bad_chunk_is_400(server: Server) -> None:
    data = f"{HEAD}Authorization: Bearer {server.key}\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n"
    assert answer_bytes(server, data.encode()).split(b" ")[1] == b"400"
    assert answers(server)


def test_random_bytes(server: Server) -> None:
    noise = random.Random(7)
    for _ in range(150):
        with connected(server) as line:
            line.sendall(noise.randbytes(noise.randrange(1, 3000)))
    assert answers(server)
    assert "Traceback" not in server.log.read_text()


@pytest.mark.parametrize("pieces", [1, 33], ids=["at once", "chunked"])
def test_a_body_too_large_is_413(server: Server, pieces: int) -> None:
    piece = b"a" * (33 * 1024 * 1024 // pieces)
    response = server.post(piece if pieces == 1 else iter([piece] * pieces))
    assert (response.status_code, response.json()["error"]["code"]) == (413, "body_too_large")
    assert answers(server)


def test_a_body_announced_as_too_large_is_refused_before_it_comes(server: Server) -> None:
    with connected(server) as line:
        line.sendall(f"{HEAD}Authorization: Bearer {server.key}\r\nContent-Length: 99999999999\r\n\r\n".encode())
        assert line.recv(65536).startswith(b"HTTP/1.1 413 ")


def test_a_client_that_waits_for_it_is_told_to_go_on(server: Server) -> None:
    body = b'{"input": "What is 2+3?", "stream": false}'
    head = f"{HEAD}Authorization: Bearer {server.key}\r\nExpect: 100-continue\r\nContent-Length: {len(body)}\r\n\r\n"
    with connected(server) as line:
        line.sendall(head.encode())
        assert line.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        line.sendall(body)
        until(line, b"2+3 = 5")


def test_slow_clients_are_let_go(start: Start) -> None:
    server = start(patience=0.6)
    partial = [b"", b"POST /v1/resp", f"{HEAD}X-Slow: ".encode(), post_bytes(server, '{"input": "x"}')[:-4]]
    lines = [connected(server) for _ in partial for _ in range(10)]
    begun = time.monotonic()
    for number, line in enumerate(lines):
        line.sendall(partial[number % len(partial)])
    ends = [line.recv(65536) for line in lines]
    assert time.monotonic() - begun < 30
    assert {end.split(b"\r\n")[0] for end in ends} == {b"", b"HTTP/1.1 408 Request Timeout"}
    for line in lines:
        line.close()
    assert answers(server)


def test_slowloris_byte_by_byte(start: Start) -> None:
    server = start(patience=0.6)
    begun = time.monotonic()
    with connected(server) as line, contextlib.suppress(ConnectionResetError, BrokenPipeError):
        while time.monotonic() - begun < 30:
            line.sendall(b"x")
            time.sleep(0.02)
    assert time.monotonic() - begun < 30
    assert answers(server)


def test_a_client_that_does_not_read_is_cut_off(start: Start, tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text(f'[[request]]\nbody = "{"a" * 8_000_000}"\n')
    server = start(patience=0.6, scenario=str(tmp_path / "s.toml"))
    with connected(server) as line:
        line.sendall(post_bytes(server, "{}"))
        assert answers(server)
        process = server.process
        begun = time.monotonic()
        while established(process.pid, server.port) and time.monotonic() - begun < 30:
            time.sleep(0.05)
        assert time.monotonic() - begun < 30


def established(pid: int, port: int) -> bool:
    """Whether the port still has a connection that somebody's socket holds open on the server's side."""
    listing = Path("/proc/net/tcp")
    if not listing.exists():
        return bool(subprocess.run(["lsof", "-a", "-p", str(pid), f"-iTCP:{port}", "-sTCP:ESTABLISHED"]).stdout)
    rows = [row.split() for row in listing.read_text().splitlines()[1:]]
    return any(row[1].endswith(f":{port:04X}") and row[3] == "01" for row in rows)


def test_a_client_that_leaves_costs_nothing(start: Start, tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text('[[request]]\ntimes = 0\nmatch = "slow"\ntext = "a b c"\ndelay_between = 60\n')
    server = start(scenario=str(tmp_path / "s.toml"), verbose=True)
    for _ in range(50):
        with connected(server) as line:
            line.sendall(post_bytes(server, '{"input": "slow"}'))
            until(line, b"response.created")
    assert answers(server)
    begun = time.monotonic()
    while server.log.read_text().count(" left ") < 50 and time.monotonic() - begun < 30:
        time.sleep(0.02)
    assert server.log.read_text().count(" left ") == 50, "the handlers of gone clients are ended at once"
    assert "Traceback" not in server.log.read_text()


def test_two_hundred_streams_at_once(start: Start, tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text(
        f'[[request]]\ntimes = 0\ntext = "{" ".join(["word"] * 20)}"\ndelay_between = 0.02\n'
    )
    server = start(scenario=str(tmp_path / "s.toml"))
    meeting = threading.Barrier(200)

    def stream(_: int) -> bool:
        with connected(server) as line:
            line.sendall(post_bytes(server, '{"input": "x"}', "Connection: close"))
            received = line.recv(65536)
            meeting.wait(20)
            while chunk := line.recv(65536):
                received += chunk
        return b"response.completed" in received and received.endswith(b"0\r\n\r\n")

    with ThreadPoolExecutor(200) as pool:
        assert all(pool.map(stream, range(200)))
        before = memory(server)
        meeting.reset()
        assert all(pool.map(stream, range(200)))
    assert memory(server) < before * 1.2


def test_stateless_requests_do_not_pile_up(start: Start) -> None:
    server = start()
    text = "The quick brown fox. " * 500
    headers = {"Authorization": f"Bearer {server.key}"}

    def post(client: httpx.Client, count: int) -> None:
        for _ in range(count):
            client.post(f"{server.base_url}/responses", json={"input": text, "stream": False}, headers=headers)

    with httpx.Client() as client:
        post(client, 150)
        middle = memory(server)
        post(client, 150)
    assert memory(server) - middle < 4 * 1024
