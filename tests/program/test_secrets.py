"""The key: where it is found, where it is sent, and that nothing that eugpt writes ever holds it. Section 9."""

import json
import os
from pathlib import Path

import pytest

from tests.fixtures import DOCUMENT, EVENTS
from tests.support.forked_program import eugpt
from tests.support.program import KEY, start
from tests.support.rawserver import SSE_HEAD, Script, chunk, held_open, http, reset_after, serving, sse, stream

MASK = b"eugpt_***"
COMPLETED = EVENTS[-1]
LONG = "x" * 480 + KEY  # a message ends with its 500th character
ECHO = f"X-Request-Id: {KEY}\r\nX-Echo: Authorization: Bearer {KEY}\r\nX-Long: {LONG}\r\nSet-Cookie: k={KEY}\r\n"


def echoing(response: bytes) -> bytes:
    """A response that also tells the key in its reason and in its headers."""
    head, _, rest = response.partition(b"\r\n")
    return head + b" Bearer " + KEY.encode() + b"\r\n" + ECHO.encode() + rest


def refused(body: object, kind: str = "application/json", status: int = 401) -> bytes:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return echoing(http(data, status=str(status), kind=kind))


def event(**fields: object) -> str:
    return json.dumps(fields)


def deltas(*pieces: str) -> list[str]:
    return [event(type="response.output_text.delta", delta=piece) for piece in pieces]


NAMED = {"id": KEY, "model": KEY, "status": KEY, "conversation_id": KEY, "usage": {KEY: KEY}}
ECHOES: dict[str, Script] = {
    "a string": refused({"detail": f"the key {KEY} is not known"}),
    "an object": refused({"detail": {"message": KEY, "type": KEY, "code": KEY, "more": [{KEY: KEY}]}}),
    "an error": refused({"error": {"message": KEY, "type": KEY, "code": KEY}}, status=400),
    "at the end of a long line": refused({"detail": LONG}, status=403),
    "escaped": refused(f'{{"detail":"{"".join(f"{chr(92)}u{ord(c):04x}" for c in KEY)}"}}'.encode()),
    "plain text": refused(f"no: {KEY}".encode(), "text/plain", 500),
    "HTML": refused(f"<html>{KEY}".encode(), "text/html", 502),
    "a type of content": echoing(http(b"x", kind=f"text/{KEY}")),
    "a redirect": echoing(http(b"", status="302", extra=f"Location: /{KEY}\r\n")),
    "no HTTP": f"SSH-2.0-{KEY}\r\n".encode(),
    "no HTTP but the key": f"{KEY}\r\n".encode(),
    "no HTTP but what was sent": f"Authorization: Bearer {KEY}\r\n\r\n".encode(),
    "no header": f"HTTP/1.1 200 OK\r\nBearer {KEY}\r\n\r\n".encode(),
    "no header, and folded": f"HTTP/1.1 200 OK\r\nBearer {KEY[:20]}\r\n {KEY[20:]}\r\n\r\n".encode(),
    "no header for a length": f"HTTP/1.1 200 OK\r\nContent-Length: {KEY[:20]}\r\n {KEY[20:]}\r\n\r\n".encode(),
    "no header for a coding": f"HTTP/1.1 200 OK\r\nTransfer-Encoding: {KEY[:20]}\r\n {KEY[20:]}\r\n\r\n".encode(),
    "no chunk": SSE_HEAD + KEY.encode() + b"\r\n",
    "no chunk after one": held_open(SSE_HEAD + b"1\r\n:" + KEY[:-1].encode()),
    "no JSON": echoing(http(f'{{"{KEY}"'.encode())),
    "no event": stream(f'{{"{KEY}"'),
    "a document": echoing(
        http(event(**{**NAMED, "status": "completed"}, output_text=f"it is {KEY}.\n```\n{KEY}\n```").encode())
    ),
    "an unfinished document": http(event(status=KEY, output_text=KEY).encode()),
    "names": stream(
        event(type="response.created", response=NAMED),
        event(type="response.output_item.added", item={"type": "function_call", "name": KEY}),
        event(type=KEY),
        COMPLETED,
    ),
    "deltas cut anywhere": stream(
        *deltas(*(piece for at in range(len(KEY) + 1) for piece in (KEY[:at], KEY[at:], " "))), COMPLETED
    ),
    "deltas of one character": stream(*deltas(*KEY * 2), COMPLETED),
    "reads of one byte": SSE_HEAD
    + b"".join(chunk(bytes([byte])) for byte in sse(*deltas(f"it is {KEY}."), COMPLETED))
    + b"0\r\n\r\n",
    "an error event": stream(*deltas("it is ", KEY), event(type="error", message=KEY, code=KEY, detail={KEY: KEY})),
    "a failed response": stream(event(type="response.failed", response={**NAMED, "error": {"message": KEY}})),
    "an incomplete response": stream(
        event(type="response.incomplete", response={"incomplete_details": {"reason": KEY}})
    ),
    "a cut stream": reset_after(SSE_HEAD + chunk(sse(*deltas("it is ", KEY[:-1])))),
    "a comment": SSE_HEAD + chunk(f": {KEY}\nevent: {KEY}\nid: {KEY}\n".encode() + sse(*EVENTS)) + b"0\r\n\r\n",
}
UNQUOTED = ("no HTTP", "no header", "no chunk")  # it may be cut anywhere, and is not told at all
FORMS = (
    "ask x -v --partial --meta meta",
    "ask x --json -o answer --errors json --meta meta",
    "stream x -v --errors json",
    "chat x -c new-name --meta meta -o answer",
    "raw-events x --trailer",
    "raw-events x --sse -v --errors json",
    "batch items --lines --full -v -o answers",
)


