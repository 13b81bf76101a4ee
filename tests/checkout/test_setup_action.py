"""The shell part of the action setup-eugpt, as a runner calls it."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
ACTION = TOP / ".github/actions/setup-eugpt"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("a folder with spaces")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=TOP, capture_output=True, check=True)
    return next(folder.glob("*.whl"))


def setup(folder: Path, source: str, **variables: str) -> tuple[int, str, str]:
    """Status, what it said, and the folder that it put on PATH; pip gets no network and installs eugpt alone."""
    path = folder / "path"
    run = subprocess.run(
        ["bash", ACTION / "install"],
        env={
            "PATH": f"{Path(sys.executable).parent}:{os.defpath}",
            "SOURCE": source,
            "RUNNER_TEMP": str(folder / "runner's temp"),
            "GITHUB_PATH": str(path),
            "GITHUB_OUTPUT": str(folder / "output"),
            "PIP_NO_DEPS": "1",
            "PIP_NO_INDEX": "1",
            **variables,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return run.returncode, run.stdout, path.read_text().strip() if path.exists() else ""


def test_it_installs_what_it_is_given(wheel: Path, tmp_path: Path) -> None:
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    code, said, path = setup(tmp_path, str(wheel), SHA256=digest)
    assert code == 0, said
    run = subprocess.run([Path(path, "eugpt"), "--version"], capture_output=True, text=True, check=True)
    assert said.startswith(run.stdout.strip())
    assert (tmp_path / "output").read_text() == f"version={run.stdout.split()[1]}\n"


@pytest.mark.parametrize(
    ("source", "sha256", "says"),
    [
        ("", "", "source says what to install"),
        ("http://127.0.0.1/eugpt.whl", "", "not https"),
        ("https://127.0.0.1:1/eugpt.whl", "", "cannot be fetched"),
        ("nothing.whl", "", "nothing.whl: no such file or folder"),
        ("WHEEL", "0" * 64, f"not {'0' * 64}"),
        (".", "0" * 64, "sha256 is for a file"),
    ],
)
def test_it_refuses_and_leaves_path_alone(source: str, sha256: str, says: str, wheel: Path, tmp_path: Path) -> None:
    code, said, path = setup(tmp_path, source.replace("WHEEL", str(wheel)), SHA256=sha256)
    assert code == 1
    assert said.startswith("::error::setup-eugpt: ")
    assert says in said
    assert path == ""
