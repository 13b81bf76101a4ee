"""TLS with a throw-away authority, and proxies: whom eugpt trusts, and the way there. Section 9."""

import socket
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures import DOCUMENT, EVENTS
from tests.support.authority import Authority, tunnel
from tests.support.forked_program import eugpt
from tests.support.program import KEY
from tests.support.rawserver import Script, held_open, http, reset_after, serving, stream

HELLO = (0, b"Hello\n", b"")
NOW = datetime.now(UTC)
HOST = "service.invalid"  # a name that only the proxy can resolve
Env = dict[str, str | None]


def words(line: str, authority: Authority, other: str) -> str:
    return line.format(file=authority.file, folder=authority.folder, other=other)


# options, environment, and whether the server is trusted then
TRUST: list[tuple[str, Env, bool]] = [
    ("--ca-file {file}", {}, True),
    ("", {"EUGPT_CA_FILE": "{file}"}, True),
    ("", {"SSL_CERT_FILE": "{file}"}, True),
    ("", {"SSL_CERT_DIR": "{folder}"}, True),
    ("", {"SSL_CERT_FILE": "{other}", "SSL_CERT_DIR": "{folder}"}, True),
    ("--ca-file {file}", {"SSL_CERT_FILE": "{other}"}, True),
    ("", {}, False),
    ("--ca-file {other}", {}, False),
    ("--ca-file {other}", {"SSL_CERT_FILE": "{file}", "SSL_CERT_DIR": "{folder}"}, False),
    ("", {"SSL_CERT_FILE": "{other}"}, False),
    ("", {"REQUESTS_CA_BUNDLE": "{file}", "CURL_CA_BUNDLE": "{file}"}, False),
]


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The certificate of an authority that has signed nothing here."""
    return Authority(tmp_path_factory.mktemp("other")).file


@pytest.mark.usefixtures("introduced")
@pytest.mark.parametrize(("options", "env", "trusted"), TRUST)
def test_trust(authority: Authority, other: str, options: str, env: Env, trusted: bool) -> None:
    env = {name: words(value or "", authority, other) for name, value in env.items()}
    with serving(http(DOCUMENT), tls=authority.server("127.0.0.1")) as server:
        run = eugpt("ask", "x", *words(options, authority, other).split(), base_url=server.base_url, env=env)
    if trusted:
        assert (run.returncode, run.stdout, run.stderr) == HELLO
        assert server.received[0].headers["authorization"] == f"Bearer {KEY}"
    else:
        rejected(run.returncode, run.stderr, server.connections, server.received)


def rejected(code: int, said: bytes, connections: int, received: list[Any]) -> None:
    """Told in one line, tried once, and nothing was sent."""
    assert (code, connections, received) == (60, 1, [])
    line, hint = said.decode().splitlines()
    assert line.startswith("eugpt: unreachable: the certificate of ")
    assert hint.startswith("hint: to trust a private authority, use --ca-file")


# the names in the certificate, its dates, and what the line says
CERTIFICATES: list[tuple[str, dict[str, Any], str]] = [
    ("other.example", {}, "mismatch"),
    ("127.0.0.2", {}, "mismatch"),
    ("127.0.0.1", {"not_before": NOW - timedelta(3), "not_after": NOW - timedelta(2)}, "expired"),
    ("127.0.0.1", {"not_before": NOW + timedelta(2), "not_after": NOW + timedelta(3)}, "not yet valid"),
]


@pytest.mark.usefixtures("introduced")
@pytest.mark.parametrize(("name", "dates", "says"), CERTIFICATES)
def test_a_certificate_that_does_not_fit(authority: Authority, name: str, dates: dict[str, Any], says: str) -> None:
    with serving(http(DOCUMENT), tls=authority.server(name, **dates)) as server:
        run = eugpt("ask", "x", "--ca-file", authority.file, base_url=server.base_url)
    rejected(run.returncode, run.stderr, server.connections, server.received)
    assert says in run.stderr.decode()


@pytest.mark.usefixtures("introduced")
@pytest.mark.parametrize("content", [None, b"", b"no certificate", b"\xff\0"])
@pytest.mark.parametrize("variable", [None, "SSL_CERT_FILE"])
def test_a_file_that_holds_no_certificate(tmp_path: Path, content: bytes | None, variable: str | None) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    options, env = ([], {variable: str(path)}) if variable else (["--ca-file", str(path)], {})
    with serving(http(DOCUMENT), deaf=True) as server:
        run = eugpt("ask", "x", *options, base_url=f"https://127.0.0.1:{server.port}", env=dict(env))
    assert (run.returncode, run.stdout, server.connections) == (30, b"", 0)
    assert run.stderr.startswith(f"eugpt: config: the certificates in {path} cannot be used".encode())


@pytest.mark.usefixtures("introduced")
def test_a_server_without_tls(authority: Authority) -> None:
    with serving(held_open(b"HTTP/1.1 400 Bad Request\r\n\r\n"), deaf=True) as server:
        run = eugpt("ask", "x", "--retries", "0", base_url=f"https://127.0.0.1:{server.port}")
    first, hint = run.stderr.decode().splitlines()
    assert run.returncode == 60
    assert first.startswith("eugpt: unreachable: no TLS connection to ")
    assert hint.startswith("hint: the server does not use TLS")
    assert "_ssl.c" not in first


@pytest.mark.usefixtures("introduced")
@pytest.mark.parametrize("command", ["ask", "stream"])
@pytest.mark.parametrize(
    ("script", "code"),
    [
        (stream(*EVENTS), 0),
        (reset_after(stream(*EVENTS)), 0),
        (stream(*EVENTS[:2])[:-5], 62),
        (b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n" + DOCUMENT, 0),
        (b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n" + DOCUMENT[:-1], 62),
    ],
)
def test_a_cut_inside_tls_is_no_end(authority: Authority, command: str, script: Script, code: int) -> None:
    """The socket closes without TLS's own goodbye, as an attacker could make it."""
    with serving(script, tls=authority.server("127.0.0.1")) as server:
        words = (command, "x", "--retries", "0", "--ca-file", authority.file)
        assert eugpt(*words, base_url=server.base_url).returncode == code


