"""No file is both read and written by one run: every pair of options that name files, whatever the names are."""

import json
import os
from collections.abc import Callable
from itertools import cycle, product
from pathlib import Path

import pytest

from eugpt_cli.settings.catalogue import COMMANDS, Command
from tests.fixtures import DOCUMENT
from tests.support.forked_program import eugpt
from tests.support.program import KEY, shell
from tests.support.rawserver import Script, http, serving

FILES = ("PATH", "FILE", "UUID=PATH")
ID = "8f14e45f-ceea-467a-a4ed-a9e9a5cb16ee"
TEXT = b'{"input":"what was there before"}\n'
FORMS = {"TEXT": "@{}", "UUID=PATH": f"{ID}={{}}"}
NAMINGS: dict[str, Callable[[Path, Path], None]] = {
    "symbolic link": lambda new, old: new.symlink_to(old),
    "hard link": lambda new, old: new.hardlink_to(old),
    "loop of folders": lambda new, old: new.symlink_to(f"../{old.parent.name}/./{old.name}"),
}


def flags(command: Command, access: str) -> list[tuple[str, str]]:
    """The flags that name a file, and the form of their values."""
    return [
        (option.flags[-1], FORMS.get(str(option.metavar), "{}"))
        for option in command.options
        if option.access == access
    ]


PAIRS = [
    (command.name, *reading, writing, naming)
    for command in COMMANDS
    for (reading, (writing, _)), naming in zip(
        product(flags(command, "read"), flags(command, "write")), cycle(NAMINGS), strict=False
    )
    if command.name not in ("chat", "raw-events")  # their rows are those of stream
]


def test_every_option_that_takes_a_file_says_what_for() -> None:
    for command in COMMANDS:
        for option in command.options:
            named = option.metavar in FILES or "@FILE" in option.help
            assert bool(option.access) is named, option.name


@pytest.mark.parametrize(("command", "reading", "form", "writing", "naming"), PAIRS)
def test_no_option_writes_what_another_reads(
    command: str, reading: str, form: str, writing: str, naming: str, tmp_path: Path
) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_bytes(TEXT)
    NAMINGS[naming](new, old)
    with serving() as server:
        run = eugpt(command, reading, form.format(old), writing, str(new), base_url=server.base_url, stdin=b"")
    error, hint = run.stderr.decode().splitlines()
    assert (run.returncode, server.received, old.read_bytes()) == (2, [], TEXT)
    assert error.endswith(f" and {writing} are the same file")
    assert error.startswith((f"eugpt: usage: {reading} and", f"eugpt: usage: {old} and"))
    assert hint == f"hint: give {writing} another file"


