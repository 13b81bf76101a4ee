"""A batch is killed at each of the system calls that change its file, and at random with turns that are stored."""

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import product
from pathlib import Path

import pytest

from tests.support.batches import Row, by_id, ndjson, rows_of, start, until
from tests.support.forked_program import eugpt
from tests.support.manyserver import Body, Reply, echo, refusal, serving
from tests.support.program import EUGPT, KEY, environment

FULL = bool(os.environ.get("EUGPT_TEST_FULL"))
KILLS = 20 if FULL else 4
JOBS = 4
UUID = "8f14e45f-ceea-467a-a4ed-a9e9a5cb16ee"
CALLS = ("pwrite64", "fsync", "linkat", "rename")  # all that change the file or a folder


def weeks(texts: dict[str, str], talk: str | None = None) -> bytes:
    return ndjson(
        {"custom_id": name, "input": text, **({"conversation_id": talk} if talk else {})}
        for name, text in texts.items()
    )


TWO = weeks({"a": "1", "b": "2"})


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
@pytest.mark.parametrize("talk", [None, UUID], ids=["alone", "turns"])
def test_killed_at_each_system_call(tmp_path: Path, talk: str | None) -> None:
    """One item is edited, one has failed, one is new, one is gone and two are as they were, in another order."""
    source, output, seed = tmp_path / "items", tmp_path / "rows", tmp_path / "seed"
    before = {"same": "1", "edited": "2", "failed": "bad", "gone": "4", "kept": "5"}
    after = {"new": "6", "kept": "5", "failed": "bad", "edited": "3", "same": "1"}
    posts: Counter[str] = Counter()

    def answer(body: Body) -> Reply:
        posts[body["input"]] += 1
        return refusal(400) if body["input"] == "bad" and "no" in state else echo(body)

    state = {"no"}
    finished: dict[str, int] = {}  # the calls that a run makes, by their names
    arguments = ["batch", str(source), "-o", str(output), "--resume", "-j1", "--retries", "0", "--ordered"]
    with serving(answer) as server:
        source.write_bytes(weeks(before, talk))
        assert eugpt(*arguments, base_url=server.base_url).returncode == 90
        shutil.copy(output, seed)
        state.clear()
        source.write_bytes(weeks(after, talk))
        for call, number in product(CALLS, range(1, 100)):
            if call in finished:
                continue
            shutil.copy(seed, output)
            posts.clear()
            inject = f"inject={call}:signal=SIGKILL:when={number}"
            killed = subprocess.run(
                ["strace", "-f", "-qq", "-o", os.devnull, "-e", f"trace={call}", "-e", inject, EUGPT, *arguments],
                env=environment(server.base_url), stdin=subprocess.DEVNULL, capture_output=True, timeout=60,
                check=False,
            )  # fmt: skip
            if killed.returncode == 0:
                finished[call] = number - 1
                continue
            assert killed.returncode == -signal.SIGKILL, killed.stderr
            check_killed(output, talk)
            again = eugpt(*arguments, base_url=server.base_url)
            found = by_id(rows_of(output))
            held = {name for name, row in found.items() if row.get("may_be_stored")}
            assert again.returncode == (90 if held else 0)
            assert len(held) <= (1 if talk else 0)
            assert list(found) == [*after, "gone"], (call, number)
            assert {name: found[name]["output_text"] for name in after.keys() - held} == {
                name: f"<{text}>" for name, text in after.items() if name not in held
            }
            assert set(posts) | {after[name] for name in held} == {"6", "bad", "3"}
            assert max(posts.values()) <= (1 if talk else 2)
            assert not any(path.name.endswith(".tmp") for path in tmp_path.iterdir())
    assert finished["pwrite64"] >= (10 if talk else 5)
    assert finished["fsync"] >= 1
    assert finished["rename"] == finished["linkat"] == 1


def check_killed(output: Path, talk: str | None) -> None:
    """No id has two rows but where the second is the last line, and no good row is gone."""
    lines = output.read_bytes().splitlines()
    rows: list[Row] = [json.loads(line) for line in lines]
    ids = Counter(row["custom_id"] for row in rows)
    double = [name for name, times in ids.items() if times > 1]
    assert double in ([], [rows[-1]["custom_id"]])
    good = {row["custom_id"] for row in rows if row["ok"]}
    assert {"same", "kept", "gone"} <= good
    assert "edited" in good or talk, "the answer before stays until there is another"