# the variables of the proxy, and whether it is asked
PROXIES: list[tuple[Env, bool]] = [
    ({"HTTPS_PROXY": "{proxy}"}, True),
    ({"https_proxy": "{proxy}/"}, True),
    ({"ALL_PROXY": "{proxy}"}, True),
    ({"all_proxy": "127.0.0.1:{port}"}, True),
    ({"HTTPS_PROXY": "{proxy}", "https_proxy": "http://127.0.0.1:1", "NO_PROXY": ""}, False),
    ({"HTTPS_PROXY": "{proxy}", "ALL_PROXY": "http://127.0.0.1:1"}, True),
    ({"HTTPS_PROXY": "{proxy}", "NO_PROXY": "example.org, .other.invalid,10.0.0.0/8,ervice.invalid"}, True),
    ({"HTTPS_PROXY": "{proxy}", "NO_PROXY": "service.invalid:1"}, True),
    ({"HTTPS_PROXY": "{proxy}", "NO_PROXY": "service.invalid"}, False),
    ({"HTTPS_PROXY": "{proxy}", "no_proxy": "x,.INVALID"}, False),
    ({"HTTPS_PROXY": "{proxy}", "NO_PROXY": "service.invalid:8443"}, False),
    ({"HTTPS_PROXY": "{proxy}", "NO_PROXY": "*"}, False),
    ({"HTTP_PROXY": "{proxy}", "http_proxy": "{proxy}"}, False),
]