def everything(folder: Path) -> bytes:
    """The names and the contents of all files in a folder."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return b"".join(str(path.relative_to(folder)).encode() + b"\n" + path.read_bytes() for path in files)


@pytest.mark.parametrize("name", ECHOES)
def test_an_echoed_key_is_nowhere(lane: str, tmp_path: Path, name: str) -> None:
    """With httpx in two forms each, in turn: its own words come from below the commands, and a run costs twice."""
    told = b""
    turn = 1 + list(ECHOES).index(name) % (len(FORMS) - 1)
    with serving(ECHOES[name]) as server:
        for number, form in enumerate(FORMS if lane == "direct" else (FORMS[0], FORMS[turn])):
            home = tmp_path / str(number)
            home.mkdir()
            (home / "items").write_text("one\n")
            env: dict[str, str | None] = {"HOME": str(home), "EUGPT_DEBUG": "1", "EUGPT_RETRIES": "0"}
            run = eugpt(*form.split(), base_url=server.base_url, env=env, cwd=home)
            told += run.stdout + run.stderr + everything(home)
            assert KEY.encode() not in told, form
            assert b"Traceback" not in run.stderr
    assert MASK in told
    assert KEY[:12].encode() not in told or not name.startswith(UNQUOTED)


def test_a_long_line_is_cut_where_no_piece_of_the_key_is_left() -> None:
    with serving(ECHOES["at the end of a long line"]) as server:
        for form in ("text", "json"):
            run = eugpt("ask", "x", "-v", "--errors", form, base_url=server.base_url)
            assert (run.returncode, KEY.encode()[:9] in run.stderr) == (43, False)
            assert run.stderr.count(b"x" * 480 + MASK) >= 2


def test_a_defect_is_told_without_the_key(tmp_path: Path) -> None:
    """A broken standard library stands in for a defect: its message, and so the traceback, holds the request."""
    (tmp_path / "sitecustomize.py").write_text(
        "import socket\ndef send(_, data):\n    raise RuntimeError(bytes(data).decode())\nsocket.socket.send = send\n"
    )
    env: dict[str, str | None] = {"PYTHONPATH": str(tmp_path)}
    with serving(http(DOCUMENT)) as server:
        plain = eugpt("ask", "x", "--meta", str(tmp_path / "meta"), base_url=server.base_url, env=env)
        debug = eugpt("ask", "x", "--errors", "json", base_url=server.base_url, env={**env, "EUGPT_DEBUG": "1"})
    assert (plain.returncode, plain.stdout, plain.stderr.count(b"\n")) == (1, b"", 2)
    assert plain.stderr.startswith(b"eugpt: internal: ")
    assert b"Traceback" in debug.stderr
    assert json.loads(debug.stderr.splitlines()[-1])["error"]["exit"] == 1
    for told in (plain.stderr, debug.stderr, everything(tmp_path)):
        assert KEY.encode() not in told
    assert MASK in plain.stderr
    assert MASK in debug.stderr


# what a user may do with the key by mistake: none of it is shown again
MISTAKES = [
    ([KEY], {}, 2),
    (["ask", "--key", KEY, "x"], {}, 2),
    (["ask", f"--api-key={KEY}", "x"], {}, 2),
    (["ask", "x", "-p", KEY], {}, 2),
    (["ask", "x", "--max-time", KEY], {}, 2),
    (["ask", "x", "--base-url", f"https://{KEY}@example.org"], {}, 30),
    (["ask", "x", "--base-url", f"ftp://example.org/{KEY}"], {}, 30),
    (["ask", "x", "--api-key-file", KEY], {}, 30),
    (["ask", "x"], {"EUGPT_API_KEY": f"{KEY}\n{KEY}"}, 30),
    (["ask", "x"], {"EUGPT_API_KEY": f"{KEY} "}, 30),
    (["ask", "x"], {"EUGPT_API_KEY": f"{KEY}\x1b"}, 30),
    (["ask", "x"], {"EUGPT_API_KEY": f"{KEY}é"}, 30),
    (["ask", "x"], {"EUGPT_TIMEOUT": KEY}, 30),
    (["ask", "x"], {"HTTPS_PROXY": f"socks5://{KEY}:{KEY}@127.0.0.1", "EUGPT_BASE_URL": "https://127.0.0.1:1"}, 60),
    (["ask", f"my key is {KEY}", "--dry-run"], {}, 0),
    (["stream", f"my key is {KEY}", "--curl"], {}, 0),
]


@pytest.mark.parametrize(("arguments", "env", "code"), MISTAKES, ids=lambda value: str(value)[:40])
def test_mistakes(arguments: list[str], env: dict[str, str | None], code: int) -> None:
    env = {"EUGPT_DEBUG": "1", **env}
    run = eugpt(*arguments, base_url="http://127.0.0.1:1", env=env)
    assert run.returncode == code, run
    assert KEY.encode() not in run.stdout + run.stderr
    assert b"Traceback" not in run.stderr


# where a key is put, in the order of the contract; the first one that is there is sent
SOURCES = ("--api-key-file", "EUGPT_API_KEY", "EUGPT_API_KEY_FILE", "CREDENTIALS_DIRECTORY", "profile")


def sources(folder: Path, names: tuple[str, ...], profile: str) -> tuple[list[str], dict[str, str | None]]:
    """The options and the environment of a run whose key is in each of these places, as `eugpt_key-of-PLACE`."""
    for name in ("flag", "file", "eugpt_api_key", "profile"):
        (folder / name).write_text(f"eugpt_key-of-{name}\n")
    (folder / "config" / "eugpt").mkdir(parents=True)
    (folder / "config" / "eugpt" / "config.toml").write_text(f"[profile.default]\n{profile}\n")
    env: dict[str, str | None] = {
        "EUGPT_API_KEY": "eugpt_key-of-variable",
        "EUGPT_API_KEY_FILE": str(folder / "file"),
        "CREDENTIALS_DIRECTORY": str(folder),
        "XDG_CONFIG_HOME": str(folder / "config"),
    }
    kept = {"XDG_CONFIG_HOME": "profile"}
    options = ["--api-key-file", str(folder / "flag")] if "--api-key-file" in names else []
    return options, {name: value if kept.get(name, name) in names else None for name, value in env.items()}


PROFILES = (
    'api_key_file = "{0}/profile"',
    'api_key_command = "cat {0}/profile"',
    'api_key_command = ["cat", "{0}/profile"]',
)
FOUND = [
    (SOURCES, "flag", 0),
    (SOURCES[1:], "variable", 0),
    (SOURCES[2:], "file", 0),
    (SOURCES[3:], "eugpt_api_key", 0),
    (SOURCES[4:], "profile", 0),
    (SOURCES[4:], "profile", 1),
    (SOURCES[4:], "profile", 2),
]


@pytest.mark.parametrize(("names", "source", "profile"), FOUND)
def test_the_first_source_that_is_there_is_used(
    tmp_path: Path, names: tuple[str, ...], source: str, profile: int
) -> None:
    options, env = sources(tmp_path, names, PROFILES[profile].format(tmp_path))
    echo = refused({"detail": f"not eugpt_key-of-{source}"})
    with serving(http(DOCUMENT), echo) as server:
        run = eugpt("ask", "x", *options, base_url=server.base_url, env=env)
        echoed = eugpt("ask", "x", *options, base_url=server.base_url, env=env)
    assert (run.returncode, run.stdout, run.stderr) == (0, b"Hello\n", b"")
    assert server.received[0].headers["authorization"] == f"Bearer eugpt_key-of-{source}"
    assert (echoed.returncode, echoed.stderr.startswith(b"eugpt: unauthorized: not " + MASK)) == (41, True)


# the bytes of a key file, and the key that is sent; None: it is no key
FILES = [
    (b"eugpt_abcdefgh", "eugpt_abcdefgh"),
    (b"eugpt_abcdefgh\n", "eugpt_abcdefgh"),
    (b"eugpt_abcdefgh\r\n", "eugpt_abcdefgh"),
    (b"eugpt_abcdefgh\n\n", None),
    (b"eugpt_abcdefgh ", None),
    (b"eugpt_abc defgh", None),
    (b"eugpt_abc\x1b[1m", None),
    (b"eugpt_abc\0defgh", None),
    (b'"eugpt_abcdefgh"', None),
    (b"eugpt_abc\\defgh", None),
    ("eugpt_schlüssel".encode(), None),
    (b"\xff\xfe", None),
    (b"", None),
    (b"\n", None),
]


@pytest.mark.parametrize(("content", "sent"), FILES, ids=lambda value: repr(value)[:30])
def test_the_content_of_a_key_file(tmp_path: Path, content: bytes, sent: str | None) -> None:
    (tmp_path / "key").write_bytes(content)
    with serving(http(DOCUMENT)) as server:
        run = eugpt("ask", "x", "--api-key-file", str(tmp_path / "key"), base_url=server.base_url)
    if sent:
        assert (run.returncode, server.received[0].headers["authorization"]) == (0, f"Bearer {sent}")
    else:
        assert (run.returncode, run.stdout, server.received) == (30, b"", [])
        assert run.stderr.startswith(b"eugpt: config: the API key in ")
        assert content.strip()[:8] not in run.stderr or not content.strip()


# an api_key_command, and what the error says
COMMANDS = [
    ("api_key_command = 'echo eugpt_of-a-failure; exit 3'", "failed with 3"),
    ("api_key_command = ['/nowhere/command']", "cannot be run"),
    ("api_key_command = 'true'", "is empty"),
    ("api_key_command = []", "no API key"),
    ("api_key_command = 7", "must be a command line"),
    ("api_key_file = '/nowhere/key'", "/nowhere/key"),
    ("api_key = 'eugpt_stored-in-a-file'", "unknown setting 'api_key'"),
]


@pytest.mark.parametrize(("profile", "says"), COMMANDS)
def test_a_source_that_gives_no_key(tmp_path: Path, profile: str, says: str) -> None:
    _, env = sources(tmp_path, ("profile",), profile)
    with serving(http(DOCUMENT)) as server:
        run = eugpt("ask", "x", base_url=server.base_url, env=env)
    assert (run.returncode, run.stdout, server.received) == (30, b"", [])
    line, *_ = run.stderr.decode().splitlines()
    assert line.startswith("eugpt: config: ")
    assert says in line
    assert b"eugpt_of-a-failure" not in run.stderr
    assert b"eugpt_stored" not in run.stderr


def test_a_command_that_never_gives_a_key_is_ended_with_the_time(tmp_path: Path) -> None:
    _, env = sources(
        tmp_path, ("profile",), f"api_key_command = ['sh', '-c', 'echo $$ >{tmp_path}/pid; exec sleep 600']"
    )
    run = eugpt("ask", "x", "--max-time", "1", base_url="http://127.0.0.1:1", env=env)
    assert (run.returncode, run.stderr.startswith(b"eugpt: timeout: --max-time")) == (61, True), run
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="there is no /proc")
def test_the_arguments_of_the_process_hold_no_key(tmp_path: Path) -> None:
    """Looked at while it waits for the service; it has no children then."""
    (tmp_path / "key").write_text(KEY)
    words = ["--api-key-file", str(tmp_path / "key"), "-v"]
    with (
        serving(held_open(b"")) as server,
        start("stream", "x", *words, base_url=server.base_url, env={"EUGPT_API_KEY": None}) as run,
    ):
        assert server.wait().headers["authorization"] == f"Bearer {KEY}"
        process = Path(f"/proc/{run.pid}")
        assert b"\0stream\0" in (process / "cmdline").read_bytes()
        assert KEY.encode() not in (process / "cmdline").read_bytes()
        assert (process / "task" / str(run.pid) / "children").read_text() == ""
        run.kill()


def test_a_redirect_is_not_followed() -> None:
    with serving(http(DOCUMENT)) as other:
        for status in (301, 302, 303, 307, 308):
            redirect = http(b"", status=f"{status} X", extra=f"Location: {other.base_url}/responses\r\n")
            with serving(redirect) as server:
                run = eugpt("ask", "x", base_url=server.base_url)
            assert (run.returncode, run.stdout, len(server.received)) == (63, b"", 1)
            assert run.stderr.startswith(b"eugpt: not_the_api: ")
    assert other.connections == 0


def test_a_netrc_file_is_ignored(tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_text(
        "machine 127.0.0.1 login user password secret\ndefault login user password secret\n"
    )
    (tmp_path / ".netrc").chmod(0o600)
    env: dict[str, str | None] = {"HOME": str(tmp_path), "NETRC": str(tmp_path / ".netrc")}
    with serving(http(DOCUMENT)) as server:
        run = eugpt("ask", "x", base_url=server.base_url, env=env)
        none = eugpt("ask", "x", base_url=server.base_url, env={**env, "EUGPT_API_KEY": None})
    assert (run.returncode, none.returncode) == (0, 30)
    assert [request.headers["authorization"] for request in server.received] == [f"Bearer {KEY}"]


def test_a_cookie_is_not_sent_back() -> None:
    first = http(b"", status="503 X", extra="Retry-After: 0\r\nSet-Cookie: session=1; Path=/\r\n")
    with serving(first, http(DOCUMENT)) as server:
        run = eugpt("ask", "x", base_url=server.base_url)
    assert (run.returncode, len(server.received)) == (0, 2)
    assert "cookie" not in server.received[1].headers


# base URLs over which the key would be seen
EXPOSED = [
    "http://example.org/v1",
    "http://localhost.example.org/v1",
    "http://127.0.0.1.example.org/v1",
    "http://0.0.0.0:1/v1",
    "http://10.0.0.1/v1",
    "http://[::ffff:10.0.0.1]/v1",
    "http://127.1.example/v1",
    "http://127.0.0.1@example.org/v1",
    "HTTP://EXAMPLE.ORG",
    "https://user:word@127.0.0.1:1/v1",
    "https://user@127.0.0.1:1/v1",
]


@pytest.mark.parametrize("url", EXPOSED)
def test_no_key_where_it_would_be_seen(url: str) -> None:
    with serving(http(DOCUMENT)) as proxy:
        address = f"http://127.0.0.1:{proxy.port}"
        env: dict[str, str | None] = dict.fromkeys(("HTTP_PROXY", "http_proxy", "ALL_PROXY"), address)
        run = eugpt("ask", "x", base_url=url, env=env)
    assert (run.returncode, run.stdout, proxy.connections) == (30, b"", 0)
    assert run.stderr.startswith(b"eugpt: config: ")
    assert b"word" not in run.stderr
