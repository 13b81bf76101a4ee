"""The connection that is begun before the command line is parsed: used where it fits, and noticed nowhere else."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from eugpt_cli.http import preconnect
from eugpt_cli.http.preconnect import HeadStart
from eugpt_cli.http.route import Route, Trust, target_of
from tests.fixtures import DOCUMENT, EVENTS
from tests.support.authority import Authority
from tests.support.program import EUGPT, KEY, PATIENCE_SECONDS, PYTHON, environment, eugpt, shell, start
from tests.support.rawserver import RawServer, http, read_request, serving, stream

EARLY = b"* connecting directly, begun at the start\n"
LATE = b"* connecting directly\n"
ANSWER = http(DOCUMENT)
Env = dict[str, str | None]


def configured(folder: Path, server: RawServer, authority: Authority) -> str:
    """A folder for XDG_CONFIG_HOME whose profiles lead to the server; `command` has the key from a command."""
    (folder / "eugpt").mkdir(parents=True)
    way = f'base_url = "{server.base_url}"\nca_file = "{authority.file}"\n'
    profiles = {"default": way, "a": way, "command": f"{way}api_key_command = 'sleep 0.1; echo {KEY}'\n"}
    text = "".join(f"[profile.{name}]\n{values}" for name, values in profiles.items())
    (folder / "eugpt" / "config.toml").write_text(text)
    return str(folder)


# The words, the environment, and standard input. The address is a variable, a flag, or in a profile.
URL: Env = {"EUGPT_BASE_URL": "{url}", "EUGPT_CA_FILE": "{ca}"}
USED: list[tuple[str, Env, bytes | None]] = [
    ("ask -v x", URL, None),
    ("stream -v x", URL, None),
    ("chat -v x", URL, None),
    ("raw-events -v x", URL, None),
    ("raw-events --sse -v -- -x", URL, None),
    ("ask -v", URL, b"from a pipe"),
    ("ask -v -", URL, b"from a pipe"),
    ("ask -v x", URL, b"and a pipe"),
    ("ask x -vqI", URL, None),
    ("ask -vI x --base-url={url} --ca-file {ca}", {}, None),
    ("stream --ca-file={ca} x --verbose --base-url {url} -iBrief -f /dev/null", {}, None),
    ("ask -v x --base-url {url}", {"EUGPT_BASE_URL": "http://127.0.0.1:1", "EUGPT_CA_FILE": "{ca}"}, None),
    ("ask -v x --base-url http://127.0.0.1:1 --base-url {url}", {"EUGPT_CA_FILE": "{ca}"}, None),
    ("ask -v x", {"EUGPT_BASE_URL": "{url}", "SSL_CERT_FILE": "{ca}"}, None),
    ("ask -v x", {"EUGPT_BASE_URL": "{url}", "SSL_CERT_DIR": "{folder}"}, None),
    ("ask -v x", {"XDG_CONFIG_HOME": "{config}"}, None),
    ("ask -v x --profile a", {"XDG_CONFIG_HOME": "{config}"}, None),
    ("ask -v x", {"XDG_CONFIG_HOME": "{config}", "EUGPT_PROFILE": "a"}, None),
    ("ask -v x --profile command", {"XDG_CONFIG_HOME": "{config}", "EUGPT_API_KEY": None}, None),
    ("ask -v x --api-key-file {key}", {**URL, "EUGPT_API_KEY": None}, None),
    ("ask -v x", {**URL, "HTTPS_PROXY": "http://127.0.0.1:1", "NO_PROXY": "127.0.0.1"}, None),
    ("ask -v x --check true --connect-timeout 20 --max-time 30", URL, None),
    ("chat -v x -c 550e8400-e29b-41d4-a716-446655440000", URL, None),
]


def filled(words: str, env: Mapping[str, str | None], given: Mapping[str, str]) -> tuple[list[str], Env]:
    values: Env = {name: value and value.format(**given) for name, value in env.items()}
    return [word.format(**given) for word in words.split()], values


@pytest.mark.parametrize(("words", "env", "stdin"), USED, ids=[f"{n} {row[0]}" for n, row in enumerate(USED)])
def test_it_is_used_where_it_is_certain(
    tmp_path: Path, authority: Authority, words: str, env: Env, stdin: bytes | None
) -> None:
    (tmp_path / "key").write_text(KEY)
    answer = ANSWER if words.startswith("ask") else stream(*EVENTS)
    with serving(answer, tls=authority.server("127.0.0.1")) as server:
        config = configured(tmp_path / "config", server, authority)
        given = {"url": server.base_url, "ca": authority.file, "folder": authority.folder, "config": config}
        argv, variables = filled(words, env, {**given, "key": str(tmp_path / "key")})
        begun = time.monotonic()
        run = eugpt(*argv, env={"XDG_STATE_HOME": str(tmp_path), **variables}, stdin=stdin)
        stalled = time.monotonic() - begun > preconnect.IDLE_SECONDS  # this machine, and it has come too late
    assert (run.returncode, len(server.received)) == (0, 1), run
    assert stalled or (server.connections, EARLY in run.stderr) == (1, True), run


# What sends nothing. The service must not even be called.
UNSENT: list[tuple[str, Env, int]] = [
    ("ask x --dry-run", URL, 0),
    ("ask x --curl", URL, 0),
    ("ask --help x", URL, 0),
    ("ask x -h", URL, 0),
    ("--version ask x", URL, 0),
    ("help ask", URL, 0),
    ("config", URL, 0),
    ("exit-codes 60", URL, 0),
    ("ask x y", URL, 2),
    ("ask x --nope", URL, 2),
    ("ask x --verb", URL, 2),
    ("ask x --quiet=1", URL, 2),
    ("ask x -f", URL, 2),
    ("ask", URL, 2),
    ("ask -I", URL, 2),
    ("ask -v ''", URL, 2),
    ("ask x --retries many", URL, 2),
    ("ask x --errors xml", URL, 2),
    ("ask x", {**URL, "EUGPT_TIMEOUT": "soon"}, 30),
    ("ask x", {**URL, "EUGPT_API_KEY": None}, 30),
    ("ask x --profile nope", URL, 30),
    ("ask x --ca-file /etc/passwd", URL, 30),
    ("ask x", {**URL, "HTTPS_PROXY": "nonsense://"}, 30),
    ("ask x --client-key /dev/null", URL, 30),
    ("as x", URL, 2),
]


@pytest.mark.parametrize(("words", "env", "code"), UNSENT, ids=[f"{n} {row[0]}" for n, row in enumerate(UNSENT)])
def test_nobody_is_called_where_nothing_is_sent(authority: Authority, words: str, env: Env, code: int) -> None:
    with serving(ANSWER, tls=authority.server("127.0.0.1")) as server:
        argv, variables = filled(words, env, {"url": server.base_url, "ca": authority.file})
        run = eugpt(*("" if word == "''" else word for word in argv), env=variables)
    assert (run.returncode, server.connections) == (code, 0), run


# What is answered as ever, but has no headstart.
UNCERTAIN = [
    "ask -v x <&-",
    "echo a | chat -v --each-line",
    "sleep 0.5 | ask -v x",
    "ask -v x --schema {schema}",
    "ask -v x --ca-file <(cat {ca})",
    "ask -v x --client-cert {client}",
]


@pytest.mark.parametrize("script", UNCERTAIN)
def test_what_is_unusual_begins_later(tmp_path: Path, authority: Authority, script: str) -> None:
    (tmp_path / "schema").write_text('{"type": "integer"}')
    answer = stream(*EVENTS) if "chat" in script else http(DOCUMENT.replace(b"Hello", b"1"))
    with serving(answer, tls=authority.server("127.0.0.1")) as server:
        given = {"schema": tmp_path / "schema", "ca": authority.file, "client": authority.client}
        line = script.format(**given).replace("ask", "eugpt ask").replace("chat", "eugpt chat")
        run = shell(line, base_url=server.base_url, env={"EUGPT_CA_FILE": authority.file}, name="bash")
    assert (run.returncode, server.connections, len(server.received)) == (0, 1, 1), run
    assert EARLY not in run.stderr
    assert b"* connecting directly" in run.stderr


def test_plain_http_begins_later() -> None:
    with serving(ANSWER) as server:
        run = eugpt("ask", "-v", "x", base_url=server.base_url)
    assert (run.returncode, server.connections) == (0, 1)
    assert LATE in run.stderr


def said_before_the_end(connection: socket.socket) -> bytes:
    """What the client sends until it leaves; unread tickets in its socket make that a reset."""
    said = b""
    with contextlib.suppress(ConnectionResetError):
        while data := connection.recv(65536):
            said += data
    return said


@pytest.mark.parametrize("way", ["waits", "closes"])
def test_one_that_is_too_old_or_closed_is_left(authority: Authority, way: str) -> None:
    """Standard input ends late. What reaches the service is one request, over a connection of its own."""
    left = threading.Event()
    outlet, inlet = os.pipe()
    os.write(inlet, b"x")
    posts: list[bytes] = []

    def first(connection: socket.socket) -> None:
        if way == "waits":
            posts.append(said_before_the_end(connection))
        else:
            connection.close()
        left.set()

    def second(connection: socket.socket) -> None:
        posts.append(read_request(connection).body)
        connection.sendall(ANSWER)

    words = ("ask", "-v", "--retries", "0", "--ca-file", authority.file)
    with (
        serving(first, second, tls=authority.server("127.0.0.1"), deaf=True) as server,
        open(outlet, "rb") as stdin,
        open(inlet, "wb") as pipe,
        start(*words, base_url=server.base_url, stdin=stdin.fileno()) as run,
    ):
        assert left.wait(PATIENCE_SECONDS)
        pipe.close()
        said, notes = run.communicate(timeout=PATIENCE_SECONDS)
    assert (run.returncode, said, server.connections) == (0, b"Hello\n", 2)
    assert [post for post in posts if post] == [b'{"model":"auto","input":"x","stream":false}']
    assert LATE in notes


@pytest.mark.parametrize(
    ("seconds", "path", "fits"), [(9, "/v1", True), (8, "/v1", False), (9, "/v2", False)], ids=["same", "time", "path"]
)
def test_one_of_another_route_is_left(authority: Authority, seconds: float, path: str, fits: bool) -> None:
    ended = threading.Event()

    def script(connection: socket.socket) -> None:
        if not said_before_the_end(connection):
            ended.set()

    with serving(script, tls=authority.server("127.0.0.1"), deaf=True) as server:
        trust = Trust(authority.file)
        preconnect.begin(Route(target_of(server.base_url), trust=trust), 9)
        found = preconnect.begun_or_new(Route(target_of(server.base_url[:-3] + path), trust=trust), seconds)
        assert isinstance(found, HeadStart) == fits
        with found.take() as sock:
            assert fits or ended.wait(PATIENCE_SECONDS)  # the other one is closed when its time is up
            sock.sendall(b"x")
    assert sys.getswitchinterval() == pytest.approx(0.005)


def test_one_that_nobody_claims_is_closed(authority: Authority) -> None:
    ended = threading.Event()

    def script(connection: socket.socket) -> None:
        assert said_before_the_end(connection) == b""
        ended.set()

    with serving(script, tls=authority.server("127.0.0.1"), deaf=True) as server:
        route = Route(target_of(server.base_url), trust=Trust(authority.file))
        begun = time.monotonic()
        preconnect.begin(route, 9)
        assert ended.wait(PATIENCE_SECONDS)
        assert time.monotonic() - begun >= preconnect.IDLE_SECONDS
        assert not isinstance(preconnect.begun_or_new(route, 9), HeadStart)


# What goes wrong, and whether the service is there. It must end as it does where nothing is begun early.
FAULTS: list[tuple[str, str]] = [
    ("there", "ask x"),  # its authority is not trusted
    ("there", "ask x --ca-file /no/such/file"),
    ("there", "ask x -f /no/such/file"),
    ("there", "ask x -c 'no such name'"),
    ("there", "ask x --project nope"),
    ("there", "ask x -o /no/such/folder/file"),
    ("there", "ask x --api-key-file /no/such/file"),
    ("there", "ask x --json --extract json"),
    ("silent", "ask x --connect-timeout 0.5"),
    ("silent", "ask x --max-time 1"),
    ("plain", "ask x"),
    ("gone", "ask x"),
    ("gone", "stream x --errors json"),
    ("gone", "ask x -f /no/such/file"),
    ("unknown", "ask x"),
    ("unknown", "ask x -f /no/such/file"),
]


@pytest.mark.parametrize(("place", "words"), FAULTS, ids=[" ".join(row) for row in FAULTS])
def test_a_fault_ends_as_without_it(authority: Authority, place: str, words: str) -> None:
    def silent(connection: socket.socket) -> None:
        while connection.recv(1000):
            pass

    tls = authority.server("127.0.0.1") if place == "there" else None
    script = silent if place == "silent" else b"HTTP/1.1 400 Bad Request\r\n\r\n"
    with serving(script, tls=tls, deaf=place != "there") as server:
        port = 1 if place == "gone" else server.port
        url = f"https://{'service.invalid' if place == 'unknown' else '127.0.0.1'}:{port}/v1"
        line = f"eugpt {words} --retries 0"
        begun = time.monotonic()
        early = shell(f"{line} </dev/null", base_url=url)
        tried, stalled = server.connections, time.monotonic() - begun > preconnect.IDLE_SECONDS
        late = shell(f"{line} <&-", base_url=url)
    assert early.returncode == late.returncode > 1
    assert (early.stdout, early.stderr) == (late.stdout, late.stderr)
    assert tried <= 1 or stalled
    assert server.received == []


LOADING = """
import os, signal, sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == sys.argv[1]:
            os.kill(os.getpid(), int(sys.argv[2]))
