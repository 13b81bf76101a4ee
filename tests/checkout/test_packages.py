"""The wheel and the sdist: what they carry, that the same sources give the same bytes, and that man finds the page."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
SHARE = {
    "man/man1/eugpt.1": "man/eugpt.1",
    "bash-completion/completions/eugpt": "completions/eugpt.bash",
    "zsh/site-functions/_eugpt": "completions/_eugpt",
    "fish/vendor_completions.d/eugpt.fish": "completions/eugpt.fish",
}


def built(sources: Path, goal: Path) -> dict[str, Path]:
    """The wheel and the sdist by their kinds."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--directory", str(goal)],
        cwd=sources,
        env={"PATH": os.defpath, "SOURCE_DATE_EPOCH": "1700000000"},
        capture_output=True,
        check=True,
    )
    return {"wheel": next(goal.glob("*.whl")), "sdist": next(goal.glob("*.tar.gz"))}


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return built(TOP, tmp_path_factory.mktemp("dist"))


def test_the_wheel(packages: dict[str, Path]) -> None:
    with zipfile.ZipFile(packages["wheel"]) as wheel:
        held = {name: wheel.read(name) for name in wheel.namelist()}
    data = {name.partition(".data/data/share/")[2]: text for name, text in held.items() if ".data/" in name}
    assert data == {name: (TOP / source).read_bytes() for name, source in SHARE.items()}
    assert held["eugpt_cli/eugpt.1"] == (TOP / "man/eugpt.1").read_bytes()
    assert "eugpt_cli/py.typed" in held
    assert not [name for name in held if name.startswith(("tests", "man", "completions")) or name.endswith(".pyc")]
    facts = next(text for name, text in held.items() if name.endswith("/METADATA")).decode()
    assert "Requires-Python: >=3.11" in facts
    assert {"typer", "httpx", "httptools", "orjson"} == {
        line.split()[1].partition("<")[0].partition(">")[0]
        for line in facts.splitlines()
        if line.startswith("Requires-Dist:") and "extra" not in line
    }


def test_the_same_sources_give_the_same_bytes(packages: dict[str, Path], tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    subprocess.run(["tar", "-xf", packages["sdist"], "-C", copy], check=True)
    (sources,) = copy.iterdir()
    for path in sources.rglob("*"):
        os.utime(path, (0, 1_234_567_890))
    again = built(sources, tmp_path / "dist")
    assert again["wheel"].read_bytes() == packages["wheel"].read_bytes()
    assert again["sdist"].read_bytes() == packages["sdist"].read_bytes()


@pytest.mark.skipif(not shutil.which("man"), reason="man is not installed")
def test_man_finds_the_page_of_a_prefix(packages: dict[str, Path], tmp_path: Path) -> None:
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--ignore-installed"]
    subprocess.run([*install, "--prefix", str(tmp_path), str(packages["wheel"])], capture_output=True, check=True)
    variables = {"PATH": f"{tmp_path}/bin:{os.defpath}", "MANWIDTH": "80", "LC_ALL": "C.UTF-8"}
    found = subprocess.run(["man", "eugpt"], env=variables, capture_output=True, text=True, check=False)
    assert (found.returncode, found.stderr) == (0, "")
    assert "a Unix-style client" in found.stdout
    assert (tmp_path / "share/bash-completion/completions/eugpt").exists()