@pytest.mark.parametrize(("env", "asked"), PROXIES)
def test_whether_a_proxy_is_asked(authority: Authority, env: Env, asked: bool) -> None:
    with (
        serving(http(DOCUMENT), tls=authority.server(HOST)) as server,
        serving(tunnel(server.port)) as proxy,
    ):
        values = {n: (v or "").format(proxy=f"http://127.0.0.1:{proxy.port}", port=proxy.port) for n, v in env.items()}
        options = ("--ca-file", authority.file, "--retries", "0")
        run = eugpt("ask", "x", *options, base_url=f"https://{HOST}:8443/v1", env={**values})
    if asked:
        assert (run.returncode, run.stdout, run.stderr) == HELLO
        [request] = proxy.received
        assert (request.method, request.path, request.headers["host"]) == ("CONNECT", f"{HOST}:8443", f"{HOST}:8443")
        assert "proxy-authorization" not in request.headers
        [sent] = server.received
        assert (sent.headers["authorization"], sent.headers["host"]) == (f"Bearer {KEY}", f"{HOST}:8443")
    else:
        assert (run.returncode, proxy.received, server.received) == (60, [], [])


def test_addresses_excepted_from_the_proxy(authority: Authority) -> None:
    with (
        serving(http(DOCUMENT), tls=authority.server("127.0.0.1")) as server,
        serving(tunnel(server.port)) as proxy,
    ):
        for exception, connections in [("127.0.0.0/8", 0), ("127.0.0.1", 0), ("[::1],10.0.0.0/8", 1)]:
            env: Env = {"HTTPS_PROXY": f"http://127.0.0.1:{proxy.port}", "NO_PROXY": exception}
            run = eugpt("ask", "x", "--ca-file", authority.file, base_url=server.base_url, env=env)
            assert (run.returncode, proxy.connections) == (0, connections)


def test_plain_http_to_the_loopback_asks_no_proxy() -> None:
    with serving(http(DOCUMENT)) as server, serving(held_open(b"")) as proxy:
        address = f"http://127.0.0.1:{proxy.port}"
        env: Env = dict.fromkeys(("HTTPS_PROXY", "HTTP_PROXY", "http_proxy", "ALL_PROXY"), address)
        run = eugpt("ask", "x", base_url=server.base_url, env=env)
    assert (run.returncode, run.stdout, run.stderr, proxy.connections) == (*HELLO, 0)


def test_credentials_for_the_proxy_are_sent_to_it_and_shown_nowhere(authority: Authority) -> None:
    with (
        serving(http(DOCUMENT), tls=authority.server(HOST)) as server,
        serving(tunnel(server.port)) as proxy,
    ):
        env: Env = {"HTTPS_PROXY": f"http://us%40er:s%3Acret@127.0.0.1:{proxy.port}"}
        run = eugpt("ask", "x", "-v", "--ca-file", authority.file, base_url=f"https://{HOST}/v1", env=env)
    assert (run.returncode, run.stdout) == (0, b"Hello\n")
    pair = b64encode(b"us@er:s:cret").decode()
    assert proxy.received[0].headers["proxy-authorization"] == f"Basic {pair}"
    assert "proxy-authorization" not in server.received[0].headers
    assert not any(secret.encode() in run.stderr for secret in ("cret", pair))


def answered(answer: bytes) -> Script:
    def script(connection: socket.socket) -> None:
        connection.sendall(answer)
        connection.shutdown(socket.SHUT_WR)

    return script


