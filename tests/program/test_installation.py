"""A package that is missing: the hint fits the kind of installation, and fetches nothing by a name of eugpt's own."""

import os
import subprocess
import tomllib
from collections.abc import Iterable
from pathlib import Path

import pytest

from eugpt_cli.system import installation
from tests.support.program import PYTHON

TOP = Path(__file__).parents[2]
WHERE = (
    "import eugpt_cli, typer, os; print(*(os.path.dirname(os.path.dirname(m.__file__)) for m in (typer, eugpt_cli)))"
)


def environment(folder: Path, without: Iterable[str]) -> Path:
    """A virtual environment that has what the tested one has, but for some modules; returns its python."""
    subprocess.run([PYTHON, "-m", "venv", "--without-pip", str(folder)], check=True, capture_output=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    found = subprocess.run([PYTHON, "-c", WHERE], check=True, capture_output=True, text=True).stdout.split()
    for source in {path.name: path for path in (*Path(found[0]).iterdir(), Path(found[1], "eugpt_cli"))}.values():
        if source.name.partition(".")[0] not in without and not source.name.endswith(".pth"):
            (packages / source.name).symlink_to(source)
    return folder / "bin/python"


def failure(python: Path, *arguments: str) -> tuple[int, str]:
    run = subprocess.run(
        [python, "-m", "eugpt_cli", *arguments],
        env={"PATH": os.defpath, "EUGPT_API_KEY": "eugpt_test-key-0123456789"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.stdout == ""
    return run.returncode, run.stderr


KINDS = {
    "venv": ("", "", "{prefix}/bin/python -m pip install aiohttp pydantic"),
    "pipx": ("pipx_metadata.json", "{}", "pipx inject eugpt-cli aiohttp pydantic"),
    "uv tool": ("uv-receipt.toml", "[tool]\n", "uv pip install --python {prefix} aiohttp pydantic"),
    "uv venv": ("pyvenv.cfg", "\nuv = 0.13.9\n", "uv pip install --python {prefix} aiohttp pydantic"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_hint_is_the_command_of_this_installation(kind: str, tmp_path: Path) -> None:
    name, text, hint = KINDS[kind]
    prefix = tmp_path / "eugpt-cli"
    python = environment(prefix, without={"aiohttp"})
    if name:
        with (prefix / name).open("a") as file:
            file.write(text)
    code, line = failure(python, "serve")
    assert code == 30
    assert line == f"eugpt: config: serve needs the package aiohttp\nhint: {hint.format(prefix=prefix)}\n"


@pytest.mark.parametrize(("name", "arguments"), [("orjson", ["ask", "x"]), ("typer", ["--help"])])
def test_a_broken_installation_is_no_defect_of_eugpt(name: str, arguments: list[str], tmp_path: Path) -> None:
    code, line = failure(environment(tmp_path / "eugpt-cli", without={name}), *arguments)
    assert code == 30, line
    assert line.startswith(f"eugpt: config: this installation of eugpt is incomplete: No module named '{name}'\nhint: ")
    assert line.endswith(f" -m pip install {name}\n")


def test_a_module_of_another_owner_is_not_fetched_by_its_name(tmp_path: Path) -> None:
    """Such a name may be nobody's on the registry, as _sqlite3 is, and then anybody's."""
    code, line = failure(environment(tmp_path / "eugpt-cli", without={"annotated_doc"}), "--help")
    assert code == 30, line
    assert line.endswith("\nhint: install eugpt again\n")


def test_the_extras_are_those_of_the_package() -> None:
    with (TOP / "pyproject.toml").open("rb") as file:
        extras = tomllib.load(file)["project"]["optional-dependencies"]
    told = {name: [word.partition(">")[0] for word in extras[name]] for name in installation.EXTRAS}
    assert told == {name: list(packages) for name, packages in installation.EXTRAS.items()}
    assert extras["all"] == [f"eugpt-cli[{','.join(installation.EXTRAS)}]"]


def test_no_hint_fetches_eugpt_by_its_name() -> None:
    hints = {how for extra in installation.EXTRAS for how in [installation.how_to_add(extra)]}
    assert not [hint for hint in hints if "eugpt-cli[" in hint or hint.endswith("install eugpt-cli")]
