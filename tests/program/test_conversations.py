"""Names of conversations: one file that nothing damages, however many write it."""

import json
import os
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.forked_program import eugpt
from tests.support.program import EUGPT
from tests.support.rawserver import RawServer, http, serving, stream

ID = "8f14e45f-ceea-467a-a4ed-a9e9a5cb16ee"
Env = dict[str, str | None]
OTHER = "1c8b9a7f-2d3e-4f5a-9b8c-7d6e5f4a3b2c"
SERVICE = "https://chat.eugpt.ai/v1"


@pytest.fixture
def home(tmp_path: Path) -> Env:
    return {"XDG_STATE_HOME": str(tmp_path / "state")}


@pytest.fixture
def names(tmp_path: Path) -> Path:
    """Where the file of names will be."""
    return tmp_path / "state/eugpt/conversations.json"


def test_names_are_given_listed_and_forgotten(home: Env, names: Path) -> None:
    for words in (["work", ID], ["café", OTHER], ["work", OTHER]):
        run = eugpt("conversation", "name", *words, env=home, base_url=SERVICE)
        assert (run.returncode, run.stdout, run.stderr) == (0, b"", b"")
    lines = eugpt("conversation", "list", env=home).stdout.decode()
    assert lines == f"café  {OTHER}  {SERVICE}\nwork  {OTHER}  {SERVICE}\n"
    listed = json.loads(eugpt("conversation", "list", "--json", env=home).stdout)
    assert [(entry["name"], entry["id"], entry["base_url"]) for entry in listed] == [
        ("café", OTHER, SERVICE),
        ("work", OTHER, SERVICE),
    ]
    sed = subprocess.run(
        ["sed", "-n", r's/^  "\([^"]*\)": {.*/\1/p', names], capture_output=True, text=True, check=True
    )
    assert sed.stdout == "café\nwork\n"
    assert eugpt("conversation", "forget", "work", env=home, base_url=SERVICE).returncode == 0
    assert list(json.loads(names.read_bytes())) == ["café"]
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (names.parent.parent, names.parent, names)]
    assert modes == [0o700, 0o700, 0o600]
    assert sorted(path.name for path in names.parent.iterdir()) == ["conversations.json", "conversations.lock"]


BAD = [
    ([], 2, "missing action", "hint: eugpt conversation list"),
    (["lits"], 2, "no such action: lits; give one of list, name, forget", "hint: eugpt conversation list"),
    (["forgt", "x"], 2, "no such action: forgt", "hint: eugpt conversation forget"),
    (["name", "work"], 2, "name takes NAME and UUID", "hint: eugpt conversation name NAME UUID"),
    (["forget", "a", "b"], 2, "forget takes NAME", "hint: eugpt conversation forget NAME"),
    (["forget", "a", "--json"], 2, "forget takes NAME", "hint: eugpt conversation forget NAME"),
    (["name", "work", "x"], 2, "must be a UUID, not 'x'", ""),
    (["name", "a b", ID], 30, "letters, digits, dots, dashes and underscores", ""),
    (["name", "_a", ID], 30, "begins with a letter or digit", ""),
    (["name", "n" * 51, ID], 30, "up to 50", ""),
    (["name", OTHER[:-1], ID], 30, "neither a UUID nor a name", "hint: a UUID has"),
    (["name", f"{OTHER}x", ID], 30, "neither a UUID nor a name", "hint: a UUID has"),
    (["name", f"{OTHER[:-1]}O", ID], 30, "neither a UUID nor a name", "hint: a UUID has"),
    (["name", "a\x1b[2J", ID], 30, "cannot be a name", ""),
    (["name", OTHER, ID], 30, "a UUID is an id and cannot be a name", ""),
    (
        ["forget", "wrok"],
        30,
        f"no conversation is named wrok at {SERVICE}; did you mean work",
        "hint: eugpt conversation list",
    ),
]


@pytest.mark.parametrize(("words", "code", "says", "hint"), BAD, ids=[" ".join(row[0])[:30] for row in BAD])
def test_bad_words(words: list[str], code: int, says: str, hint: str, home: Env, names: Path) -> None:
    eugpt("conversation", "name", "work", ID, env=home, base_url=SERVICE)
    before = names.read_bytes()
    run = eugpt("conversation", *words, env=home, base_url=SERVICE)
    lines = run.stderr.decode().splitlines()
    assert (run.returncode, run.stdout) == (code, b""), run
    assert says in lines[0]
    assert "".join(lines[1:]).startswith(hint)
    assert b"\x1b" not in run.stderr
    assert names.read_bytes() == before


def test_a_name_that_somebody_has_written_into_the_file(home: Env, names: Path) -> None:
    assert eugpt("conversation", "name", "work", ID, env=home, base_url=SERVICE).returncode == 0
    names.write_bytes(names.read_bytes().replace(b"work", b"a\\u001b[2J\\nb"))
    assert eugpt("conversation", "list", env=home).stdout.decode() == f"a\\x1b[2J b  {ID}  {SERVICE}\n"


