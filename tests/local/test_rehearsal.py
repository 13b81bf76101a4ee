"""The cron script of the README through a bad night: busy, then answered; a cut stream; the end of the quota."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

FILES = Path(__file__).parent / "rehearsal"
REPORT = "The pump failed in May. It was repaired in June. The pump has run without a fault since then.\n"


def test_the_script_survives_a_bad_night(tmp_path: Path) -> None:
    for name in ("nightly.sh", "bad-night.toml"):
        shutil.copy(FILES / name, tmp_path)
    for name in "abcd":
        (tmp_path / f"{name}.txt").write_text(REPORT)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    reports = ["a.txt", "b.txt", "c.txt", "d.txt"]
    run = subprocess.run(
        ["eugpt", "serve", "--port", "0", "--scenario", "bad-night.toml", "--", "sh", "nightly.sh", *reports],
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == 75, run.stderr
    assert (tmp_path / "a.summary").read_text().strip() in REPORT
    assert sorted(file.name for file in tmp_path.glob("*.summary*")) == ["a.summary"], "no half answer is kept"
    said = [line for line in run.stderr.splitlines() if line.startswith("nightly:")]
    assert said == ["nightly: b.txt: the answer broke off", "nightly: quota used up, the rest tomorrow"]
