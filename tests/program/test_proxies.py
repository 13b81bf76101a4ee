"""Real proxies and real servers that want a client certificate, each collected where its program is installed."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures import EVENTS
from tests.support import proxies
from tests.support.authority import Authority
from tests.support.program import eugpt
from tests.support.proxies import QUOTED, counted, running
from tests.support.rawserver import RawServer, serving, stream

Env = dict[str, str | None]
COMMANDS = ("ask", "stream", "raw-events", "chat", "batch")
Start = Callable[[Path, Authority], Any]


@dataclass(frozen=True)
class Case:
    """A kind of proxy: the program it takes, how it is started, and its URL, in which {port} is filled in."""

    name: str
    program: str
    start: Start
    url: str


CASES = [
    Case("squid", "squid", lambda f, _: proxies.squid(f, proxies.SQUID_OPEN), "http://127.0.0.1:{port}"),
    Case(
        "squid with a password",
        "squid",
        lambda f, _: proxies.squid(f, proxies.SQUID_SHUT),
        f"http://{QUOTED}@127.0.0.1:{{port}}",
    ),
    Case("tinyproxy", "tinyproxy", lambda f, _: proxies.tinyproxy(f), "http://127.0.0.1:{port}"),
    Case(
        "tinyproxy with a password",
        "tinyproxy",
        lambda f, _: proxies.tinyproxy(f, shut=True),
        "http://user:secret@127.0.0.1:{port}",
    ),
    Case("microsocks", "microsocks", lambda *_: proxies.microsocks(), "socks5://127.0.0.1:{port}"),
    Case(
        "microsocks with a password",
        "microsocks",
        lambda *_: proxies.microsocks(shut=True),
        f"socks5h://{QUOTED}@127.0.0.1:{{port}}",
    ),
]
HERE = [case for case in CASES if proxies.present(case.program)]
WRONG = {  # where the user and the password stand
    "squid with a password": "http://{user}@127.0.0.1:{{port}}",
    "tinyproxy with a password": "http://{user}@127.0.0.1:{{port}}",
    "microsocks with a password": "socks5://{user}@127.0.0.1:{{port}}",
}


@pytest.fixture
def service(authority: Authority) -> Iterator[RawServer]:
    with serving(stream(*EVENTS), tls=authority.server("127.0.0.1")) as server:
        yield server


def check_every_command(base_url: str, env: Env) -> None:
    for command in COMMANDS:
        words = ["--lines"] if command == "batch" else ["x"]
        stdin = b"one\ntwo\nthree\n" if command == "batch" else None
        run = eugpt(command, *words, base_url=base_url, env=env, stdin=stdin)
        assert run.returncode == 0, (command, run)
        if command == "batch":
            assert [json.loads(row)["output_text"] for row in run.stdout.splitlines()] == ["Hello"] * 3
        elif command == "raw-events":
            assert run.stdout.count(b"\n") == len(EVENTS)
        else:
            assert (run.stdout, run.stderr) == (b"Hello\n", b"")


@pytest.mark.parametrize("case", HERE, ids=lambda case: case.name)
def test_every_command_through_a_proxy(case: Case, authority: Authority, service: RawServer, tmp_path: Path) -> None:
    with counted(case.start(tmp_path, authority), tmp_path) as proxy:
        env: Env = {"HTTPS_PROXY": case.url.format(port=proxy.port), "EUGPT_CA_FILE": authority.file}
        check_every_command(service.base_url, env)
        assert proxy.logins == service.connections == 7


@pytest.mark.parametrize("case", [case for case in HERE if case.name in WRONG], ids=lambda case: case.name)
@pytest.mark.parametrize("user", ["", "us%40er:wrong"], ids=["no password", "a wrong one"])
def test_a_password_that_is_wrong_is_tried_once(
    case: Case, user: str, authority: Authority, service: RawServer, tmp_path: Path
) -> None:
    with counted(case.start(tmp_path, authority), tmp_path) as proxy:
        url = WRONG[case.name].format(user=user).format(port=proxy.port)
        env: Env = {"ALL_PROXY": url.replace("//@", "//"), "EUGPT_CA_FILE": authority.file}
        logins = []
        for command in COMMANDS:
            words = ["--lines"] if command == "batch" else ["x"]
            stdin = b"one\n" * 30 if command == "batch" else None
            before = proxy.logins
            run = eugpt(command, *words, base_url=service.base_url, env=env, stdin=stdin)
            logins.append(proxy.logins - before)
            *_, message, hint = run.stderr.decode().splitlines()
            assert run.returncode == 60, run
            assert ("rejected the credentials" if user else "requires credentials") in message
            assert hint.startswith("hint: ")
            assert "ALL_PROXY" in hint
            assert "wrong" not in run.stderr.decode()
        assert logins[:4] == [1] * 4
        assert logins[4] == 1 if user else logins[4] <= 8
    assert service.connections == 0


@pytest.mark.skipif(not proxies.present("squid"), reason="squid is not installed")
def test_a_proxy_that_forbids(authority: Authority, service: RawServer, tmp_path: Path) -> None:
    with counted(proxies.squid(tmp_path, proxies.SQUID_FORBIDS), tmp_path) as proxy:
        env: Env = {"HTTPS_PROXY": f"http://127.0.0.1:{proxy.port}", "EUGPT_CA_FILE": authority.file}
        run = eugpt("ask", "x", base_url=service.base_url, env=env)
        assert (run.returncode, proxy.logins) == (60, 1)
    assert b"refused the connection (403)" in run.stderr


@pytest.mark.skipif(not proxies.present("danted"), reason="danted is not installed")
def test_a_socks_proxy_that_forbids(authority: Authority, service: RawServer, tmp_path: Path) -> None:
    with counted(proxies.dante(tmp_path), tmp_path) as proxy:
        env: Env = {"HTTPS_PROXY": f"socks5://127.0.0.1:{proxy.port}", "EUGPT_CA_FILE": authority.file}
        run = eugpt("ask", "x", base_url=service.base_url, env=env)
        assert (run.returncode, proxy.logins) == (60, 1), run
    assert b"refused the connection (connection not allowed by ruleset)" in run.stderr


@pytest.mark.skipif(not proxies.present("stunnel4", "tinyproxy"), reason="stunnel4 or tinyproxy is not installed")
def test_every_command_through_an_https_proxy(authority: Authority, service: RawServer, tmp_path: Path) -> None:
    """Its certificate is checked like the service's: TLS inside TLS."""
    outer = tmp_path / "stunnel"
    outer.mkdir()
    with (
        running(proxies.tinyproxy(tmp_path), tmp_path) as behind,
        counted(proxies.stunnel(outer, authority, behind), outer) as proxy,
    ):
        env: Env = {"HTTPS_PROXY": f"https://127.0.0.1:{proxy.port}", "EUGPT_CA_FILE": authority.file}
        check_every_command(service.base_url, env)
        large = eugpt("ask", base_url=service.base_url, env=env, stdin=b"x" * 5_000_000)
        assert (large.returncode, large.stdout) == (0, b"Hello\n")
        assert len(service.received[-1].body) > 5_000_000
        before = proxy.logins
        untrusted = eugpt("ask", "x", base_url=service.base_url, env={**env, "EUGPT_CA_FILE": None})
        assert (untrusted.returncode, proxy.logins - before) == (60, 1)
        assert untrusted.stderr.startswith(b"eugpt: unreachable: the certificate of the proxy 127.0.0.1 was rejected")


