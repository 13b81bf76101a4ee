"""The manual's examples of scenario files, keys files, recordings and tests of scripts do what it says of them."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.program import EUGPT

from .conftest import Server, Start
from .test_scenario import exchange

MANUAL = (Path(__file__).parents[2] / "man" / "eugpt.1").read_text("utf-8")


def examples(section: str) -> list[str]:
    """The examples of a section, as `man` shows them."""
    text = MANUAL.partition(f".SH {section}\n")[2].partition("\n.SH ")[0]
    shown = re.findall(r"^\.EX\n(.*?)^\.EE", text, re.M | re.S)
    return [example.replace("\\-", "-").replace("\\e", "\\") for example in shown]


def test_down_twice_then_well(start: Start, tmp_path: Path) -> None:
    down, *_ = examples("SCENARIO FILES")
    (tmp_path / "scenario.toml").write_text(down)
    server = start("--scenario", str(tmp_path / "scenario.toml"))
    responses = [server.post({"input": "Hello."}) for _ in range(3)]
    assert [response.status_code for response in responses] == [503, 503, 200]
    assert [response.headers.get("retry-after") for response in responses] == ["2", "2", None]


def test_late_slow_and_lost(start: Start, tmp_path: Path) -> None:
    _, lost, *_ = examples("SCENARIO FILES")
    (tmp_path / "scenario.toml").write_text(lost)
    server = start("--scenario", str(tmp_path / "scenario.toml"))
    begun = time.monotonic()
    received, ended = exchange(server, wait=30)
    assert time.monotonic() - begun >= 1.5 + 5 * 0.2
    assert ended == "reset"
    assert re.findall(rb'"delta":"([^"]*)"', received) == [b"This", b" sentence", b" will"]


def test_an_error_event_and_a_proxys_page(start: Start, tmp_path: Path) -> None:
    _, _, failing, *_ = examples("SCENARIO FILES")
    (tmp_path / "scenario.toml").write_text(failing)
    server = start("--scenario", str(tmp_path / "scenario.toml"))
    for _ in range(2):
        events = server.events({"input": "How will the weather be?"})
        assert [event["type"] for event in events] == ["response.created", "response.output_text.delta", "error"]
        assert events[2]["message"] == "model overloaded"
        page = server.post({"input": "Hello."})
        assert (page.status_code, page.text) == (502, "<h1>Bad Gateway</h1>")
        assert page.headers["content-type"] == "text/html"


def rehearsal(start: Start, tmp_path: Path, number: int) -> Server:
    """A server with one of the tables that rehearse damage."""
    (tmp_path / "scenario.toml").write_text(examples("SCENARIO FILES")[3 + number])
    return start("--scenario", str(tmp_path / "scenario.toml"))


def test_a_lost_a_repeated_and_a_late_text(start: Start, tmp_path: Path) -> None:
    lost, twice, late = (rehearsal(start, tmp_path, number).events({"input": "x"}) for number in range(3))
    assert [event.get("delta") for event in lost[1:3]] == ["Do ", "delete it."]
    assert [event["sequence_number"] for event in lost] == [0, 1, 3, 4, 5]
    assert lost[-1]["response"]["output_text"] == lost[-2]["text"] == "Do not delete it."
    assert twice[1] == twice[2]
    assert [event["type"].rpartition(".")[2] for event in late] == ["created", "done", "completed"]


def test_a_refusal_and_an_object_as_detail(start: Start, tmp_path: Path) -> None:
    refusal = rehearsal(start, tmp_path, 3).post({"input": "x"}).json()
    assert refusal["output"][0]["content"] == [{"type": "refusal", "refusal": "I cannot help with that."}]
    denied = rehearsal(start, tmp_path, 4).post({"input": "x"})
    assert (denied.status_code, denied.json()["detail"]["code"]) == (403, "plan")


def test_no_conversation_and_another_one(start: Start, tmp_path: Path) -> None:
    server = rehearsal(start, tmp_path, 5)
    assert "conversation_id" not in server.ask("x")
    assert server.ask("x")["conversation_id"] == "00000000-0000-4000-8000-000000000000"
    server = rehearsal(start, tmp_path, 5)
    for named in ({}, {"conversation_id": "00000000-0000-4000-8000-000000000000"}):
        first, *_, last = server.events({"input": "x"})
        for event in (first, last):
            assert {k: v for k, v in event["response"].items() if k == "conversation_id"} == named


OUTCOMES = [(62, ""), (0, "Once.\n"), (0, "All at once.\n"), (80, ""), (43, "")]


def test_what_eugpt_makes_of_them(tmp_path: Path) -> None:
    for (status, printed), table in zip(OUTCOMES, examples("SCENARIO FILES")[3:8], strict=True):
        (tmp_path / "scenario.toml").write_text(table)
        line = [EUGPT, "serve", "--scenario", "scenario.toml", "--", EUGPT, "ask", "--retries", "0", "x"]
        run = done(line, tmp_path, dict(os.environ))
        assert (run.returncode, run.stdout) == (status, printed), table


def script_folder(folder: Path) -> dict[str, str]:
    """A folder with the manual's script and what is read by it; the environment in which it finds `eugpt`."""
    (folder / "summary.sh").write_text(examples("TESTING YOUR OWN SCRIPTS")[0])
    (folder / "report.txt").write_text("The pump failed in May.")
    return {**os.environ, "PATH": f"{Path(EUGPT).parent}:{os.environ['PATH']}"}


