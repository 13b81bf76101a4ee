"""config, exit-codes and man: what they print, and that the key is not in it."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pexpect  # type: ignore[import-untyped]
import pytest

from eugpt_cli.errors import ExitCode
from tests.support.forked_program import eugpt
from tests.support.program import EUGPT, KEY

PAGE = Path(__file__).parents[2] / "man/eugpt.1"
CONFIG = """\
default_profile = "work"

[profile.work]
base-url = "https://eu.example.org/api"
timeout = 30
api_key_command = "echo eugpt_from-the-profile"

[profile.other]
retries = 0
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "eugpt").mkdir()
    (tmp_path / "eugpt/config.toml").write_text(CONFIG)
    return tmp_path


def told(home: Path, *arguments: str, **variables: str | None) -> dict[str, tuple[object, str]]:
    run = eugpt("config", "--json", *arguments, env={"XDG_CONFIG_HOME": str(home), **variables})
    assert (run.returncode, run.stderr) == (0, b"")
    document = json.loads(run.stdout)
    assert document["path"] == f"{home}/eugpt/config.toml"
    return {name: (setting["value"], setting["origin"]) for name, setting in document["settings"].items()}


def test_each_setting_with_its_value_and_origin(home: Path) -> None:
    settings = told(home, EUGPT_RETRIES="5", EUGPT_API_KEY=None)
    assert settings["profile"] == ("work", "config.toml")
    assert settings["base_url"] == ("https://eu.example.org/api", "profile work")
    assert settings["timeout"] == (30.0, "profile work")
    assert settings["retries"] == (5, "EUGPT_RETRIES")
    assert settings["connect_timeout"] == (10.0, "default")
    assert settings["max_time"] == (None, "default")
    assert settings["api_key"] == ("(not shown)", "api_key_command of the profile")


def test_another_profile_is_chosen_by_option_or_variable(home: Path) -> None:
    by_option = told(home, "--profile", "other", EUGPT_PROFILE="work")
    assert by_option["profile"] == ("other", "--profile")
    assert by_option["retries"] == (0, "profile other")
    assert by_option["base_url"] == ("https://chat.eugpt.ai/v1", "default")
    assert by_option["api_key"] == ("(not shown)", "EUGPT_API_KEY")
    assert told(home, EUGPT_PROFILE="other")["profile"] == ("other", "EUGPT_PROFILE")
    assert told(home, EUGPT_PROFILE="other", EUGPT_API_KEY=None)["api_key"] == (None, "none")


def test_as_text_one_line_a_setting_and_never_the_key(home: Path) -> None:
    run = eugpt("config", env={"XDG_CONFIG_HOME": str(home)})
    rows = [line.split() for line in run.stdout.decode().splitlines()]
    assert ["base_url", "https://eu.example.org/api", "profile", "work"] in rows
    assert ["connect_timeout", "10", "default"] in rows
    assert ["ca_file", "-", "default"] in rows
    assert ["api_key", "(not", "shown)", "EUGPT_API_KEY"] in rows
    assert KEY.encode() not in run.stdout + run.stderr


def test_the_command_of_the_key_is_not_run(home: Path) -> None:
    text = CONFIG.replace("echo eugpt_from-the-profile", f"touch {home}/was-run")
    (home / "eugpt/config.toml").write_text(text)
    assert told(home, EUGPT_API_KEY=None)["api_key"][1] == "api_key_command of the profile"
    assert not (home / "was-run").exists()


def test_path() -> None:
    assert eugpt("config", "--path", env={"HOME": "/h"}).stdout == b"/h/.config/eugpt/config.toml\n"
    assert eugpt("config", "--path", env={"HOME": "/h", "XDG_CONFIG_HOME": "/x"}).stdout == b"/x/eugpt/config.toml\n"
    assert eugpt("config", "--path").returncode == ExitCode.CONFIG.number


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ("timeuot = 3\n", "config.toml, line 4: unknown setting 'timeuot'; did you mean timeout?"),
        (
            "timeout = 3\nbase-ulr = 1\n",
            "config.toml, line 5: unknown setting 'base_ulr'; did you mean base_url?",
        ),
        ("timeout = \n", "config.toml is not TOML: invalid value (at line 4, column 11)"),
        ("instructions = true\n", "config.toml, line 4: instructions must be a text, not True"),
        ('api-key-file = "a\\u0000b"\n', "config.toml, line 4: api_key_file contains a NUL"),
        ("timeout = 'long'\n", "config.toml, line 4: timeout must be a number of seconds above 0, not 'long'"),
        (
            "[profile.other]\ntimeout = 'long'\n[ profile . 'mine' ]\n'retries' = 1\ntimeout = true\n",
            "config.toml, line 7: timeout must be a number of seconds above 0, not True",
        ),
        ("retries = 1.9\n", "config.toml, line 4: retries must be a whole number, 0 or more, not 1.9"),
        ("base_url = 'https://ada:secret@example.org'\n", "the base URL contains credentials"),
    ],
)
def test_a_broken_file_is_refused_with_file_line_and_the_nearest_key(home: Path, broken: str, says: str) -> None:
    path = home / "eugpt/config.toml"
    table = "" if broken.startswith("[") else "[profile.mine]\n"
    path.write_text(f"default_profile = 'mine'\n\n{table}{broken}")
    run = eugpt("config", env={"XDG_CONFIG_HOME": str(home)})
    assert (run.returncode, run.stdout) == (ExitCode.CONFIG.number, b"")
    assert says in run.stderr.decode()
    assert b"secret" not in run.stderr
    assert eugpt("ask", "Hello", env={"XDG_CONFIG_HOME": str(home)}).stderr == run.stderr