@pytest.mark.parametrize(
    ("command", "error"),
    [
        ("eugpt ask -o file < file", "standard input and --output"),
        ("eugpt stream --meta file x < file", "standard input and --meta"),
        ("eugpt chat --each-line < file >> file", "standard input and standard output"),
        ("eugpt chat --each-line -o /dev/fd/3 < file 3>> file", "standard input and --output"),
        ("eugpt batch file file --files -o ./file", "file and --output"),
        ("EUGPT_API_KEY_FILE=file eugpt ask x -o file", "EUGPT_API_KEY_FILE and --output"),
        ("CREDENTIALS_DIRECTORY=. eugpt ask x -o eugpt_api_key", "./eugpt_api_key and --output"),
        ("XDG_CONFIG_HOME=. eugpt ask x -o eugpt/config.toml", "config.toml and --output"),
        ("XDG_CONFIG_HOME=. eugpt ask x --profile a --meta file", "--client-cert and --meta"),
        ("EUGPT_LOG=file eugpt ask -f file x", "file and --log"),
        ("eugpt ask -o file --meta /dev/stdout x >> file", "--output and --meta"),
        ("eugpt ask x -o file -v 2>> file", "--output and standard error"),
        ("eugpt ask x -I --meta file >> file", "--meta and standard output"),
        ("eugpt stream x -I --meta ./link >> file", "--meta and standard output"),
        ("eugpt chat x -I --log file >> file", "--log and standard output"),
        ("eugpt raw-events x -I --meta file 1<> file", "--meta and standard output"),
        ("EUGPT_LOG=file eugpt ask x -I -o - >> file", "standard output and --log"),
        ("echo x | eugpt batch --lines --summary file >> file", "--summary and standard output"),
        ("eugpt serve --port 0 --journal file >> file", "--journal and standard output"),
        ("eugpt batch --lines file 2>> file", "file and standard error"),
        ("eugpt ask -o new --log folder/../new x", "--output and --log"),
        ("eugpt serve --scenario file --journal link -- true", "--scenario and --journal"),
    ],
)
def test_however_the_file_is_named(command: str, error: str, tmp_path: Path) -> None:
    for name in ("file", "eugpt_api_key", "eugpt/config.toml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(TEXT)
    if "--profile" in command:
        (tmp_path / "eugpt/config.toml").write_text('[profile.a]\nclient-cert = "file"\n')
    elif "XDG" in command:
        (tmp_path / "eugpt/config.toml").write_text("[profile.default]\n")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("file")
    keyless = {"EUGPT_API_KEY": None if "CREDENTIALS" in command or "KEY_FILE" in command else KEY}
    with serving() as server:
        run = shell(f"cd {tmp_path} && {command}", base_url=server.base_url, env=keyless)
    told, file = run.stderr.decode(), (tmp_path / "file").read_bytes()
    if "2>> file" in command:
        file, told = file[: len(TEXT)], file[len(TEXT) :].decode()
    assert told.partition("\n")[0] == f"eugpt: usage: {error} are the same file"
    assert (run.returncode, server.received) == (2, [])
    assert (file, (tmp_path / "new").exists()) == (TEXT, False)


def test_a_relative_path_in_a_folder_that_is_gone(tmp_path: Path) -> None:
    gone = f"mkdir {tmp_path}/gone; cd {tmp_path}/gone; rmdir ../gone"
    with serving(http(DOCUMENT)) as server:
        run = shell(f"{gone}; eugpt ask x -o file", base_url=server.base_url)
        assert (run.returncode, server.received) == (32, [])
        assert shell(f"{gone}; eugpt ask x --log /dev/null -I", base_url=server.base_url).returncode == 0


@pytest.mark.parametrize(
    "command",
    [
        "eugpt ask Continue < file >> file",
        "eugpt stream Continue -f file -I >> file",
        "eugpt ask x -I -o file < file",
        "eugpt ask x -I -o - --meta - >> file",
        "eugpt ask x -I -i - -o ./-",
        "eugpt ask x -I -o /dev/null --meta /dev/null -f /dev/null",
        "eugpt ask x -I >> file 2>> file",
        "eugpt ask x -I --meta - >> file",
        "eugpt ask x -I --meta /dev/null --log /dev/null > /dev/null",
        "eugpt ask x -I --meta /dev/fd/3 3>> new >> file",
        "eugpt ask x -I -o /dev/stderr --meta - > file 2>&1",
        "eugpt ask --dry-run -f file -o file x",
        "eugpt ask x -I -f file -f file -o new --meta newer",
    ],
)
def test_what_is_read_to_its_end_may_be_continued(command: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(TEXT)
    with serving(http(DOCUMENT)) as server:
        run = shell(f"cd {tmp_path} && {command}", base_url=server.base_url)
    assert (run.returncode, run.stderr) == (0, b"")


def test_a_list_of_files_that_has_an_output_in_it(tmp_path: Path) -> None:
    """As `ls | eugpt batch --files -o rows` has it: that item fails, the others do not."""
    for name in ("a", "log"):
        (tmp_path / name).write_bytes(b"text\n")
    os.link(tmp_path / "log", tmp_path / "linked")
    answers: list[Script] = [http(DOCUMENT)]
    with serving(*answers) as server:
        run = shell(
            f"cd {tmp_path} && printf '%s\\n' a ./rows linked | eugpt batch --files -o rows --log log -q",
            base_url=server.base_url,
        )
    rows = {row["custom_id"]: row["error"] for row in map(json.loads, (tmp_path / "rows").read_bytes().splitlines())}
    assert (run.returncode, len(server.received), rows["a"]) == (90, 1, None)
    assert rows["./rows"]["message"] == "./rows and --output are the same file"
    assert rows["linked"]["message"] == "linked and --log are the same file"
