"""The generated documents: written anew when their sources change, complete against --help, readable at every width."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.support.program import eugpt

TOP = Path(__file__).parents[2]
GENERATED = ("man/eugpt.1", "completions/eugpt.bash", "completions/_eugpt", "completions/eugpt.fish")
MAN = (TOP / "man/eugpt.1").read_text("utf-8")
SECTIONS = (
    "NAME SYNOPSIS EXAMPLES DESCRIPTION COMMANDS OPTIONS EXIT+STATUS ENVIRONMENT FILES JOURNAL SCENARIO+FILES "
    "BUGS SECURITY SEE+ALSO"
)


@cache
def commands() -> list[str]:
    """The commands that the installed program itself tells of."""
    told = eugpt("--help").stdout.decode().partition("Commands:\n")[2].partition("\n\n")[0]
    return re.findall(r"^  (\S+)", told, re.MULTILINE)


@cache
def flags(command: str) -> set[str]:
    told = eugpt(command, "--help").stdout.decode().partition("Options:\n")[2]
    rows = re.findall(r"^  (-.*?)(?:  |$)", told, re.MULTILINE)
    return {flag for row in rows for flag in re.findall(r"(?<![\w-])--?[a-zA-Z][\w-]*", row)}


def fish_flags(command: str) -> set[str]:
    found: set[str] = set()
    for line in (TOP / "completions/eugpt.fish").read_text("utf-8").splitlines():
        match = re.match(r"complete -c eugpt -n '__eugpt_in ([\w -]+)' (-.*?) -d ", line)
        if match and command in match[1].split():
            found |= {f"-{letter}" for letter in re.findall(r"-s (\w)", match[2])}
            found |= {f"--{word}" for word in re.findall(r"-l ([\w-]+)", match[2])}
    return found


def bash_flags(command: str) -> set[str]:
    script = f'. {TOP}/completions/eugpt.bash; _eugpt_options {command}; echo "$choices"'
    run = subprocess.run(["bash", "--norc", "-c", script], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def test_what_help_tells_the_four_documents_tell() -> None:
    in_man = set(re.findall(r"\\fB(--?[\w-]+)\\fR", MAN.replace("\\-", "-")))
    zsh = set(re.findall(r"[{,)' ](--?[a-zA-Z][\w-]*)[=+]?(?=[,}'])", (TOP / "completions/_eugpt").read_text("utf-8")))
    for command in commands():
        told = flags(command)
        assert {"-h", "--help"} <= told, command
        assert told == bash_flags(command), command
        assert told == fish_flags(command), command
        assert told <= in_man, command
        assert told <= zsh, command


def test_every_command_stands_in_all_of_them() -> None:
    assert {"ask", "stream", "chat", "raw-events", "serve", "exit-codes"} <= set(commands())
    for name in GENERATED:
        text = (TOP / name).read_text("utf-8").replace("\\-", "-")
        assert all(command in text for command in commands()), name


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    shutil.copytree(TOP / "eugpt_cli", tmp_path / "eugpt_cli", ignore=shutil.ignore_patterns("__pycache__", "local"))
    for name in ("man", "completions"):
        shutil.copytree(TOP / name, tmp_path / name)
    shutil.copy(TOP / "README.md", tmp_path)
    return tmp_path


def reference(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "eugpt_cli.reference", *arguments],
        cwd=checkout,
        env={"PATH": os.defpath, "PYTHONPATH": str(checkout), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("source", "old", "new", "stale"),
    [
        (
            "settings/options.py",
            '"add a local text file to the prompt; - is standard input"',
            '""',
            {*GENERATED[0::2], GENERATED[3]},
        ),
        ("settings/options.py", '"--no-stdin"', '"--without-stdin"', {*GENERATED}),
        ("settings/options.py", '"no_stdin"', '"without_stdin"', {"eugpt_cli/settings/records.py"}),
        ("errors.py", "QUOTA = (49,", "QUOTA = (48,", {"man/eugpt.1", "README.md"}),
    ],
    ids=["help removed", "option renamed", "name changed", "exit code changed"],
)
def test_drift_is_refused_until_written_anew(checkout: Path, source: str, old: str, new: str, stale: set[str]) -> None:
    path = checkout / "eugpt_cli" / source
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    refused = reference(checkout, "--check")
    assert refused.returncode == 1
    assert stale <= {line.split()[0] for line in refused.stderr.splitlines()}
    assert reference(checkout).returncode == 0
    again = reference(checkout, "--check")
    assert (again.returncode, again.stderr) == (0, "")


def helps() -> Iterator[tuple[str, str]]:
    for command in commands():
        rows = eugpt(command, "--help").stdout.decode().partition("Options:\n")[2].split("\n  -")
        yield from ((command, row.strip()) for row in rows if row.strip())


def test_every_option_has_help() -> None:
    for command, row in helps():
        assert re.search(r"\S(  +|\n +)\w", row), (command, row)


def test_the_page_has_its_sections_in_order() -> None:
    found = re.findall(r"^\.SH (.*)$", MAN, re.MULTILINE)
    wanted = [name.replace("+", " ") for name in SECTIONS.split()]
    assert [name for name in found if name in wanted] == wanted


@pytest.mark.skipif(not shutil.which("man"), reason="man is not installed")
@pytest.mark.parametrize("width", [60, 80, 120])
def test_man_shows_the_page_without_a_warning(width: int) -> None:
    shown = subprocess.run(
        ["man", "--warnings", "-l", str(TOP / "man/eugpt.1")],
        env={"PATH": os.defpath, "MANWIDTH": str(width), "LC_ALL": "C.UTF-8", "MAN_KEEP_FORMATTING": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "Exit status 0 means that the answer is complete" in " ".join(shown.stdout.split())
    assert "‐" not in shown.stdout, "a word that can be copied is not hyphenated"
    if width >= 80:
        examples = {line.strip() for line in MAN.replace("\\-", "-").replace("\\e", "\\").splitlines()}
        long = [line for line in shown.stdout.splitlines() if len(line) > width]
        assert all(line.strip() in examples for line in long), long


def test_the_version_of_the_page_is_the_version_of_the_program() -> None:
    version = eugpt("--version").stdout.decode().strip()
    assert f'"{version}"' in MAN.splitlines()[1]


def test_check_names_the_command_that_helps(checkout: Path) -> None:
    (checkout / "man/eugpt.1").write_text("")
    refused = reference(checkout, "--check")
    assert refused.returncode == 1
    assert refused.stderr == ("man/eugpt.1 is out of date; run python -m eugpt_cli.reference\n")
    assert (checkout / "man/eugpt.1").read_text() == "", "--check writes nothing"
