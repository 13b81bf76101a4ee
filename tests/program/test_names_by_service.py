"""A name belongs to the service where its conversation is; elsewhere it is free for another one."""

import json
import os
import signal
from pathlib import Path

import pytest

from tests.fixtures import UUID
from tests.support import manyserver
from tests.support.forked_program import eugpt
from tests.support.program import start
from tests.support.rawserver import SSE_HEAD, RawServer, Script, chunk, held_open, http, serving, sse

SERVICE = "https://chat.eugpt.ai/v1"
OTHER = "1c8b9a7f-2d3e-4f5a-9b8c-7d6e5f4a3b2c"
GONE = http(b'{"detail":"Conversation not found"}', status="404 Not Found")
OLD = f'{{\n  "work": {{"id": "{UUID}", "since": "2026-01-31T12:00:00Z", "colour": "red"}}\n}}\n'
Env = dict[str, str | None]


def answer(conversation: str) -> bytes:
    return http(json.dumps({"status": "completed", "output_text": "hello", "conversation_id": conversation}).encode())


def sent(server: RawServer) -> list[str | None]:
    return [json.loads(request.body).get("conversation_id") for request in server.received]


@pytest.fixture
def home(tmp_path: Path) -> Env:
    return {"XDG_STATE_HOME": str(tmp_path / "state")}


@pytest.fixture
def names(tmp_path: Path) -> Path:
    """Where the file of names will be."""
    path = tmp_path / "state/eugpt/conversations.json"
    path.parent.mkdir(parents=True)
    return path


def listed(home: Env) -> list[tuple[str, str, str | None]]:
    rows = json.loads(eugpt("conversation", "list", "--json", env=home).stdout)
    return [(row["name"], row["id"], row["base_url"]) for row in rows]


def test_one_name_stands_for_a_conversation_at_each_service(home: Env) -> None:
    with serving(answer(UUID)) as one, serving(answer(OTHER)) as two:
        for server in (one, two, one, two):
            run = eugpt("chat", "-c", "work", "a", env=home, base_url=server.base_url)
            assert (run.returncode, run.stdout, run.stderr) == (0, b"hello\n", b"")
        assert (sent(one), sent(two)) == ([None, UUID], [None, OTHER])
        assert listed(home) == sorted([("work", UUID, one.base_url), ("work", OTHER, two.base_url)], key=lambda r: r[2])
        forgotten = eugpt("conversation", "forget", "work", env=home, base_url=one.base_url)
        assert (forgotten.returncode, listed(home)) == (0, [("work", OTHER, two.base_url)])
        nowhere = eugpt("ask", "-c", "work", "a", env=home, base_url=one.base_url)
        assert (nowhere.returncode, len(one.received)) == (30, 2)
        says = f"eugpt: config: no conversation is named work at {one.base_url}; there is one at {two.base_url}\n"
        assert nowhere.stderr.decode().startswith(says)


def test_the_service_is_one_however_its_url_is_spelt(home: Env) -> None:
    assert eugpt("conversation", "name", "work", UUID, env=home, base_url=SERVICE).returncode == 0
    for spelt in ("https://CHAT.eugpt.ai", "https://chat.eugpt.ai:443/v1", "https://chat.eugpt.ai/v1/"):
        run = eugpt("ask", "-c", "work", "a", "--dry-run", "--base-url", spelt, env=home)
        assert json.loads(run.stdout)["conversation_id"] == UUID
    for other in ("http://127.0.0.1/v1", "https://chat.eugpt.ai:444/v1", "https://chat.eugpt.ai/v2"):
        assert eugpt("ask", "-c", "work", "a", "--dry-run", "--base-url", other, env=home).returncode == 30


def test_name_and_forget_take_the_service_from_flag_variable_and_profile(home: Env, tmp_path: Path) -> None:
    path = tmp_path / "config/eugpt/config.toml"
    path.parent.mkdir(parents=True)
    path.write_text('[profile.lab]\nbase_url = "https://lab.test/v1"\n')
    env = {**home, "XDG_CONFIG_HOME": str(tmp_path / "config")}
    ways: dict[str, tuple[tuple[str, ...], Env]] = {
        "https://flag.test/v1": (("--base-url", "https://flag.test"), {}),
        "https://lab.test/v1": (("--profile", "lab"), {}),
        "https://variable.test/v1": ((), {"EUGPT_BASE_URL": "https://variable.test/v1"}),
    }
    for words, more in ways.values():
        assert eugpt("conversation", "name", "work", UUID, *words, env={**env, **more}).returncode == 0
    assert listed(env) == [("work", UUID, service) for service in sorted(ways)]
    for number, (words, more) in enumerate(ways.values()):
        assert eugpt("conversation", "forget", "work", *words, env={**env, **more}).returncode == 0
        assert len(listed(env)) == 2 - number
    assert eugpt("conversation", "name", "work", UUID, "--base-url", "ftp://x", env=env).returncode == 30
    assert eugpt("conversation", "list", "--base-url", "ftp://x", env=env).returncode == 0


