"""doctor: one row a disease; which check gets which mark, what is skipped for it, and the exit code."""

import datetime
import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures import DOCUMENT
from tests.support.authority import Authority, tunnel
from tests.support.program import KEY, eugpt
from tests.support.rawserver import http, serving


def answer(ahead: float = 0) -> bytes:
    """A whole answer of a service whose clock is so many seconds ahead."""
    return http(DOCUMENT, extra=f"Date: {formatdate(time.time() + ahead, usegmt=True)}\r\n")


def examined(*arguments: str, base_url: str, env: dict[str, str | None] | None = None) -> tuple[int, dict[str, Any]]:
    """The exit code and the rows by their checks; the text and the error line tell the same."""
    run = eugpt("doctor", *arguments, "--json", base_url=base_url, env=env)
    told = json.loads(run.stdout)
    assert (told["exit"], told["ok"]) == (run.returncode, run.returncode == 0)
    assert KEY.encode() not in run.stdout + run.stderr
    rows = {row["check"]: row for row in told["checks"]}
    failed = [row["says"] for row in rows.values() if row["mark"] == "failed"]
    if failed:
        assert failed[0] in run.stderr.decode().splitlines()[0]
    else:
        assert run.stderr == b""
    return run.returncode, rows


def marks(rows: dict[str, Any], *names: str) -> list[str]:
    return [rows[name]["mark"] for name in names]


def test_a_healthy_service(authority: Authority) -> None:
    expires = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=40)
    with serving(answer(), tls=authority.server("localhost", not_after=expires)) as server:
        code, rows = examined("--ca-file", authority.file, base_url=server.url("localhost"))
    assert code == 0
    assert {row["mark"] for name, row in rows.items() if name != "tunnel"} == {"ok"}
    assert rows["tunnel"]["mark"] == "skipped"
    assert rows["tls"]["issuer"].startswith("trustme")
    assert rows["tls"]["expires"] == expires.strftime("%Y-%m-%d")
    assert rows["tls"]["trusted_by"] == authority.file
    assert rows["key"]["source"] == "EUGPT_API_KEY"
    assert "127.0.0.1" in rows["dns"]["addresses"]
    assert len(server.received) == 1
    assert json.loads(server.received[0].body)["stream"] is False


def test_the_text_is_a_line_a_check_and_the_error_line_is_on_stderr() -> None:
    with serving(answer()) as server:
        run = eugpt("doctor", base_url=server.base_url)
    rows = [line.split(maxsplit=2)[:2] for line in run.stdout.decode().splitlines()]
    assert (run.returncode, run.stderr) == (0, b"")
    assert rows == [
        *(["ok", name] for name in ("settings", "key", "files", "proxy", "dns", "tcp")),
        *(["skipped", name] for name in ("tunnel", "tls")),
        *(["ok", name] for name in ("call", "clock")),
    ]


def test_no_key() -> None:
    with serving(answer()) as server:
        code, rows = examined(base_url=server.base_url, env={"EUGPT_API_KEY": None})
        assert server.received == []
    assert code == 30
    assert marks(rows, "settings", "key", "dns", "tcp", "call", "clock") == [
        *("ok", "failed", "ok", "ok", "skipped", "skipped")
    ]
    assert "EUGPT_API_KEY" in rows["key"]["hint"]
    assert rows["call"]["says"] == "needs key"


def test_a_key_of_another_form_is_a_warning() -> None:
    with serving(answer()) as server:
        code, rows = examined(base_url=server.base_url, env={"EUGPT_API_KEY": "sk-somebody-elses"})
    assert (code, rows["key"]["mark"], rows["call"]["mark"]) == (0, "warning", "ok")
    assert "somebody" not in json.dumps(rows)


def test_a_wrong_key_which_the_service_echoes() -> None:
    refusal = http(
        json.dumps({"detail": f"no such key: {KEY}"}).encode(),
        status="401 Unauthorized",
        extra=f"Date: {formatdate(usegmt=True)}\r\n",
    )
    with serving(refusal) as server:
        code, rows = examined(base_url=server.base_url)
    assert code == 41
    assert marks(rows, "key", "tcp", "call", "clock") == ["ok", "ok", "failed", "ok"]
    assert rows["call"]["says"].startswith("no such key: eugpt_***")


def test_a_dead_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    code, rows = examined(base_url=f"http://127.0.0.1:{port}")
    assert code == 60
    assert marks(rows, "key", "dns", "tcp", "tunnel", "tls", "call") == ["ok", "ok", "failed", *["skipped"] * 3]
    assert "connection refused" in rows["tcp"]["says"]


