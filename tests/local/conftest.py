"""The local server as a real process on a real socket, for all tests of it."""

import importlib
import json
import shlex
import signal
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TextIO

import httpx
import pytest

from tests.support.forks import Forked
from tests.support.program import EUGPT

from .clients import absent
from .servers import ALONE, ServerForker

collect_ignore = absent()
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # httpx would load all certificates for each request, 25 ms


def command_line(options: dict[str, Any], *command: str) -> list[str]:
    """The words that start a server with a free port."""
    return [sys.executable, "-c", ALONE, json.dumps({"port": 0, **options}), *command]


@dataclass
class Server:
    """A running server: where it is, its key, and what it says on stderr."""

    process: subprocess.Popen[str] | Forked
    base_url: str
    key: str
    log: Path

    @property
    def port(self) -> int:
        return int(self.base_url.rsplit(":", 1)[1].removesuffix("/v1"))

    def post(self, body: Any, key: str | None = None, **more: Any) -> httpx.Response:
        """Posts a body (not streamed unless it says so) and returns the response."""
        headers = {"Authorization": f"Bearer {key or self.key}", **more.pop("headers", {})}
        if isinstance(body, dict):
            more["json"] = {"stream": False, **body}
        else:
            more["content"] = body
            headers.setdefault("Content-Type", "application/json")
        return httpx.post(f"{self.base_url}/responses", headers=headers, timeout=20, verify=NO_TLS, **more)

    def ask(self, text: str, key: str | None = None, **fields: Any) -> dict[str, Any]:
        """The document that answers a text."""
        response = self.post({"input": text, **fields}, key)
        assert response.status_code == 200, response.text
        document: dict[str, Any] = response.json()
        return document

    def events(self, body: dict[str, Any]) -> list[dict[str, Any]]:
        """The events of a streamed answer."""
        response = self.post({"stream": True, **body})
        assert response.status_code == 200, response.text
        return [json.loads(block.split("data: ", 1)[1]) for block in response.text.split("\n\n") if block]

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Signals the process and waits for it."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        if self.process.stdout:
            self.process.stdout.close()
        return self.process.wait(timeout=10)


Start = Callable[..., Server]


def started(log: Path, launch: Callable[[TextIO], subprocess.Popen[str] | Forked]) -> Server:
    """Launches a server with its standard error in a file, and reads its two export lines."""
    with log.open("a") as stderr:
        process = launch(stderr)
    assert process.stdout is not None
    lines = [process.stdout.readline().strip() for _ in range(2)]
    assert all(line.startswith("export EUGPT_") for line in lines), log.read_text()
    url, key = (shlex.split(line)[1].split("=", 1)[1] for line in lines)
    return Server(process, url, key, log)


@pytest.fixture(scope="session")
def forker() -> Iterator[ServerForker]:
    made = ServerForker()
    yield made
    made.close()


@pytest.fixture
def start(forker: ServerForker, tmp_path: Path) -> Iterator[Start]:
    """Starts a server with options, or `eugpt serve` with the words of its command line; it ends with the test."""
    servers: list[Server] = []

    def starter(*words: str, **options: Any) -> Server:
        line = [EUGPT, "serve", "--port", "0", *words]
        launch = partial(subprocess.Popen, line, stdout=subprocess.PIPE, text=True)
        forked = partial(forker.serve, {"port": 0, **options})
        servers.append(
            started(tmp_path / "stderr.log", lambda stderr: launch(stderr=stderr) if words else forked(stderr))
        )
        return servers[-1]

    yield starter
    for server in servers:
        server.stop()


@pytest.fixture(scope="session")
def openai() -> Any:
    """OpenAI's SDK. It takes a second to load: not while each process of a run collects its tests."""
    return importlib.import_module("openai")


@pytest.fixture(scope="session")
def server(forker: ServerForker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server with the default options, for tests that leave nothing behind in it."""
    log = tmp_path_factory.mktemp("serve") / "stderr.log"
    running = started(log, partial(forker.serve, {"port": 0, "verbose": True}))
    yield running
    running.stop()