@pytest.mark.parametrize("env", [{}, {"HOME": ""}, {"XDG_STATE_HOME": "relative"}], ids=str)
def test_without_a_home_names_are_a_setting_that_is_missing(env: Env) -> None:
    run = eugpt("conversation", "list", env=env)
    assert (run.returncode, run.stdout) == (30, b"")
    assert run.stderr.startswith(b"eugpt: config: names for conversations need a state folder")


def test_a_state_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    run = eugpt("conversation", "name", "work", ID, env={"XDG_STATE_HOME": str(tmp_path / "state")})
    assert run.returncode == 30
    assert b"cannot be" in run.stderr


def test_a_hundred_writers_lose_nothing(home: Env, names: Path) -> None:
    env = {name: value for name, value in home.items() if value is not None}
    runs = [subprocess.Popen([EUGPT, "conversation", "name", f"n{number}", ID], env=env) for number in range(100)]
    assert {run.wait() for run in runs} == {0}
    assert json.loads(names.read_bytes()).keys() == {f"n{number}" for number in range(100)}
    assert len(list(names.parent.iterdir())) == 2


DAMAGED = [b"", b"{", b"[]", b'{"work": "x"}', b'{"work": {"id": "../x"}}', b"\xff\0"]


@pytest.mark.parametrize("content", DAMAGED, ids=str)
@pytest.mark.parametrize("words", [["list"], ["name", "new", ID]], ids=["list", "name"])
def test_a_damaged_file_is_set_aside(content: bytes, words: list[str], home: Env, names: Path) -> None:
    names.parent.mkdir(parents=True)
    names.write_bytes(content)
    run = eugpt("conversation", *words, env=home)
    assert (run.returncode, run.stdout) == (0, b"")
    (aside,) = names.parent.glob("conversations.json.damaged-*")
    assert run.stderr.decode() == f"eugpt: note: the file of conversation names was damaged; it is kept as {aside}\n"
    assert aside.read_bytes() == content
    assert names.exists() == (words != ["list"])
    assert eugpt("conversation", *words, env=home).stderr == b""


def test_what_others_keep_beside_the_id_stays(home: Env, names: Path) -> None:
    names.parent.mkdir(parents=True)
    names.write_text(json.dumps({"old": {"id": ID, "colour": ["blue", {"a": None}]}}))
    os.symlink(names.rename(names.with_name("real.json")), names)
    assert eugpt("conversation", "name", "new", OTHER, env=home).returncode == 0
    assert json.loads(names.read_bytes())["old"] == {"id": ID, "colour": ["blue", {"a": None}]}
    assert names.is_symlink()


COMPLETED = {"type": "response.completed", "response": {"status": "completed"}}
CREATED = {"type": "response.created", "response": {"status": "in_progress"}}
DELTA = {"type": "response.output_text.delta", "delta": "hello"}
DOCUMENT = {"object": "response", "status": "completed", "output_text": "hello"}


def events(*items: dict[str, Any]) -> bytes:
    return stream(*map(json.dumps, items))