# what the proxy answers, and what the line says
ANSWERS: list[tuple[str, Script, str]] = [
    ("refuses", answered(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"), "refused the connection (403)"),
    ("refuses, no body", answered(b"HTTP/1.1 403 Forbidden\r\n\r\n"), "refused the connection (403)"),
    ("bad gateway", answered(b"HTTP/1.1 502 X\r\n\r\n"), "refused the connection (502)"),
    ("redirects", answered(b"HTTP/1.1 302 X\r\nLocation: https://example.org\r\n\r\n"), "refused the connection (302)"),
    ("requires credentials", answered(b'HTTP/1.1 407 X\r\nProxy-Authenticate: Basic realm="x"\r\n\r\n'), "(407)"),
    ("requires credentials, in words", answered(b"HTTP/1.1 407\r\nA: b\r\n\r\n<html>"), "(407)"),
    ("garbage", answered(b"\x00\xff\x1b[31mSSH-2.0\r\n\r\n"), "did not answer as a proxy"),
    ("HTTP without a status", answered(b"HTTP/1.1 OK\r\n\r\n"), "did not answer as a proxy"),
    ("HTML", answered(b"<html>hello</html>\r\n\r\n"), "did not answer as a proxy"),
    ("nothing", answered(b""), "did not answer as a proxy"),
    ("half a line", answered(b"HTTP/1.1 2"), "did not answer as a proxy"),
    ("no end of its head", answered(b"HTTP/1.1 200 OK\r\nX: y\r\n"), "did not answer as a proxy"),
    ("an endless head", answered(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 1_000_000), "did not answer as a proxy"),
    ("more than its head", answered(b"HTTP/1.1 200 OK\r\n\r\n\x15\x03\x01"), "no TLS connection to"),
    ("resets", reset_after(b""), "no answer from the proxy"),
    ("is silent", held_open(b""), "no answer from the proxy"),
    ("is silent after CONNECT", held_open(b"HTTP/1.1 200 OK\r\n\r\n"), "no TLS connection to"),
    ("goes after CONNECT", answered(b"HTTP/1.1 200 OK\r\n\r\n"), "no TLS connection to"),
]


@pytest.mark.parametrize(("name", "script", "says"), ANSWERS, ids=[name for name, _, _ in ANSWERS])
def test_a_proxy_that_does_not_help(name: str, script: Script, says: str) -> None:
    with serving(script) as proxy:
        env: Env = {"HTTPS_PROXY": f"http://user:cret@127.0.0.1:{proxy.port}"}
        options = ("--retries", "0", "--connect-timeout", "2" if "silent" in name else "30")
        run = eugpt("ask", "x", *options, base_url=f"https://{HOST}/v1", env=env)
    assert (run.returncode, run.stdout) == (60, b"")
    line, *hints = run.stderr.decode().splitlines()
    assert line.startswith("eugpt: unreachable: ")
    assert says in line
    assert ("(407)" in line or "(403)" in line) == bool(hints)
    assert b"cret" not in run.stderr
    assert all(KEY not in value for request in proxy.received for value in request.headers.values())


def test_a_proxy_without_an_address() -> None:
    env: Env = {"HTTPS_PROXY": "http://proxy.invalid:3128"}
    run = eugpt("ask", "x", "--retries", "0", base_url="https://service.invalid/v1", env=env)
    assert run.returncode == 60
    assert run.stderr.startswith(b"eugpt: unreachable: no address for the proxy proxy.invalid: ")


def test_no_proxy_listens() -> None:
    run = eugpt("ask", "x", base_url=f"https://{HOST}/v1", env={"HTTPS_PROXY": "http://127.0.0.1:1"})
    assert run.returncode == 60
    assert run.stderr.startswith(b"eugpt: unreachable: no connection to the proxy 127.0.0.1:1: ")


@pytest.mark.parametrize(
    "value",
    [
        "socks4://127.0.0.1:1",
        "ftp://127.0.0.1:1",
        "http://",
        "http://127.0.0.1:x",
        "http://127.0.0.1:0",
        "http://a b:1",
        "http://[1",
    ],
)
def test_a_proxy_that_cannot_be_used(value: str) -> None:
    run = eugpt("ask", "x", base_url=f"https://{HOST}/v1", env={"HTTPS_PROXY": value})
    assert (run.returncode, run.stderr.startswith(b"eugpt: config: HTTPS_PROXY cannot be used")) == (30, True)
