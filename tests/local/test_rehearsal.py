"""The README's cron script through the README's bad night: down, then answered; a cut stream; the end of the quota."""

from __future__ import annotations

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


def test_the_script_survives_the_night(tmp_path: Path) -> None:
    for name in ("nightly.sh", "bad-night.toml"):
        (tmp_path / name).write_text(block(f"`{name}`"))
    for name in "abcd":
        (tmp_path / f"{name}.txt").write_text(REPORT)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    run = subprocess.run(
        shlex.split(block("The night, in a second")),
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == 75, run.stderr
    assert (tmp_path / "a.summary").read_text().strip() in REPORT
    assert [file.name for file in tmp_path.glob("*.summary*")] == ["a.summary"], "no half answer is kept"
    said = [line for line in run.stderr.splitlines() if line.startswith("nightly:")]
    assert said == ["nightly: b.txt: the answer broke off", "nightly: quota used up, the rest tomorrow"]
    statuses = re.findall(r"POST /v1/responses (\S+)", run.stderr)
    assert statuses == ["503", "200", "200", "429"], "nothing is asked after the quota's end"