@pytest.mark.skipif(not proxies.present("nginx"), reason="nginx is not installed")
def test_every_command_with_a_client_certificate(authority: Authority, tmp_path: Path) -> None:
    cert, key = authority.issue(tmp_path, "me")
    with (
        serving(stream(*EVENTS)) as service,
        running(proxies.nginx(tmp_path, authority, service.port), tmp_path) as port,
    ):
        base_url = f"https://127.0.0.1:{port}/v1"
        env: Env = {"EUGPT_CA_FILE": authority.file, "EUGPT_CLIENT_CERT": cert, "EUGPT_CLIENT_KEY": key}
        check_every_command(base_url, env)
        nobody = eugpt("ask", "x", base_url=base_url, env={"EUGPT_CA_FILE": authority.file})
    assert (nobody.returncode, nobody.stdout) == (40, b"")
    assert len(service.received) == 7


@pytest.mark.skipif(not proxies.present("stunnel4"), reason="stunnel4 is not installed")
def test_a_server_that_ends_the_handshake_without_a_client_certificate(authority: Authority, tmp_path: Path) -> None:
    more = f"verifyChain = yes\nCAfile = {authority.file}"
    with (
        serving(stream(*EVENTS)) as service,
        counted(proxies.stunnel(tmp_path, authority, service.port, more), tmp_path) as server,
    ):
        base_url, env = f"https://127.0.0.1:{server.port}/v1", {"EUGPT_CA_FILE": authority.file}
        introduced = eugpt("ask", "x", "--client-cert", authority.client, base_url=base_url, env={**env})
        before = server.logins
        nobody = eugpt("ask", "x", base_url=base_url, env={**env})
        assert (introduced.returncode, introduced.stdout) == (0, b"Hello\n")
        assert (nobody.returncode, server.logins - before) == (60, 1), nobody
    assert b"the service refused the client certificate" in nobody.stderr
    assert b"hint: give one that the service accepts with --client-cert" in nobody.stderr
