"""The journal of a batch: a line for each item that has a row, and one for the run."""

import json
import resource
import signal
import subprocess
import time
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from tests.support.batches import Row, by_id, ndjson, numbered, rows, rows_of, start, until
from tests.support.forked_program import eugpt
from tests.support.manyserver import Body, Reply, document, refusal, serving
from tests.support.program import EUGPT, KEY, environment

USAGE = {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "journal"


def split(journal: Path) -> tuple[list[Row], Row]:
    """The lines of the items, and the one of the run, which is the last."""
    *items, run = rows_of(journal)
    assert all("custom_id" in item and "summary" not in item for item in items)
    assert "custom_id" not in run
    return items, run


def test_each_row_has_its_line_and_the_run_has_one(journal: Path, tmp_path: Path) -> None:
    def answer(body: Body) -> Reply:
        if "3" in body["input"]:
            return refusal(400, f"no {body['input']}")
        return document(f"<{body['input']}> {KEY}", usage=USAGE)

    summary = tmp_path / "summary"
    items = [*numbered(40), {"custom_id": "bad", "input": ""}]
    with serving(answer) as server:
        words = ("batch", "--log", str(journal), "--label", "night", "--summary", str(summary))
        run = eugpt(*words, base_url=server.base_url, stdin=ndjson(items))
    found, last = split(journal)
    lines, made = by_id(found), by_id(rows(run.stdout))
    assert (run.returncode, lines.keys(), len(made)) == (90, made.keys(), 41)
    for name, row in made.items():
        line = lines[name]
        for member in ("request_bytes", "request_sha256", "answer_bytes", "answer_sha256", "at", "line", "attempts"):
            assert line[member] == row[member], (name, member)
        assert line["exit"] == (0 if row["ok"] else row["error"]["exit"])
        assert (line["command"], line["label"], line["base_url"]) == ("batch", "night", server.base_url)
        assert line["usage"] == (USAGE if row["ok"] else None)
    facts = json.loads(summary.read_bytes())
    assert (last["exit"], last["summary"], last["usage"]) == (90, facts, None)
    assert sum(line["usage"]["total_tokens"] for line in found if line["usage"]) == facts["tokens"]["total_tokens"]
    assert b"prompt" not in journal.read_bytes()
    assert KEY.encode() not in journal.read_bytes()


def test_what_was_done_before_has_no_second_line(journal: Path, tmp_path: Path) -> None:
    output = tmp_path / "rows"
    with serving() as server:
        for count in (3, 5):
            words = ("-o", str(output), "--resume", "--log", str(journal))
            assert eugpt("batch", *words, base_url=server.base_url, stdin=ndjson(numbered(count))).returncode == 0
    assert [line.get("custom_id") for line in rows_of(journal)].count("item-1") == 1
    assert len(rows_of(journal)) == 5 + 2


@pytest.mark.parametrize(
    ("words", "env", "code", "count"),
    [
        ((), {"EUGPT_API_KEY": None}, 30, 1),
        (("-c", "unknown"), {"XDG_STATE_HOME": "/nowhere"}, 30, 1),
        (("--dry-run",), {}, 0, 0),
        (("--jobs", "0"), {}, 2, 0),
        (("--resume",), {}, 2, 0),
    ],
    ids=str,
)
def test_a_batch_that_sends_nothing(
    words: tuple[str, ...], env: dict[str, str | None], code: int, count: int, journal: Path
) -> None:
    run = eugpt("batch", *words, env={**env, "EUGPT_LOG": str(journal)}, stdin=ndjson(numbered(2)))
    found = rows_of(journal) if journal.exists() else []
    assert (run.returncode, [line["exit"] for line in found]) == (code, [code] * count)


def test_files_that_must_differ_and_one_that_cannot_be_opened(tmp_path: Path) -> None:
    source = tmp_path / "items"
    source.write_bytes(ndjson(numbered(1)))
    with serving() as server:
        for words in (("--log", str(source)), ("-o", str(tmp_path / "x"), "--log", f"{tmp_path}/./x")):
            run = eugpt("batch", str(source), *words, base_url=server.base_url)
            assert (run.returncode, b"are the same file" in run.stderr) == (2, True)
        assert eugpt("batch", str(source), "--log", str(tmp_path), base_url=server.base_url).returncode == 32
    assert server.received == []


class Stuck:
    """Answers the first so many, and then no more until it is let go."""

    def __init__(self, answered: int) -> None:
        self.answered = answered
        self.go = Event()
        self.asked = 0

    def __call__(self, body: Body) -> Reply:
        self.asked += 1
        if self.asked > self.answered:
            self.go.wait(60)
        return document("x")


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT], ids=lambda end: end.name)
def test_what_is_in_flight_when_a_run_ends_at_once_has_its_line(
    end: signal.Signals, journal: Path, tmp_path: Path
) -> None:
    source = tmp_path / "items"
    source.write_bytes(ndjson(numbered(10)))
    stuck = Stuck(4)
    with serving(stuck) as server:
        with start(str(source), "-j2", "--log", str(journal), base_url=server.base_url) as run:
            until(lambda: stuck.asked == 6)
            assert run.stderr
            run.send_signal(end)
            assert b"stopping" in run.stderr.readline()
            run.send_signal(end)
            run.communicate(timeout=60)
        stuck.go.set()
    items, last = split(journal)
    assert (run.returncode, last["exit"], len(by_id(items))) == (-end, 128 + end, 6)
    assert sorted(item["exit"] for item in items) == [0] * 4 + [128 + end] * 2
    assert all(item["request_bytes"] for item in items)


