"""TAB in real shells: what is offered, what is inserted, and that no program is started for it."""

import json
from collections.abc import Iterator

import pytest

from tests.checkout.test_reference import commands, flags
from tests.support.shells import SETUP, Shell, present, program

ID = "8f14e45f-ceea-467a-a4ed-a9e9a5cb16ee"
NAMES = ("weekly-report", "übung.2", "notes_1")
CONFIG = """\
default_profile = "work"

[profile.work]
timeout = 60  # a comment

 [ profile . "my home" ]
# [profile.gone]
"""


@pytest.fixture(scope="module", params=SETUP)
def shell(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    if not present(request.param):
        pytest.skip(f"{request.param} is not installed")
    home = tmp_path_factory.mktemp("home")
    for name, text in {
        ".local/state/eugpt/conversations.json": conversations(),
        ".config/eugpt/config.toml": CONFIG,
        "notes file.txt": "",
        "folder/inner.md": "",
        "folder/sub/deep.md": "",
    }.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text)
    made = Shell(request.param, home)
    yield made
    made.close()


def conversations() -> str:
    """The file as eugpt writes it: a name a line, with its services or, from an older version, with none."""
    facts = {"id": ID, "since": "2026-01-31"}
    kept = [facts, {"https://chat.eugpt.ai/v1": facts}, {"https://a.test/v1": facts, "http://127.0.0.1:8399/v1": facts}]
    pairs = zip(NAMES, kept, strict=True)
    rows = [f"  {json.dumps(name, ensure_ascii=False)}: {json.dumps(entry)}" for name, entry in pairs]
    return "{\n" + ",\n".join(rows) + "\n}\n"


INSERTED = [
    ("eugpt raw-e", ["raw-events"]),
    ("eugpt ask --no-st", ["ask", "--no-stdin"]),
    ("eugpt ask Hello --no-st", ["ask", "Hello", "--no-stdin"]),
    ("eugpt ask -I --err", ["ask", "-I", "--errors"]),
    ("eugpt ask --errors js", ["ask", "--errors", "json"]),
    ("eugpt ask --errors=js", ["ask", "--errors=json"]),
    ("eugpt ask -c week", ["ask", "-c", "weekly-report"]),
    ("eugpt ask --conversation=week", ["ask", "--conversation=weekly-report"]),
    ("eugpt ask -q -c üb", ["ask", "-q", "-c", "übung.2"]),
    ("eugpt ask --profile wo", ["ask", "--profile", "work"]),
    ("eugpt ask --profile my", ["ask", "--profile", "my home"]),
    ("eugpt ask -f no", ["ask", "-f", "notes file.txt"]),
    ("eugpt ask -f folder/in", ["ask", "-f", "folder/inner.md"]),
    ("eugpt ask -i @no", ["ask", "-i", "@notes file.txt"]),
    ("eugpt ask -i @folder/in", ["ask", "-i", "@folder/inner.md"]),
    ("eugpt ask -i no", ["ask", "-i", "no"]),
    ("eugpt ask -p 8f", ["ask", "-p", "8f"]),
    ("eugpt ask --file-id no", ["ask", "--file-id", "no"]),
    ("eugpt ask --timeout no", ["ask", "--timeout", "no"]),
    ("eugpt raw-events --type response.output_text.de", ["raw-events", "--type", "response.output_text.delta"]),
    ("eugpt conversation for", ["conversation", "forget"]),
    ("eugpt conversation forget week", ["conversation", "forget", "weekly-report"]),
    ("eugpt exit-codes quo", ["exit-codes", "quota"]),
    ("eugpt serve --state fol", ["serve", "--state", "folder/"]),
    ("eugpt serve --file 1c8b=no", ["serve", "--file", "1c8b=notes file.txt"]),
    ("eugpt serve -- echo-of", ["serve", "--", "echo-of-a-program"]),
]
PLAIN_BASH = ("bash", "bash without = and : as breaks")


def test_tab_inserts(shell: Shell) -> None:
    for line, wanted in INSERTED:
        got = shell.arguments(line)
        assert [word.rstrip("/") for word in got] == [word.rstrip("/") for word in wanted], line
    if shell.name not in PLAIN_BASH:
        nested = "eugpt serve -- eugpt ask --errors js"
        assert shell.arguments(nested) == ["serve", "--", "eugpt", "ask", "--errors", "json"]
    assert shell.started() == ""


def test_tab_offers_every_command_and_every_option(shell: Shell) -> None:
    offered = shell.offers("eugpt ")
    assert set(offered) == set(commands())
    has_words = program(shell.name) in ("zsh", "fish")
    for command in commands():
        rows = shell.offers(f"eugpt {command} -")
        assert set(rows) >= {flag for flag in flags(command) if flag.startswith("--")}, command
        if shell.name != "fish":  # which shows a short option only where there is no long one
            assert set(rows) == flags(command), command
        assert all(rows.values()) or not has_words, command
    assert all(offered.values()) or not has_words
    assert shell.started() == ""


def test_tab_offers_names_files_and_event_types(shell: Shell) -> None:
    assert set(shell.offers("eugpt chat -c ")) == set(NAMES)
    assert set(shell.offers("eugpt conversation ")) == {"list", "name", "forget"}
    assert {"work", "it"} <= {word.strip("'\"").replace("\\", "") for word in shell.offers("eugpt ask --profile ")} | {
        "it"
    }
    assert "gone" not in shell.offers("eugpt ask --profile ")
    assert {"folder/", "setup"} <= set(shell.offers("eugpt ask -f "))
    types = shell.offers("eugpt raw-events --type ")
    assert {"response.created", "response.output_text.delta", "response.completed", "error"} <= set(types)
    assert set(shell.offers("eugpt serve --default-stream ")) == {"true", "false"}
    assert shell.started() == ""


def test_without_files_of_ours_there_is_silence(shell: Shell) -> None:
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME"):
        shell.run(f"set -gx {name} /nowhere" if shell.name == "fish" else f"{name}=/nowhere")
    assert shell.arguments("eugpt ask -c week") == ["ask", "-c", "week"]
    assert shell.arguments("eugpt ask --profile wo") == ["ask", "--profile", "wo"]