def told(event: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {**event, "response": {**event["response"], **members}}


NAMED = {
    "conversation_id in created": events(told(CREATED, conversation_id=ID), DELTA, COMPLETED),
    "conversation in created": events(told(CREATED, conversation=ID), DELTA, COMPLETED),
    "object in created": events(told(CREATED, conversation={"id": ID}), DELTA, COMPLETED),
    "beside the response": events({**CREATED, "conversation_id": ID}, DELTA, COMPLETED),
    "conversation_id in completed": events(CREATED, DELTA, told(COMPLETED, conversation_id=ID)),
    "conversation in completed": events(CREATED, DELTA, told(COMPLETED, conversation=ID)),
    "object in completed": events(CREATED, DELTA, told(COMPLETED, conversation={"id": ID})),
    "conversation_id in a document": http(json.dumps({**DOCUMENT, "conversation_id": ID}).encode()),
    "conversation in a document": http(json.dumps({**DOCUMENT, "conversation": ID}).encode()),
    "object in a document": http(json.dumps({**DOCUMENT, "conversation": {"id": ID}}).encode()),
}


def sent(server: RawServer) -> list[str | None]:
    """The conversation of each request; none if the request does not even have the member."""
    bodies = [json.loads(request.body) for request in server.received]
    assert all("conversation_id" not in body or body["conversation_id"] for body in bodies)
    return [body.get("conversation_id") for body in bodies]


@pytest.mark.parametrize("answer", NAMED)
def test_a_new_name_gets_the_id_that_the_service_returns(answer: str, home: Env, names: Path) -> None:
    with serving(NAMED[answer]) as server:
        first = eugpt("chat", "-c", "work", "a", env=home, base_url=server.base_url)
        then = eugpt("chat", "-c", "work", "b", env=home, base_url=server.base_url)
    for run in (first, then):
        assert (run.returncode, run.stdout, run.stderr) == (0, b"hello\n", b"")
    assert sent(server) == [None, ID]
    assert json.loads(names.read_bytes())["work"][server.base_url]["id"] == ID
    assert stat.S_IMODE(names.stat().st_mode) == 0o600


def test_every_command_knows_the_names(home: Env) -> None:
    with serving(NAMED["object in completed"]) as server:
        eugpt("conversation", "name", "work", ID, env=home, base_url=server.base_url)
        for command in ("ask", "stream", "chat", "raw-events"):
            run = eugpt(command, "-c", "work", "a", env=home, base_url=server.base_url)
            assert (run.returncode, run.stderr) == (0, b"")
            unknown = eugpt(command, "-c", "wrok", "a", "--dry-run", env=home, base_url=server.base_url)
            if command == "chat":
                assert json.loads(unknown.stdout) == {"model": "auto", "input": "a", "stream": True}
            else:
                assert (unknown.returncode, unknown.stdout) == (30, b"")
                says = f"no conversation is named wrok at {server.base_url}; did you mean work?\n"
                assert says in unknown.stderr.decode()
        other = eugpt("ask", "-c", OTHER, "a", env=home, base_url=server.base_url)
        assert (other.returncode, sent(server)) == (0, [ID] * 4 + [OTHER])
        dry = eugpt("ask", "-c", "work", "a", "--dry-run", env=home, base_url=server.base_url)
    assert json.loads(dry.stdout)["conversation_id"] == ID


NAMELESS = {
    "none": COMPLETED,
    "no UUID": told(COMPLETED, conversation="conv_1"),
    "odd": told(COMPLETED, conversation=7),
}


@pytest.mark.parametrize("answer", NAMELESS)
def test_a_name_for_which_the_service_tells_no_id_cannot_be_continued(
    answer: str, home: Env, names: Path, tmp_path: Path
) -> None:
    file = tmp_path / "answer"
    with serving(events(DELTA, NAMELESS[answer])) as server:
        run = eugpt("chat", "-c", "work", "a", env=home, base_url=server.base_url)
        lines = eugpt("chat", "-c", "work", "--each-line", env=home, base_url=server.base_url, stdin=b"a\nb\n")
        kept = eugpt("chat", "-c", "work", "a", "-qo", str(file), env=home, base_url=server.base_url)
        nameless = eugpt("chat", "a", env=home, base_url=server.base_url)
        known = eugpt("chat", "-c", ID, "a", "-q", env=home, base_url=server.base_url)
    for failed in (run, lines, kept):
        assert failed.returncode == 63
        assert failed.stderr.startswith(b"eugpt: not_the_api: the service returned no conversation id"), failed
    assert (run.stdout, lines.stdout, file.read_bytes()) == (b"hello\n", b"hello\n", b"hello\n")
    for silent in (nameless, known):
        assert (silent.returncode, silent.stdout, silent.stderr) == (0, b"hello\n", b"")
    assert sent(server) == [None, None, None, None, ID]
    assert not names.exists()


@pytest.mark.parametrize("command", ["ask", "stream", "chat", "raw-events"])
def test_an_answer_in_another_conversation_is_noted(command: str, home: Env, tmp_path: Path) -> None:
    meta = tmp_path / "meta"
    with serving(events(DELTA, told(COMPLETED, conversation_id=OTHER)), events(DELTA, COMPLETED)) as server:
        words = (command, "-c", ID, "a", "--meta", str(meta))
        other = eugpt(*words, env=home, base_url=server.base_url)
        named = json.loads(meta.read_bytes())["conversation_id"]
        same = eugpt(*words, env=home, base_url=server.base_url)
    note = f"eugpt: note: the service answered in conversation {OTHER}, not in {ID}\n"
    assert (other.returncode, other.stderr.decode(), named) == (0, note, OTHER)
    assert (same.returncode, same.stderr, json.loads(meta.read_bytes())["conversation_id"]) == (0, b"", ID)


def test_a_row_tells_the_conversation_that_the_service_told(home: Env) -> None:
    items = f'{{"input":"a","conversation_id":"{ID}"}}\n'.encode()
    with serving(events(DELTA, told(COMPLETED, conversation_id=OTHER))) as server:
        run = eugpt("batch", env=home, base_url=server.base_url, stdin=items)
    assert (run.returncode, json.loads(run.stdout)["conversation_id"]) == (0, OTHER)


def test_a_first_turn_that_fails_is_not_sent_again_and_its_id_is_kept(home: Env) -> None:
    with serving(http(b"{}", status="503 Busy"), events(told(CREATED, conversation_id=ID), DELTA)) as server:
        unsure = eugpt("chat", "-c", "work", "a", env=home, base_url=server.base_url)
        cut = eugpt("chat", "-c", "work", "a", "--errors", "json", env=home, base_url=server.base_url)
    assert (unsure.returncode, cut.returncode, sent(server)) == (53, 62, [None, None])
    assert b"; the turn may have been stored in a new conversation" in unsure.stderr
    error = json.loads(cut.stderr)["error"]
    assert (error["conversation_id"], error["attempts"]) == (ID, 1)
    assert f"may have been stored in conversation {ID}" in error["message"]
    assert eugpt("conversation", "list", env=home).stdout.decode() == f"work  {ID}  {server.base_url}\n"
