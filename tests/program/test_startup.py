"""What a run loads: a set of modules, never a time."""

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from tests.fixtures import DOCUMENT
from tests.support.authority import Authority
from tests.support.program import EUGPT, KEY, PYTHON
from tests.support.rawserver import http, serving

HEAVY = {"aiohttp", "click", "httpcore", "httpx", "orjson", "pydantic", "rich", "sqlite3", "ssl", "tomllib"}
# What every answer loads of each room.
WAY = {
    "": "__main__ cli errors",
    "api": "answer_text events exchange observer outcome parts request response_text retry sequence text_digest writer",
    "conversation": "names thread",
    "http": "connect_deadline client connection dial direct http1 lanes preconnect response route seam silence",
    "output": "destinations report writers",
    "run": "prompt reporting turn",
    "settings": "catalogue key option options profile records resolving serve_options",
    "system": "alarm console files interrupts locks streams",
    "text": "escapes redaction suggestions",
    "commands": "",
}
STREAM = {"api": "delta_runs event_reader next_delta sse"}  # and what a stream loads besides
NEVER = {"aiohttp", "click", "h11", "httpcore", "httpx", "pydantic", "rich", "sqlite3"}


def loaded(*arguments: str, base_url: str = "", env: Mapping[str, str] = MappingProxyType({})) -> set[str]:
    """Every module that the installed program loads on the way, by the interpreter's own account."""
    run = subprocess.run(
        [PYTHON, "-v", EUGPT, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env={"PATH": os.defpath, "EUGPT_API_KEY": KEY, "EUGPT_BASE_URL": base_url, **env},
        timeout=60,
        check=False,
    )
    return set(re.findall(r"^import '([\w.]+)' #", run.stderr, re.MULTILINE))


def ours(modules: set[str], folder: str = "") -> set[str]:
    return {name for name in modules if name.startswith(f"eugpt_cli.{folder}")}


def modules_of(rooms: dict[str, str]) -> set[str]:
    """The dotted names of the rooms and of the modules listed for each."""
    faces = {f"eugpt_cli.{room}" for room in rooms if room}
    return faces | {f"eugpt_cli.{room}.{name}".replace("..", ".") for room in rooms for name in rooms[room].split()}


def roots(modules: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules}


def test_the_version_loads_nothing() -> None:
    bare = loaded("--version")
    assert ours(bare) == {"eugpt_cli.__main__"}
    assert not roots(bare) & (HEAVY | {"typer", "typing", "signal"})


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["ask", "--help"], [], ["nope"], ["ask", "--nope"], ["stream", "a", "b"], ["batch", "-h"]],
    ids=" ".join,
)
def test_help_and_usage_errors_load_the_tables_and_typer(arguments: list[str]) -> None:
    modules = loaded(*arguments)
    assert "typer" in modules
    assert not roots(modules) & (HEAVY | {"email", "urllib.request"})
    words = {
        "__main__", "api", "api.outcome", "cli", "errors", "mistakes", "output", "output.report", "settings",
        "settings.catalogue", "settings.option", "settings.options", "settings.serve_options", "system",
        "system.alarm", "system.console", "system.interrupts", "system.streams", "text", "text.escapes",
        "text.redaction", "text.suggestions",
    }  # fmt: skip
    words |= set() if {"-h", "--help"} & set(arguments) else {"settings.command_line"}
    assert ours(modules) <= {f"eugpt_cli.{name}" for name in words}


@pytest.mark.parametrize("command", ["ask", "stream", "raw-events"])
def test_an_answer_loads_its_own_command_and_what_a_request_needs(command: str) -> None:
    with serving(http(DOCUMENT)) as server:
        modules = loaded(command, "x", base_url=server.base_url)
    assert len(server.received) == 1
    assert {"httptools", "orjson"} <= modules
    assert roots(modules) & (NEVER | {"email", "random", "shlex", "ssl", "unicodedata"}) == set()
    assert "urllib.request" not in modules
    rest = modules_of(STREAM) if command != "ask" else set()
    assert ours(modules) == {*modules_of(WAY), *rest, f"eugpt_cli.commands.{command.replace('-', '_')}"}


@pytest.mark.parametrize(
    "command", ["ask x", "stream x", "chat x", "raw-events x", "batch --files /etc/hostname", "doctor"]
)
def test_httpx_is_loaded_where_it_carries_the_request_and_nowhere_else(authority: Authority, command: str) -> None:
    trusting = {"EUGPT_CA_FILE": authority.file}
    with serving(http(DOCUMENT), tls=authority.server("127.0.0.1")) as server:
        directly = loaded(*command.split(), base_url=server.base_url, env=trusting)
        introduced = loaded(
            *command.split(), base_url=server.base_url, env={**trusting, "EUGPT_CLIENT_CERT": authority.client}
        )
        no_proxy = {**trusting, "HTTPS_PROXY": "http://127.0.0.1:1", "NO_PROXY": "127.0.0.0/8"}
        excepted = loaded(*command.split(), base_url=server.base_url, env=no_proxy)
    assert len(server.received) == 3
    assert not roots(directly | excepted) & {"httpx", "httpcore", "h11"}
    assert {"httpx", "httpcore", "h11"} <= roots(introduced)


def test_a_request_that_is_only_shown_loads_no_network() -> None:
    modules = loaded("ask", "--dry-run", "x")
    assert "orjson" in modules
    assert not roots(modules) & (NEVER | {"httptools", "ssl"})


def test_checks_are_loaded_only_where_they_are_asked_for(tmp_path: Path) -> None:
    """The library of --schema by the servant alone."""
    (tmp_path / "schema.json").write_text("{}")
    (tmp_path / "items").write_text('{"input": "a"}\n')
    checks = {
        "eugpt_cli.run.checks",
        "eugpt_cli.run.extraction",
        "eugpt_cli.run.schema",
        "eugpt_cli.system.subprocesses",
    }
    with serving(http(b'{"id":"r","status":"completed","output_text":"1"}')) as server:
        for words in (["ask", "x"], ["batch", str(tmp_path / "items")]):
            bare = loaded(*words, base_url=server.base_url)
            checked = loaded(*words, "--schema", str(tmp_path / "schema.json"), base_url=server.base_url)
            assert not bare & checks
            assert checks <= checked
            assert "jsonschema_rs" not in checked
