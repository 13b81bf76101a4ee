"""The manual's tests of a script in bats."""

from pathlib import Path

from .clients import MODULES
from .test_manual import done, examples, script_folder


def test_the_bats_recipe(tmp_path: Path) -> None:
    environ = script_folder(tmp_path)
    (tmp_path / "summary.bats").write_text(examples("TESTING YOUR OWN SCRIPTS")[2])
    line = ["bash", str(MODULES / "bats" / "bin" / "bats"), "summary.bats"]
    run = done(line, tmp_path, environ)
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.count("ok ") == 3
    (tmp_path / "summary.sh").write_text("eugpt ask hello\n")
    assert done(line, tmp_path, environ).stdout.count("not ok ") == 3