@pytest.fixture(scope="module")
def two_rows(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What a batch of two items has written."""
    folder = tmp_path_factory.mktemp("rows")
    (folder / "items").write_bytes(TWO)
    with serving() as server:
        run = eugpt("batch", "items", "-o", "rows", "-j1", base_url=server.base_url, cwd=folder)
    assert run.returncode == 0
    return (folder / "rows").read_bytes()


@pytest.mark.parametrize("torn", range(0, 400, 7))
def test_a_row_that_is_half_blanked(two_rows: bytes, tmp_path: Path, torn: int) -> None:
    """A kill in the middle of a long blank, which the kernel may cut between two pages, leaves the end of a row."""
    source, output = tmp_path / "items", tmp_path / "rows"
    source.write_bytes(TWO)
    first, second = two_rows.splitlines(keepends=True)
    with serving() as server:
        half = b" " * min(torn, len(first)) + first[torn:]
        output.write_bytes(half + second + first)
        run = eugpt("batch", str(source), "-o", str(output), "--resume", "--ordered", base_url=server.base_url)
    assert (run.returncode, server.received) == (0, [])
    assert output.read_bytes() == first + second


@contextmanager
def server(state: Path) -> Iterator[str]:
    """A server whose conversations are in a folder, by its base URL."""
    command = [EUGPT, "serve", "--port", "0", "--key", KEY, "--state", str(state)]
    with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            yield process.stdout.readline().strip().partition("EUGPT_BASE_URL=")[2].strip("'\"")
        finally:
            process.terminate()


def start_talk(base_url: str, folder: Path) -> str:
    meta = folder / "meta"
    run = eugpt("ask", "Hello.", "--meta", str(meta), base_url=base_url)
    assert run.returncode == 0, run.stderr
    return str(json.loads(meta.read_bytes())["conversation_id"])


def texts(state: Path) -> list[str]:
    """What users have said in all conversations of a server."""
    with closing(sqlite3.connect(state / "conversations.sqlite3")) as database:
        return [text for (text,) in database.execute("SELECT text FROM messages WHERE role = 'user'")]


def size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def test_stored_turns_killed_at_random(tmp_path: Path) -> None:
    """Against a server that keeps its conversations: no turn is there twice, and all that were not marked are sent."""
    chance = random.Random(11)
    source, output, state = tmp_path / "items", tmp_path / "rows", tmp_path / "state"
    with server(state) as base_url:
        talks = [start_talk(base_url, tmp_path) for _ in range(6)]
        names = [f"turn {n} of {talk}" for n in range(KILLS * 8) for talk in range(6)]
        source.write_bytes(
            ndjson(
                {"custom_id": name, "input": f"Remember {name}.", "conversation_id": talks[n % 6]}
                for n, name in enumerate(names)
            )
        )
        arguments = [str(source), "-o", str(output), "-j", str(JOBS), "--resume"]
        for _ in range(KILLS):
            wanted = size(output) + chance.randrange(1, 5000)
            run = start(*arguments, base_url=base_url)
            until(lambda run=run, wanted=wanted: size(output) > wanted or run.poll() is not None)  # type: ignore[misc]
            time.sleep(chance.random() * 0.02)
            run.kill()
            run.communicate()
            assert run.returncode == -signal.SIGKILL, "it should not have ended by itself"
        last = eugpt("batch", *arguments, base_url=base_url, timeout=600)
        assert last.returncode in (0, 90), last.stderr
        found = by_id(rows_of(output))
        sent = Counter(texts(state))
    assert found.keys() == set(names)
    turns = {name: sent[f"Remember {name}."] for name in names}
    assert max(turns.values()) == 1
    never = [name for name, times in turns.items() if times == 0]
    assert all(found[name]["may_be_stored"] for name in never)
    assert all(turns[name] == 1 for name in names if found[name]["ok"])
    assert len(never) <= KILLS * JOBS
    assert sum(not row["ok"] for row in found.values()) <= KILLS * JOBS