def test_untrusted_tls(authority: Authority) -> None:
    with serving(answer(), tls=authority.server("localhost")) as server:
        code, rows = examined(base_url=server.url("localhost"))
        assert server.received == []
    assert code == 60
    assert marks(rows, "tcp", "tls", "call", "clock") == ["ok", "failed", "skipped", "skipped"]
    assert "certificate of localhost was rejected" in rows["tls"]["says"]
    assert "--ca-file" in rows["tls"]["hint"]


def test_a_certificate_that_expires_soon_is_a_warning(authority: Authority) -> None:
    soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=3)
    with serving(answer(), tls=authority.server("localhost", not_after=soon)) as server:
        code, rows = examined(base_url=server.url("localhost"), env={"SSL_CERT_FILE": authority.file})
    assert (code, rows["tls"]["mark"], rows["call"]["mark"]) == (0, "warning", "ok")


@contextmanager
def proxied(script: Any) -> Iterator[dict[str, str | None]]:
    with serving(script) as proxy:
        yield {"HTTPS_PROXY": f"http://127.0.0.1:{proxy.port}"}


def test_a_proxy_that_refuses(authority: Authority) -> None:
    with proxied(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n") as env:
        code, rows = examined("--ca-file", authority.file, base_url="https://eu.example.org", env=env)
    assert code == 60
    assert marks(rows, "proxy", "dns", "tcp", "tunnel", "tls", "call") == ["ok", "ok", "ok", "failed", *["skipped"] * 2]
    assert "refused the connection (403)" in rows["tunnel"]["says"]


def test_a_proxy_that_helps(authority: Authority) -> None:
    with serving(answer(), tls=authority.server("eu.example.org")) as server, proxied(tunnel(server.port)) as env:
        code, rows = examined("--ca-file", authority.file, base_url="https://eu.example.org", env=env)
    assert code == 0
    assert {row["mark"] for row in rows.values()} == {"ok"}
    assert rows["tunnel"]["says"] == "the proxy connects to eu.example.org:443"


@pytest.mark.parametrize(("ahead", "side"), [(600, "behind"), (-600, "ahead of")])
def test_a_clock_ten_minutes_off_is_a_warning(ahead: int, side: str) -> None:
    with serving(answer(ahead)) as server:
        code, rows = examined(base_url=server.base_url)
    assert (code, rows["call"]["mark"], rows["clock"]["mark"]) == (0, "ok", "warning")
    assert f"s {side} the service's" in rows["clock"]["says"]
    assert abs(abs(rows["clock"]["seconds_ahead"]) - 600) < 60


def test_files_that_others_can_use(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text(KEY)
    (tmp_path / "eugpt").mkdir()
    config = tmp_path / "eugpt/config.toml"
    config.write_text("[profile.default]\nretries = 0\n")
    env: dict[str, str | None] = {"EUGPT_API_KEY": None, "XDG_CONFIG_HOME": str(tmp_path)}
    with serving(answer()) as server:
        for key_mode, config_mode, mark, says in (
            (0o644, 0o644, "warning", f"{key} can be read by others"),
            (0o600, 0o664, "warning", f"{config} can be written by others"),
            (0o600, 0o644, "ok", "nobody else"),
        ):
            key.chmod(key_mode)
            config.chmod(config_mode)
            code, rows = examined("--api-key-file", str(key), base_url=server.base_url, env=env)
            assert (code, rows["files"]["mark"]) == (0, mark)
            assert says in rows["files"]["says"]


def test_broken_settings_are_a_finding_too(tmp_path: Path) -> None:
    (tmp_path / "eugpt").mkdir()
    (tmp_path / "eugpt/config.toml").write_text("[profile.default]\ntimeuot = 3\n")
    code, rows = examined(base_url="http://127.0.0.1:1", env={"XDG_CONFIG_HOME": str(tmp_path)})
    assert code == 30
    assert rows["settings"]["mark"] == "failed"
    assert "line 2: unknown setting 'timeuot'; did you mean timeout?" in rows["settings"]["says"]
    assert {row["mark"] for name, row in rows.items() if name != "settings"} == {"skipped"}
    code, rows = examined(base_url="http://eu.example.org")
    assert (code, rows["settings"]["mark"]) == (30, "failed")
    assert "plain http" in rows["settings"]["says"]