sys.meta_path.insert(0, Finder())
from eugpt_cli.__main__ import main
place, signum = sys.argv[1:]
sys.argv = ["eugpt", "ask", "-I", "x"]
main()
"""


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM], ids=lambda signum: signum.name)
@pytest.mark.parametrize("place", ["ssl", "typer", "eugpt_cli.cli", "json", "httptools"])
def test_a_signal_while_it_is_under_way_ends_the_program_quietly(
    authority: Authority, place: str, signum: signal.Signals
) -> None:
    with serving(ANSWER, tls=authority.server("127.0.0.1")) as server:
        code = LOADING.replace("sys.argv[1]:", f"{place!r}:").replace("sys.argv[2]", str(int(signum)))
        code = code.replace("place, signum = sys.argv[1:]\n", "")
        env = environment(server.base_url, {"SSL_CERT_DIR": authority.folder})
        run = subprocess.run([PYTHON, "-c", code], env=env, capture_output=True, timeout=60, check=False)
    assert (run.returncode, run.stdout, run.stderr, server.received) == (-signum, b"", b"", [])


@pytest.mark.parametrize("name", ["SIGCHLD", "SIGALRM", "SIGTERM"])
@pytest.mark.parametrize("state", ["SIG_IGN", "blocked"])
def test_inherited_signals(authority: Authority, name: str, state: str) -> None:
    """The thread begins before the program puts them right; a check and a limit work as ever."""
    odd = f"signal.signal(signal.{name}, signal.SIG_IGN)"
    if state == "blocked":
        odd = f"signal.pthread_sigmask(signal.SIG_BLOCK, [signal.{name}])"
    script = f"import os, signal, sys; {odd}; os.execv(sys.argv[1], sys.argv[1:])"
    with serving(ANSWER, tls=authority.server("127.0.0.1")) as server:
        for check, limit, code in (("true", "20", 0), ("false", "20", 82), ("sleep 60", "2", 61)):
            words = [EUGPT, "ask", "-v", "x", "--check", check, "--max-time", limit]
            run = subprocess.run(
                [sys.executable, "-c", script, *words],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                env=environment(server.base_url, {"EUGPT_CA_FILE": authority.file}),
                timeout=PATIENCE_SECONDS,
                check=False,
            )
            assert run.returncode == code, run
            assert b"* connecting directly" in run.stderr


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="the masks of threads are shown only on Linux")
def test_signals_stay_with_the_main_thread() -> None:
    hello = threading.Event()

    def silent(connection: socket.socket) -> None:
        hello.set()
        while connection.recv(1000):
            pass

    with serving(silent, deaf=True) as server:
        words = ("ask", "x", "--base-url", f"https://127.0.0.1:{server.port}")
        with start(*words) as run:
            assert hello.wait(PATIENCE_SECONDS)
            threads = [path for path in Path(f"/proc/{run.pid}/task").iterdir() if path.name != str(run.pid)]
            masks = [int((path / "status").read_text().partition("SigBlk:\t")[2].split()[0], 16) for path in threads]
            run.kill()
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM)
    assert masks
    assert all(mask >> signum - 1 & 1 for mask in masks for signum in signals)


def test_a_descriptor_of_a_command_is_none_of_ours(authority: Authority, tmp_path: Path) -> None:
    """Neither the key's command nor a check inherits the socket."""
    listing = f"ls -l /proc/self/fd > {tmp_path}/NAME 2>&1 || true"
    (tmp_path / "eugpt").mkdir()
    command = f"sleep 0.1; {listing.replace('NAME', 'key')}; echo {KEY}"
    (tmp_path / "eugpt" / "config.toml").write_text(f"[profile.default]\napi_key_command = '{command}'\n")
    env: Env = {"EUGPT_API_KEY": None, "XDG_CONFIG_HOME": str(tmp_path), "EUGPT_CA_FILE": authority.file}
    with serving(ANSWER, tls=authority.server("127.0.0.1")) as server:
        run = eugpt("ask", "-v", "x", "--check", listing.replace("NAME", "check"), base_url=server.base_url, env=env)
    assert (run.returncode, EARLY in run.stderr) == (0, True), run
    for name in ("key", "check") if os.path.isdir("/proc/self/fd") else ():
        assert "socket:" not in (tmp_path / name).read_text()
