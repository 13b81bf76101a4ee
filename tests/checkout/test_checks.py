"""mypy, ruff, and the generated files."""

import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
CHECKS = {
    "mypy": ["mypy"],
    "ruff check": ["ruff", "check", "."],
    "ruff format": ["ruff", "format", "--check", "."],
    "reference": ["eugpt_cli.reference", "--check"],
}


@pytest.mark.parametrize("name", CHECKS)
def test_check(name: str) -> None:
    run = subprocess.run([sys.executable, "-m", *CHECKS[name]], cwd=TOP, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


# a line of a command, and whether it passes
OPTIONS = {
    "retries: int = options.retries": True,
    "retries: int = options.retris": False,
    "options.extract": True,
    "options.jobs": False,  # an option of batch, not of ask
    "name: str = options.retries": False,
}


def test_an_option_that_the_command_does_not_have_fails_the_checks(tmp_path: Path) -> None:
    head = "from eugpt_cli.settings.records import AskOptions\n\n\ndef run(options: AskOptions) -> None:\n"
    modules = {tmp_path / f"module_{number}.py": line for number, line in enumerate(OPTIONS)}
    for path, line in modules.items():
        path.write_text(f"{head}    {line}\n", encoding="utf-8")
    words = [sys.executable, "-m", "mypy", "--strict", "--no-incremental", "--follow-imports=silent"]
    run = subprocess.run([*words, *map(str, modules)], cwd=TOP, capture_output=True, text=True, check=False)
    assert {line: f"{path.name}:5: error" not in run.stdout for path, line in modules.items()} == OPTIONS, run.stdout
