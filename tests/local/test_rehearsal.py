"""The README's cron script through the README's bad night: down, then answered; a cut stream; the end of the quota."""

import os
import re
import shlex
import subprocess
import sys
import textwrap
from pathlib import Path

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
REPORT = "The pump failed in May. It was repaired in June. The pump has run without a fault since then.\n"


def block(introduction: str) -> str:
    """The indented block of the README that follows a paragraph with these words."""
    paragraph = rf"{re.escape(introduction)}(?:.*\n)+?\n((?:(?:    .*)?\n)+)"
    found = re.search(paragraph, README)
    assert found, introduction
    return textwrap.dedent(found[1]).strip() + "\n"


def run(folder: Path, introduction: str) -> subprocess.CompletedProcess[str]:
    """Runs the command of the README that these words introduce, in a folder with its script, scenario and reports."""
    for name in ("nightly.sh", "bad-night.toml"):
        (folder / name).write_text(block(f"`{name}`"))
    for name in "abcd":
        (folder / f"{name}.txt").write_text(REPORT)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        shlex.split(block(introduction)),
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_the_script_survives_the_night(tmp_path: Path) -> None:
    night = run(tmp_path, "Run the script against this scenario")
    assert night.returncode == 75, night.stderr
    assert (tmp_path / "a.summary").read_text().strip() in REPORT
    left = {file.name for file in tmp_path.iterdir()} - {f"{name}.txt" for name in "abcd"}
    assert left == {"nightly.sh", "bad-night.toml", "a.summary"}, "no half answer is kept"
    said = [line for line in night.stderr.splitlines() if line.startswith("nightly:")]
    assert said == ["nightly: b.txt: the answer broke off", "nightly: quota used up, the rest tomorrow"]
    statuses = re.findall(r"POST /v1/responses (\S+)", night.stderr)
    assert statuses == ["503", "200", "200", "200", "200", "429"], "nothing is asked after the quota's end"


def test_the_retry_is_told_as_the_readme_says(tmp_path: Path) -> None:
    told = run(tmp_path, "logs each retry")
    promised = re.search(r"^This logs `([^`]+)`", README, re.M)
    assert promised
    assert told.returncode == 0
    assert promised[1] in told.stderr.splitlines()


APP = """
from openai import OpenAI

with OpenAI(max_retries=0) as client:
    print(client.responses.create(model="auto", input="What is 6 * 7?").output_text)
"""


def test_an_sdk_as_the_readme_says(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP)
    app = run(tmp_path, "SDKs for the Responses API also work with the server")
    assert (app.returncode, app.stdout) == (0, "6 * 7 = 42\n"), app.stderr
