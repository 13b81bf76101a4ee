"""Whom eugpt trusts where bundle and folder differ, and who it is itself. Section 9."""

import subprocess
from pathlib import Path

import pytest

from tests.fixtures import DOCUMENT
from tests.support.authority import Authority
from tests.support.program import eugpt
from tests.support.rawserver import http, serving

Env = dict[str, str | None]
DEFAULTS = """\
import os, ssl
from collections import namedtuple
paths = ssl.get_default_verify_paths()._replace(cafile=os.environ.get("BUNDLE"), capath=os.environ.get("FOLDER"))
ssl.get_default_verify_paths = lambda: paths
"""


class Store(Authority):
    """One of two authorities, as they stand in a store."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        super().__init__(folder)


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Store]:
    folder = tmp_path_factory.mktemp("stores")
    return {name: Store(folder / name) for name in "AB"}


# what is in the bundle and in the folder, and whom of A and B is trusted
HALVES = [
    ("A", "B", "AB"),
    ("B", "A", "AB"),
    ("A", "A", "A"),
    ("A", "", "A"),
    ("", "A", "A"),
    ("B", "", "B"),
    ("", "", ""),
]


@pytest.mark.parametrize("place", ["the system", "SSL_CERT_FILE and SSL_CERT_DIR"])
@pytest.mark.parametrize(("bundle", "folder", "trusted"), HALVES)
def test_bundle_and_folder_both_count(
    tmp_path: Path, stores: dict[str, Store], place: str, bundle: str, folder: str, trusted: str
) -> None:
    (tmp_path / "sitecustomize.py").write_text(DEFAULTS)
    (tmp_path / "empty").mkdir()
    names = ("BUNDLE", "FOLDER") if place == "the system" else ("SSL_CERT_FILE", "SSL_CERT_DIR")
    env: Env = {
        "PYTHONPATH": str(tmp_path),
        names[0]: stores[bundle].file if bundle else None,
        names[1]: stores[folder].folder if folder else str(tmp_path / "empty"),
    }
    for name, authority in stores.items():
        with serving(http(DOCUMENT), tls=authority.server("127.0.0.1")) as server:
            run = eugpt("ask", "x", base_url=server.base_url, env=env)
        if name in trusted:
            assert (run.returncode, run.stdout, run.stderr) == (0, b"Hello\n", b"")
        else:
            assert (run.returncode, run.stdout, server.received) == (60, b"", [])
            line, hint = run.stderr.decode().splitlines()
            assert line.startswith(
                "eugpt: unreachable: " + ("the certificate of 127.0.0.1" if trusted else "no certificates")
            )
            assert ("--ca-file" in hint, "ca-certificates" in hint) == (True, not trusted)


# the files of the certificate and of the key, and what is said of them
UNUSABLE = [
    ("missing.pem", None, "no such file"),
    ("nothing.pem", None, "it contains no certificate or no key, or they do not match"),
    ("me.crt", None, "it contains no certificate or no key, or they do not match"),
    ("me.crt", "other.key", "it contains no certificate or no key, or they do not match"),
    ("me.crt", "locked.key", "needs a passphrase"),
    (None, "me.key", "--client-key needs a certificate"),
]


@pytest.mark.parametrize(("cert", "key", "says"), UNUSABLE)
def test_a_client_certificate_that_cannot_be_used(
    authority: Authority, tmp_path: Path, cert: str | None, key: str | None, says: str
) -> None:
    """Nothing is connected, and nobody is asked for a passphrase."""
    for name in ("me", "other"):
        authority.issue(tmp_path, name)
    (tmp_path / "nothing.pem").write_text("nothing")
    words = ["openssl", "pkey", "-aes256", "-passout", "pass:x", "-in", "me.key", "-out", "locked.key"]
    subprocess.run(words, cwd=tmp_path, check=True, capture_output=True)
    options = [
        *(["--client-cert", str(tmp_path / cert)] if cert else []),
        *(["--client-key", str(tmp_path / key)] if key else []),
    ]
    with serving(http(DOCUMENT), tls=authority.server("127.0.0.1")) as server:
        run = eugpt("ask", "x", "--ca-file", authority.file, *options, base_url=server.base_url)
    assert (run.returncode, run.stdout, server.connections) == (30, b"", 0)
    assert says in run.stderr.decode()


def test_the_way_is_told_and_curl_takes_it_too(authority: Authority) -> None:
    options = ("--client-cert", authority.client, "--ca-file", authority.file)
    with serving(http(DOCUMENT), tls=authority.server("127.0.0.1", wants_client=True)) as server:
        told = eugpt("ask", "x", "-v", *options, base_url=server.base_url)
        shown = eugpt("ask", "x", "--curl", *options, base_url=server.base_url)
        script = shown.stdout.decode().replace("$EUGPT_API_KEY", "k")
        answer = subprocess.run(["sh", "-c", script], capture_output=True, timeout=60, check=True)
    assert (told.returncode, answer.stdout) == (0, DOCUMENT)
    assert f"* connecting directly, as {authority.client}".encode() in told.stderr


def test_the_proxy_is_told_without_its_password() -> None:
    env: Env = {"HTTPS_PROXY": "http://me:secret@127.0.0.1:1", "NO_PROXY": "excepted.example"}
    told = eugpt("ask", "x", "-v", "--retries", "0", base_url="https://a.example", env=env)
    assert b"* connecting through the proxy http://127.0.0.1:1 (HTTPS_PROXY)" in told.stderr
    for base_url, proxy in (
        ("https://a.example", '--proxy "$HTTPS_PROXY"'),
        ("https://excepted.example", "--noproxy '*'"),
        ("http://127.0.0.1:1", "--noproxy '*'"),
    ):
        shown = eugpt("ask", "x", "--curl", base_url=base_url, env=env)
        assert proxy.encode() in shown.stdout
        assert b"secret" not in shown.stdout + told.stderr
    config = eugpt("config", base_url="https://a.example", env=env)
    assert ["proxy", "http://127.0.0.1:1", "HTTPS_PROXY"] in [
        line.split() for line in config.stdout.decode().splitlines()
    ]


def test_a_socks_proxy_without_its_package(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['socksio'] = None\n")
    env: Env = {"PYTHONPATH": str(tmp_path), "ALL_PROXY": "socks5://127.0.0.1:1"}
    run = eugpt("ask", "x", base_url="https://a.example", env=env)
    assert (run.returncode, run.stdout) == (30, b"")
    assert b"socksio" in run.stderr
