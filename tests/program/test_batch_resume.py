"""A batch that fails, is killed, finds its output spoilt: in the end every item has one row, and none ran in vain."""

import json
import os
import random
import signal
import threading
from pathlib import Path
from zlib import crc32

import pytest

from tests.support.batches import by_id, ndjson, numbered, rows, rows_of, start, until
from tests.support.forked_program import eugpt
from tests.support.manyserver import Body, Many, Reply, cut_stream, document, echo, refusal, serving

FULL = bool(os.environ.get("EUGPT_TEST_FULL"))  # the sizes of the promise, in minutes instead of seconds
ITEMS = 2000 if FULL else 300
KILLS = 20 if FULL else 6
JOBS = 8
UUID = "8f14e45f-ceea-467a-a4ed-a9e9a5cb16ee"

FAULTS = {"server_error": refusal(500), "truncated": cut_stream(), "bad_request": refusal(400)}


def fate(text: str) -> str:
    """Three of a hundred are refused with a 500, two cut, one refused with a 400."""
    share = crc32(text.encode()) % 100
    return "server_error" if share < 3 else "truncated" if share < 5 else "bad_request" if share < 6 else "ok"


def test_every_item_has_one_row_and_resume_runs_the_failed(tmp_path: Path) -> None:
    items = numbered(ITEMS)
    chance = random.Random(7)

    def answer(body: Body) -> Reply:
        threading.Event().wait(chance.random() * 0.02)
        return FAULTS.get(fate(body["input"])) or echo(body)

    source, output = tmp_path / "items", tmp_path / "rows"
    source.write_bytes(ndjson(items))
    arguments = ["batch", str(source), "-o", str(output), "-j", "16", "--retries", "1"]
    with serving(answer) as server:
        run = eugpt(*arguments, base_url=server.base_url, timeout=600)
        found = by_id(rows_of(output))
        failed = {item["input"] for item in items if fate(item["input"]) != "ok"}
        assert {item["custom_id"] for item in items} == found.keys()
        for item in items:
            row = found[item["custom_id"]]
            kind = row["error"]["kind"] if row["error"] else "ok"
            assert kind == fate(item["input"])
            assert row["output_text"] == (f"<{item['input']}>" if kind == "ok" else None)
            assert row["attempts"] == (2 if kind in ("server_error", "truncated") else 1)
        assert {fate(text) for text in failed} == FAULTS.keys()
        assert run.returncode == 90

        server.answer = echo
        server.received.clear()
        again = eugpt(*arguments, "--resume", base_url=server.base_url)
        assert (again.returncode, sorted(server.inputs())) == (0, sorted(failed))
        found = by_id(rows_of(output))
        assert all(found[item["custom_id"]]["output_text"] == f"<{item['input']}>" for item in items)
        assert len(found) == len(items)

        server.received.clear()
        assert eugpt(*arguments, "--resume", base_url=server.base_url).returncode == 0
        assert not server.received


