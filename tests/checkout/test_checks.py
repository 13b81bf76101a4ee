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