def done(line: list[str], folder: Path, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """A finished process."""
    return subprocess.run(line, cwd=folder, env=environ, capture_output=True, text=True, timeout=120)


def test_the_pytest_recipe(tmp_path: Path) -> None:
    environ = script_folder(tmp_path) | {"PYTEST_ADDOPTS": ""}
    (tmp_path / "test_summary.py").write_text(examples("TESTING YOUR OWN SCRIPTS")[1])
    line = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist", "--rootdir", str(tmp_path)]
    run = done([*line, "-c", os.devnull, "test_summary.py"], tmp_path, environ)
    assert run.returncode == 0, run.stdout
    assert "3 passed" in run.stdout
    (tmp_path / "summary.sh").write_text("eugpt ask hello\n")
    assert "3 failed" in done([*line, "-c", os.devnull, "test_summary.py"], tmp_path, environ).stdout


@pytest.mark.skipif(not shutil.which("jq"), reason="jq is not installed")
def test_the_bash_recipe(tmp_path: Path) -> None:
    environ = script_folder(tmp_path)
    (tmp_path / "step.sh").write_text(examples("TESTING YOUR OWN SCRIPTS")[3])
    line = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "step.sh"]
    run = done(line, tmp_path, environ)
    assert run.returncode == 0, run.stderr
    (tmp_path / "summary.sh").write_text("exit 0\n")
    assert done(line, tmp_path, environ).returncode != 0


@pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")
def test_the_make_and_the_cassette_recipe(start: Start, tmp_path: Path) -> None:
    environ = script_folder(tmp_path) | {"EUGPT_API_KEY": "eugpt_upstream"}
    record, replay = examples("RECORDINGS")[0].splitlines()
    upstream = start(key="eugpt_upstream")
    for line in (record.replace("https://chat.eugpt.ai/v1", upstream.base_url), replay):
        run = done(shlex.split(line), tmp_path, environ)
        assert run.returncode == 0, run.stderr
        assert (tmp_path / "report.txt.summary").read_text() == "The pump failed in May.\n"
        (tmp_path / "report.txt.summary").unlink()
    (tmp_path / "Makefile").write_text(examples("TESTING YOUR OWN SCRIPTS")[4])
    assert done(["make", "check"], tmp_path, environ).returncode == 0
    (tmp_path / "report.txt").write_text("Another report.")
    assert done(["make", "check"], tmp_path, environ).returncode == 2, "there is no recording for it"


def test_keys(start: Start, tmp_path: Path) -> None:
    (keys,) = examples("KEYS FILE")
    (tmp_path / "keys.toml").write_text(keys)
    server = start("--keys", str(tmp_path / "keys.toml"))
    assert server.key == "eugpt_ada"
    assert server.ask("Hello.")["status"] == "completed"
    codes = [server.post({"input": "Hello."}, key).json()["error"]["code"] for key in ("eugpt_bob", "eugpt_trial")]
    assert codes == ["revoked_api_key", "expired_api_key"]