def test_killed_at_random_instants(tmp_path: Path) -> None:
    items = numbered(ITEMS)
    chance = random.Random(3)

    def answer(body: Body) -> Reply:
        threading.Event().wait(chance.random() * 0.01)
        return echo(body)

    source, output = tmp_path / "items", tmp_path / "rows"
    source.write_bytes(ndjson(items))
    arguments = [str(source), "-o", str(output), "-j", str(JOBS), "--resume"]
    with serving(answer) as server:
        for kill in range(1, KILLS + 1):
            process = start(*arguments, base_url=server.base_url)
            wanted = len(server.received) + chance.randrange(1, ITEMS // KILLS)
            until(lambda wanted=wanted: len(server.received) >= wanted)  # type: ignore[misc]
            process.send_signal(signal.SIGKILL)
            process.communicate()
            assert process.returncode == -signal.SIGKILL
            until(lambda: server.under_way == 0)
            assert len(server.received) - output.read_bytes().count(b"\n") <= kill * JOBS
        run = eugpt("batch", *arguments, "--ordered", base_url=server.base_url)
    assert run.returncode == 0
    assert list(by_id(rows_of(output))) == [item["custom_id"] for item in items]
    assert len(server.received) <= ITEMS + KILLS * JOBS


@pytest.fixture
def done(tmp_path: Path) -> "tuple[Path, Path]":
    """Ten items, and the rows of a run over them."""
    source, output = tmp_path / "items", tmp_path / "rows"
    source.write_bytes(ndjson(numbered(10)))
    with serving() as server:
        assert eugpt("batch", str(source), "-o", str(output), "--ordered", base_url=server.base_url).returncode == 0
    return source, output


def resume(source: Path, output: Path, *more: str) -> tuple[int, Many]:
    with serving(lambda body: document("again")) as server:
        run = eugpt("batch", str(source), "-o", str(output), "--resume", *more, base_url=server.base_url)
    return run.returncode, server


@pytest.mark.parametrize("left", [0, 1, 14, 60, -1])
def test_a_torn_last_line(done: tuple[Path, Path], left: int) -> None:
    whole, last = done[1].read_bytes()[:-1].rpartition(b"\n")[::2]
    done[1].write_bytes(whole + b"\n" + last[: left if left >= 0 else len(last)])
    code, server = resume(*done)
    assert (code, server.inputs()) == (0, ["prompt 9"] if left >= 0 else [])
    assert len(by_id(rows_of(done[1]))) == 10


def test_zeros_where_the_power_was_cut(done: tuple[Path, Path]) -> None:
    """A file system may have kept the length of what was written and not its bytes."""
    whole = done[1].read_bytes()
    done[1].write_bytes(whole[:-30] + bytes(30))
    code, server = resume(*done)
    assert (code, server.inputs(), len(by_id(rows_of(done[1])))) == (0, ["prompt 9"], 10)


def test_changed_and_changed_back(done: tuple[Path, Path]) -> None:
    """README's `select(.ok)` prints one answer of an id, and none to a request that is not in the input."""
    first = done[0].read_bytes()
    done[0].write_bytes(first.replace(b'"prompt 3"', b'"prompt 200"'))
    for wanted in ("prompt 200", "prompt 3"):
        code, server = resume(*done)
        assert (code, server.inputs()) == (0, [wanted])
        assert len(by_id(rows_of(done[1]))) == 10
        done[0].write_bytes(first)
    assert all(row["ok"] for row in rows_of(done[1]))


def test_changed_and_changed_back_before_it_was_asked(done: tuple[Path, Path]) -> None:
    first, before = done[0].read_bytes(), done[1].read_bytes()
    done[0].write_bytes(first.replace(b'"prompt 3"', b'"prompt 200"') + ndjson([{"custom_id": "new", "input": "new"}]))
    with serving() as server:
        arguments = ["batch", str(done[0]), "-o", str(done[1]), "--resume", "-j1", "--max-items", "1"]
        assert eugpt(*arguments, "--shard", "1/1000000", base_url=server.base_url).returncode == 0
    done[0].write_bytes(first)
    code, server = resume(*done)
    assert (code, server.inputs(), done[1].read_bytes()) == (0, [], before)


def test_a_new_request_that_fails_says_no_longer_ok(done: tuple[Path, Path]) -> None:
    done[0].write_bytes(done[0].read_bytes().replace(b'"prompt 3"', b'"another"'))
    with serving(lambda body: refusal(400)) as server:
        run = eugpt("batch", str(done[0]), "-o", str(done[1]), "--resume", base_url=server.base_url)
    row = by_id(rows_of(done[1]))["item-3"]
    assert (run.returncode, row["ok"], row["output_text"]) == (90, False, None)


def test_what_is_gone_stays_until_it_is_pruned(done: tuple[Path, Path]) -> None:
    lines = done[0].read_bytes().splitlines(keepends=True)
    done[0].write_bytes(b"".join(lines[:3] + lines[4:]))
    assert resume(*done)[0] == 0
    assert "item-3" in by_id(rows_of(done[1]))
    code, server = resume(*done, "--prune")
    assert (code, server.received) == (0, [])
    assert list(by_id(rows_of(done[1]))) == [f"item-{n}" for n in range(10) if n != 3]
    assert [row["line"] for row in rows_of(done[1])] == list(range(1, 10))


def test_nothing_is_pruned_by_a_run_that_stops(done: tuple[Path, Path]) -> None:
    done[0].write_bytes(ndjson([*numbered(2), {"custom_id": "x", "input": "x"}, {"custom_id": "y", "input": "y"}]))
    code, _ = resume(*done, "--prune", "--max-items", "1", "-j1")
    assert code == 91
    assert {f"item-{n}" for n in range(10)} < by_id(rows_of(done[1])).keys()
    assert resume(*done, "--prune")[0] == 0
    assert list(by_id(rows_of(done[1]))) == ["item-0", "item-1", "x", "y"]


def test_one_line_more_is_one_request_more(tmp_path: Path) -> None:
    source, output = tmp_path / "items", tmp_path / "rows"
    lines = [f"line {n % 40}\n".encode() for n in range(50)]
    source.write_bytes(b"".join(lines))
    assert len(resume(source, output, "--lines")[1].received) == 50
    source.write_bytes(b"first\n" + b"".join(lines))
    code, server = resume(source, output, "--lines")
    assert (code, server.inputs()) == (0, ["first"])
    source.write_bytes(b"".join(reversed(lines)) + b"line 0\n")
    code, server = resume(source, output, "--lines", "--ordered", "--prune")
    assert (code, server.inputs()) == (0, ["line 0"])
    assert [row["line"] for row in rows_of(output)] == list(range(1, 52))


def test_many_equal_lines(tmp_path: Path) -> None:
    source, output = tmp_path / "items", tmp_path / "rows"
    for count, asked in ((100, 100), (137, 37), (20, 0), (137, 0)):
        source.write_bytes(b"again\n" * count)
        code, server = resume(source, output, "--lines")
        assert (code, len(server.received)) == (0, asked)


def test_a_stored_turn_killed_three_times_is_posted_once(tmp_path: Path) -> None:
    source, output = tmp_path / "items", tmp_path / "rows"
    source.write_bytes(ndjson([{"custom_id": "a", "input": "x", "conversation_id": UUID}]))
    gate = threading.Event()

    def answer(body: Body) -> Reply:
        gate.wait(60)
        return echo(body)

    with serving(answer) as server:
        for _ in range(3):
            run = start(str(source), "-o", str(output), "--resume", base_url=server.base_url)
            until(lambda run=run: len(server.received) == 1 or run.poll() is not None)  # type: ignore[misc]
            run.kill()
            run.communicate()
            (row,) = rows_of(output)
            assert (row["ok"], row["may_be_stored"]) == (False, True)
            assert UUID in row["error"]["message"]
        gate.set()
        last = eugpt("batch", str(source), "-o", str(output), "--resume", base_url=server.base_url)
        assert (last.returncode, len(server.received)) == (90, 1)


def test_a_line_spoilt_by_hand(done: tuple[Path, Path]) -> None:
    lines = done[1].read_bytes().splitlines(keepends=True)
    lines[4] = b"what was here?\n"
    lines[6] = lines[6].replace(b'"ok":true', b'"ok":false')
    done[1].write_bytes(b"".join(lines))
    code, server = resume(*done)
    assert (code, sorted(server.inputs())) == (0, ["prompt 4", "prompt 6"])
    kept = done[1].read_bytes().splitlines(keepends=True)
    assert len(kept) == 11
    assert lines[4] in kept
    assert lines[6] not in kept


def test_a_file_without_rows_is_somebody_elses(done: tuple[Path, Path]) -> None:
    done[1].write_bytes(b"Dear Ada,\n{}\nyours")
    code, server = resume(*done)
    assert (code, server.received, done[1].read_bytes()) == (2, [], b"Dear Ada,\n{}\nyours")


def test_a_failure_that_a_killed_run_has_made_good_is_dropped(done: tuple[Path, Path]) -> None:
    lines = done[1].read_bytes().splitlines(keepends=True)
    failed = lines[2].replace(b'"ok":true', b'"ok":false')
    done[1].write_bytes(failed + b"".join(lines))
    code, server = resume(*done)
    assert (code, server.received) == (0, [])
    assert done[1].read_bytes() == b"".join(lines)


def test_a_turn_that_may_be_stored_is_not_sent_again(tmp_path: Path) -> None:
    source, output = tmp_path / "items", tmp_path / "rows"
    items = [{"custom_id": text, "input": text, "conversation_id": UUID} for text in ("cut", "bad", "ok")]
    source.write_bytes(ndjson([*items, {"custom_id": "alone", "input": "alone"}]))
    faults = {"cut": cut_stream(), "alone": cut_stream(), "bad": refusal(400)}
    arguments = ["batch", str(source), "-o", str(output), "--retries", "0", "--resume"]
    with serving(lambda body: faults.get(body["input"]) or echo(body)) as server:
        assert eugpt(*arguments, base_url=server.base_url).returncode == 90
        before = by_id(rows_of(output))
        assert {name for name, row in before.items() if row.get("may_be_stored")} == {"cut"}

        server.answer = echo
        server.received.clear()
        run = eugpt(*arguments, "--summary", str(tmp_path / "summary"), base_url=server.base_url)
        assert (run.returncode, sorted(server.inputs())) == (90, ["alone", "bad"])
        assert (
            b"eugpt: partial: not sent again: 1 turn that an earlier run sent and the service may have stored\n"
            in run.stderr
        )
        assert b"--retry-unsafe" in run.stderr
        assert json.loads((tmp_path / "summary").read_text())["held_back"] == 1
        assert by_id(rows_of(output))["cut"] == before["cut"]

        server.received.clear()
        assert eugpt(*arguments, "--retry-unsafe", base_url=server.base_url).returncode == 0
        assert server.inputs() == ["cut"]
    assert all(row["ok"] for row in by_id(rows_of(output)).values())


CUT, BAD = {"x": cut_stream()}, {"x": refusal(400), "y": refusal(400)}
FORGETFUL = {
    "two of one id": [("xy", BAD | CUT, "", "x"), ("xy", BAD, "", ""), ("y", {}, "", "y"), ("xy", {}, "", "")],
    "changed and back": [("x", CUT, "", "x"), ("y", BAD, "", "y"), ("x", {}, "", "")],
    "sent again and refused": [("x", CUT, "", "x"), ("x", BAD, "--retry-unsafe", "x"), ("x", {}, "", "")],
    "sent again and answered": [("x", CUT, "", "x"), ("x", {}, "--retry-unsafe", "x"), ("x", CUT, "", "")],
}


@pytest.mark.parametrize("name", FORGETFUL)
def test_that_a_turn_may_be_stored_is_not_forgotten(tmp_path: Path, name: str) -> None:
    source = tmp_path / "items"
    for prompts, faults, flag, sent in FORGETFUL[name]:
        source.write_bytes(ndjson({"custom_id": "same", "input": text, "conversation_id": UUID} for text in prompts))
        with serving(lambda body, faults=faults: faults.get(body["input"]) or echo(body)) as server:  # type: ignore[misc]
            more = [flag] if flag else []
            run = eugpt(
                "batch", str(source), "-o", str(tmp_path / "rows"), "--resume", "--retries", "0", "-j1", *more,
                base_url=server.base_url,
            )  # fmt: skip
        assert "".join(server.inputs()) == sent, (prompts, run)
    assert run.returncode == (0 if "answered" in name else 90)


@pytest.mark.parametrize("signals", [0, 2], ids=["--max-time", "a second SIGINT"])
def test_a_run_that_ends_at_once_tells_of_the_turns_under_way(tmp_path: Path, signals: int) -> None:
    source, output = tmp_path / "items", tmp_path / "rows"
    turns = [{"custom_id": f"turn {n}", "input": f"{n}", "conversation_id": f"{n}{UUID[1:]}"} for n in range(3)]
    source.write_bytes(ndjson([*turns, {"custom_id": "alone", "input": "alone"}, {"custom_id": "quick", "input": "q"}]))
    held = threading.Event()

    def answer(body: Body) -> Reply:
        if body["input"] != "q":
            held.wait(60)
        return echo(body)

    with serving(answer) as server:
        limit = [] if signals else ["--max-time", "2"]
        run = start(str(source), "-o", str(output), *limit, base_url=server.base_url)
        until(lambda: len(server.received) == 5 and b"quick" in output.read_bytes())
        for n in range(signals):
            run.send_signal(signal.SIGINT)
            if not n:
                assert run.stderr
                assert b"stopping" in run.stderr.readline()
        told = run.communicate(timeout=60)[1]
        assert run.returncode == (-signal.SIGINT if signals else 61)
        assert b"; --resume continues with the rest\n" in told
        found = by_id(rows_of(output))
        marked = {name for name, row in found.items() if row.get("may_be_stored")}
        assert marked == {"turn 0", "turn 1", "turn 2"}
        assert "may have been stored in conversation 0" in found["turn 0"]["error"]["message"]
        assert found.keys() == marked | {"quick"}
        held.set()
        server.received.clear()
        again = eugpt("batch", str(source), "-o", str(output), "--resume", base_url=server.base_url)
        assert (again.returncode, server.inputs()) == (90, ["alone"])
        assert b"3 held back" in again.stderr


def test_a_turn_that_was_never_sent_cannot_be_stored(tmp_path: Path) -> None:
    item = ndjson([{"custom_id": "a", "input": "x", "conversation_id": UUID}])
    run = eugpt("batch", "--retries", "0", base_url="http://127.0.0.1:1/v1", stdin=item)
    (row,) = rows(run.stdout)
    assert (row["error"]["kind"], "may_be_stored" in row) == ("unreachable", False)


def test_a_changed_prompt_runs_again(done: tuple[Path, Path]) -> None:
    before = by_id(rows_of(done[1]))
    done[0].write_bytes(done[0].read_bytes().replace(b'"prompt 3"', b'"another prompt"'))
    code, server = resume(*done)
    assert (code, server.inputs()) == (0, ["another prompt"])
    after = by_id(rows_of(done[1]))
    assert after.pop("item-3")["output_text"] == "again"
    assert before.pop("item-3")
    assert after == before
    code, server = resume(*done, "-i", "other instructions")
    assert (code, len(server.received)) == (0, 10)


def test_without_ids_the_line_is_the_identity(tmp_path: Path) -> None:
    source, output = tmp_path / "items", tmp_path / "rows"
    source.write_bytes(b"one\ntwo\ntwo\n")
    assert resume(source, output, "--lines")[1].inputs().count("two") == 2
    source.write_bytes(b"one\nTWO\ntwo\nfour\n")
    assert sorted(resume(source, output, "--lines")[1].inputs()) == ["TWO", "four"]


def test_a_file_with_rows_is_not_written_without_resume(done: tuple[Path, Path]) -> None:
    before = done[1].read_bytes()
    with serving() as server:
        run = eugpt("batch", str(done[0]), "-o", str(done[1]), base_url=server.base_url)
    assert (run.returncode, done[1].read_bytes(), server.received) == (2, before, [])
    assert b"--resume" in run.stderr


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    source, output = tmp_path / "items", tmp_path / "rows"
    source.write_bytes(ndjson(numbered(3)))
    gate = threading.Event()

    def answer(body: Body) -> Reply:
        gate.wait(60)
        return echo(body)

    with serving(answer) as server:
        first = start(str(source), "-o", str(output), base_url=server.base_url)
        until(lambda: len(server.received) == 3)
        second = eugpt("batch", str(source), "-o", str(output), "--resume", base_url=server.base_url)
        gate.set()
        first.communicate()
    assert (second.returncode, first.returncode) == (33, 0)
    assert b"another run is writing to " in second.stderr
    assert len(server.received) == 3
    assert len(by_id(rows_of(output))) == 3