def test_a_drained_run(journal: Path, tmp_path: Path) -> None:
    source = tmp_path / "items"
    source.write_bytes(ndjson(numbered(10)))
    stuck = Stuck(4)
    with serving(stuck) as server, start(str(source), "-j2", "--log", str(journal), base_url=server.base_url) as run:
        until(lambda: stuck.asked == 6)
        run.send_signal(signal.SIGINT)
        assert run.stderr
        assert b"stopping" in run.stderr.readline()
        stuck.go.set()
        run.communicate(timeout=60)
    items, last = split(journal)
    assert (last["exit"], [item["exit"] for item in items]) == (130, [0] * 6)


def test_a_full_disk_ends_it_and_costs_no_row(journal: Path, tmp_path: Path) -> None:
    output = tmp_path / "rows"
    size = 20_000
    with serving() as server:
        run = subprocess.run(
            [EUGPT, "batch", "-j4", "-o", str(output), "--log", str(journal)],
            input=ndjson(numbered(100)),
            env=environment(server.base_url),
            capture_output=True,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)),
            timeout=60,
        )
    assert run.returncode == 32
    made, lines = by_id(rows_of(output)), rows_of(journal)
    assert {line["custom_id"] for line in lines} <= made.keys()
    assert len(made) >= len(lines) >= 10
    assert size - journal.stat().st_size < 2000


def test_many_batches_share_one_journal_and_sigkill_tears_no_line(journal: Path, tmp_path: Path) -> None:
    """64 workers in 16 processes; four of these are killed at some moment."""
    source = tmp_path / "items"
    source.write_bytes(ndjson(numbered(40)))
    with serving(lambda body: document("x")) as server:

        def batch(number: int) -> "subprocess.Popen[bytes]":
            words = ("-j4", "-o", str(tmp_path / f"rows.{number}"), "--log", str(journal), "--label", str(number))
            return start(str(source), *words, base_url=server.base_url)

        runs = [batch(number) for number in range(16)]
        until(lambda: journal.exists() and journal.stat().st_size > 50_000)
        for run in runs[::4]:
            run.kill()
            time.sleep(0.05)
        for run in runs:
            run.communicate(timeout=120)
    found: dict[str, list[dict[str, Any]]] = {}
    for line in rows_of(journal):
        found.setdefault(line["label"], []).append(line)
    for number, run in enumerate(runs):
        lines = found.get(str(number), [])
        items = by_id([line for line in lines if "custom_id" in line])
        made = by_id(rows_of(tmp_path / f"rows.{number}")) if run.returncode == 0 else items
        assert items.keys() == made.keys(), number
        assert len(lines) - len(items) == (run.returncode == 0), number
    assert {run.returncode for run in runs} <= {0, -signal.SIGKILL}