@pytest.mark.parametrize("command", ["ask", "stream", "chat", "raw-events", "batch"])
def test_a_name_of_an_older_version_belongs_to_the_first_service_that_answers(
    command: str, home: Env, names: Path
) -> None:
    names.write_text(OLD)
    assert listed(home) == [("work", UUID, None)]
    assert eugpt("conversation", "list", env=home).stdout.decode() == f"work  {UUID}  -\n"
    words, stdin = (("-c", "work", "a"), None) if command != "batch" else (("-c", "work", "--lines"), b"a\n")

    def run(server: RawServer, *more: str) -> int:
        return eugpt(command, *words, *more, env=home, base_url=server.base_url, stdin=stdin).returncode

    with serving(GONE) as wrong, serving(answer(UUID)) as right, serving(answer(OTHER)) as third:
        assert run(wrong) in (44, 90)
        assert run(third, "--dry-run") == 0
        assert names.read_text() == OLD  # neither has answered in it
        assert run(right) == 0
        assert listed(home) == [("work", UUID, right.base_url)]
        assert '"colour": "red"' in names.read_text()
        assert run(third) == (0 if command == "chat" else 30)
        assert (sent(wrong), sent(right)) == ([UUID], [UUID])
        assert sent(third) == ([None] if command == "chat" else [])


def test_an_old_name_can_be_given_anew_and_forgotten(home: Env, names: Path) -> None:
    names.write_text(OLD)
    assert eugpt("conversation", "name", "work", OTHER, env=home, base_url=SERVICE).returncode == 0
    assert listed(home) == [("work", OTHER, SERVICE)]
    names.write_text(OLD)
    assert eugpt("conversation", "forget", "work", env=home, base_url=SERVICE).returncode == 0
    assert names.read_text() == "{\n\n}\n"


def test_an_old_name_works_where_nothing_can_be_written(home: Env, names: Path) -> None:
    names.write_text(OLD)
    names.with_name("locks").mkdir()
    names.with_name("conversations.lock").symlink_to("/nowhere/at/all")
    with serving(answer(UUID)) as server:
        run = eugpt("ask", "-c", "work", "a", env=home, base_url=server.base_url)
    assert (run.returncode, run.stdout, run.stderr, sent(server)) == (0, b"hello\n", b"", [UUID])


@pytest.mark.parametrize("command", ["ask", "stream", "chat", "raw-events"])
def test_a_404_for_a_name_says_which_and_how_to_begin_anew(command: str, home: Env) -> None:
    with serving(GONE, GONE, answer(OTHER)) as server:
        eugpt("conversation", "name", "work", UUID, env=home, base_url=server.base_url)
        run = eugpt(command, "-c", "work", "a", env=home, base_url=server.base_url)
        by_id = eugpt(command, "-c", UUID, "a", env=home, base_url=server.base_url)
        forget = f"eugpt conversation forget work --base-url {server.base_url}"
        assert run.returncode == by_id.returncode == 44
        for failed in (run, by_id):  # the id has that name
            assert (
                failed.stderr.decode()
                .splitlines()[1]
                .startswith(f"hint: if conversation work ({UUID}) no longer exists, free its name: {forget}")
            )
        assert eugpt(*forget.split()[1:], env=home).returncode == 0
        assert eugpt("chat", "-c", "work", "a", env=home, base_url=server.base_url).returncode == 0
    assert sent(server) == [UUID, UUID, None]


def test_a_404_for_a_name_in_a_batch_and_for_an_id_without_a_name(home: Env) -> None:
    items = [{"input": "a", "conversation_id": "work"}, {"input": "b", "conversation_id": OTHER}]
    with serving(GONE) as server:
        eugpt("conversation", "name", "work", UUID, env=home, base_url=server.base_url)
        stdin = "".join(f"{json.dumps(item)}\n" for item in items).encode()
        run = eugpt("batch", "--ordered", env=home, base_url=server.base_url, stdin=stdin)
        hints = [json.loads(row)["error"]["hint"] for row in run.stdout.splitlines()]
        assert f"eugpt conversation forget work --base-url {server.base_url}" in hints[0]
        assert "forget" not in (hints[1] or "")
        assert b"forget" not in eugpt("ask", "-c", OTHER, "a", env=home, base_url=server.base_url).stderr