def test_a_setting_outside_of_any_profile(home: Path) -> None:
    (home / "eugpt/config.toml").write_text("# mine\ntimeout = 5\n")
    run = eugpt("ask", "Hello", env={"XDG_CONFIG_HOME": str(home)})
    says = "config.toml, line 2: timeout belongs in a profile: put [profile.default] above it\n"
    assert (run.returncode, run.stderr.decode().endswith(says)) == (30, True)


def test_exit_codes_are_the_enum() -> None:
    rows = [line.split(maxsplit=2) for line in eugpt("exit-codes").stdout.decode().splitlines()]
    assert [(int(number), label) for number, label, _ in rows] == [(code.number, code.label) for code in ExitCode]
    assert json.loads(eugpt("exit-codes", "--json").stdout)[-1]["kind"] == "sigterm"


def test_one_exit_code_by_number_or_name() -> None:
    assert eugpt("exit-codes", "49").stdout == eugpt("exit-codes", "quota").stdout
    assert eugpt("exit-codes", "49").stdout == (
        b" 49  quota            HTTP 429 (worth trying again: when the quota resets)\n"
    )
    assert json.loads(eugpt("exit-codes", "62", "--json").stdout) == {
        "exit": 62,
        "kind": "truncated",
        "when": "cut connection, empty body, a stream without a terminal event, damaged text, "
        "an answer before the request was complete",
        "again": "yes",
    }
    unknown = eugpt("exit-codes", "quotum")
    assert unknown.returncode == 2
    assert b"no exit code 'quotum'; did you mean quota?" in unknown.stderr


@pytest.mark.skipif(not shutil.which("man"), reason="man is not installed")
def test_the_manual_in_a_pipe_says_what_man_says() -> None:
    variables = {"PATH": os.defpath, "MANWIDTH": "200", "LC_ALL": "C.UTF-8"}
    shown = subprocess.run(["man", "-l", str(PAGE)], env=variables, capture_output=True, text=True, check=True).stdout
    own = eugpt("man").stdout.decode()
    body = shown.partition("\n")[2].rstrip().rpartition("\n")[0]  # without the header and the footer
    assert own.split() == body.split()
    examples = {line.strip() for line in PAGE.read_text().replace("\\-", "-").replace("\\e", "\\").splitlines()}
    assert all(len(line) <= 80 or line.strip() in examples for line in own.splitlines())


def test_on_a_terminal_man_shows_it_or_it_is_printed(tmp_path: Path) -> None:
    (tmp_path / "man").write_text('#!/bin/sh\n/bin/cat "$1"\n')
    (tmp_path / "man").chmod(0o755)
    variables = {"TERM": "dumb", "PATH": str(tmp_path)}
    assert pexpect.run(f"{EUGPT} man", env=variables) == PAGE.read_bytes().replace(b"\n", b"\r\n")
    (tmp_path / "man").unlink()
    assert pexpect.run(f"{EUGPT} man", env=variables).startswith(b"NAME\r\n       eugpt - ")


@pytest.mark.parametrize("name", ["ca_file", "client_cert"])
def test_the_home_folder_in_paths_of_a_profile(name: str, tmp_path: Path) -> None:
    """As in api_key_file, log and meta: no shell expands `~/` there."""
    (tmp_path / "eugpt").mkdir()
    (tmp_path / "brief").write_text("Be brief.\n")
    text = f'[profile.default]\n{name} = "~/nope.pem"\ninstructions = "@~/brief"\n'
    (tmp_path / "eugpt" / "config.toml").write_text(text)
    env: dict[str, str | None] = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    run = eugpt("ask", "x", base_url="https://localhost:1", env=env)
    assert (run.returncode, f"{tmp_path}/nope.pem cannot be used" in run.stderr.decode()) == (30, True), run.stderr
    sent = eugpt("ask", "x", "--dry-run", env=env).stdout
    assert json.loads(sent)["instructions"] == "Be brief."