CREATED = chunk(sse(json.dumps({"type": "response.created", "response": {"conversation_id": UUID}})))


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM], ids=lambda end: end.name)
def test_a_new_name_is_kept_as_soon_as_the_service_has_told_the_id(end: signal.Signals, home: Env, names: Path) -> None:
    script: Script = held_open(SSE_HEAD + CREATED + chunk(sse('{"type":"response.output_text.delta","delta":"hel"}')))
    with (
        serving(script, answer(UUID)) as server,
        start("chat", "-c", "work", "a", env=home, base_url=server.base_url) as run,
    ):
        assert run.stdout
        assert os.read(run.stdout.fileno(), 3) == b"hel"
        run.send_signal(end)
        assert run.wait(60) == -end
        assert listed(home) == [("work", UUID, server.base_url)]
        assert eugpt("chat", "-c", "work", "b", env=home, base_url=server.base_url).returncode == 0
    assert sent(server) == [None, UUID]


@pytest.mark.parametrize("file", ["conversations.lock", "conversations.json"])
@pytest.mark.parametrize("more", [["a"], ["--each-line"]], ids=["one turn", "--each-line"])
def test_nothing_is_sent_where_a_new_name_cannot_be_kept(home: Env, names: Path, file: str, more: list[str]) -> None:
    names.with_name("locks").mkdir()
    names.with_name(file).symlink_to("/nowhere/at/all")
    with serving(answer(UUID)) as server:
        run = eugpt("chat", "-c", "work", *more, env=home, base_url=server.base_url, stdin=b"a\n")
    assert (run.returncode, run.stdout, server.received) == (30, b"", [])
    assert run.stderr.startswith(b"eugpt: config: ")


def test_a_name_that_cannot_be_kept_costs_no_answer(home: Env, names: Path) -> None:
    """The turn is stored, so the error says where; the file's folder changes while the answer is on its way."""

    def spoil(body: manyserver.Body) -> manyserver.Reply:
        lock = names.with_name("conversations.lock")
        lock.unlink()
        lock.mkdir()
        return manyserver.document("hello", conversation_id=UUID)

    with manyserver.serving(spoil) as server:
        run = eugpt("chat", "-c", "work", "a", env=home, base_url=server.base_url)
    assert (run.returncode, run.stdout) == (32, b"hello\n")
    problem, hint = run.stderr.decode().splitlines()
    assert "cannot be changed" in problem
    assert f"the turn was stored in conversation {UUID}" in problem
    assert f"eugpt conversation name work {UUID}" in hint
    assert f"-c {UUID}" in hint


def test_first_turns_under_one_name_at_two_services_do_not_wait_for_each_other(home: Env) -> None:
    with (
        serving(held_open(SSE_HEAD)) as slow,
        serving(answer(OTHER)) as quick,
        start("chat", "-c", "work", "a", env=home, base_url=slow.base_url) as waiting,
    ):
        slow.wait()
        run = eugpt("chat", "-c", "work", "a", "--lock-wait", "0", env=home, base_url=quick.base_url)
        assert (run.returncode, run.stdout) == (0, b"hello\n")
        busy = eugpt("chat", "-c", "work", "a", "--lock-wait", "0", env=home, base_url=slow.base_url)
        assert busy.returncode == 33
        waiting.kill()
        waiting.wait(60)


def test_a_first_turn_keeps_others_out_also_once_its_id_is_known(home: Env, names: Path) -> None:
    script = held_open(SSE_HEAD + CREATED + chunk(sse('{"type":"response.output_text.delta","delta":"hel"}')))
    with serving(script) as server, start("chat", "-c", "work", "a", env=home, base_url=server.base_url) as first:
        assert first.stdout
        assert os.read(first.stdout.fileno(), 3) == b"hel"
        assert listed(home) == [("work", UUID, server.base_url)]
        for given in ("work", UUID):
            busy = eugpt("ask", "-c", given, "b", "--lock-wait", "0", env=home, base_url=server.base_url)
            assert (busy.returncode, len(server.received)) == (33, 1)
        first.kill()
        first.wait(60)


def test_forgetting_keeps_the_history_that_another_name_needs(home: Env, names: Path) -> None:
    history = names.parent / "history" / UUID
    history.parent.mkdir()
    history.write_text("x")
    for service in ("https://a.test/v1", "https://b.test/v1"):
        eugpt("conversation", "name", "work", UUID, "--base-url", service, env=home)
    eugpt("conversation", "forget", "work", "--base-url", "https://a.test/v1", env=home)
    assert history.exists()
    eugpt("conversation", "forget", "work", "--base-url", "https://b.test/v1", env=home)
    assert not history.exists()
