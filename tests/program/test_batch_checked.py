"""`batch` with checks: what the rows have, what is asked again, and what ends it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures import UUID
from tests.support.batches import rows
from tests.support.forked_program import eugpt
from tests.support.manyserver import Body, Reply, document, refusal, serving
from tests.support.program import KEY

TOTAL = {"type": "object", "required": ["total"], "properties": {"total": {"type": "number"}}}
USAGE = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}


def items(folder: Path, count: int, **more: Any) -> str:
    path = folder / "items.ndjson"
    lines = [json.dumps({"custom_id": f"item-{n}", "input": f"item {n}", **more}) for n in range(count)]
    path.write_text("\n".join(lines))
    return str(path)


def schema(folder: Path) -> str:
    (folder / "schema.json").write_text(json.dumps(TOTAL))
    return str(folder / "schema.json")


def number(body: Body) -> int:
    text = body["input"] if isinstance(body["input"], str) else json.dumps(body["input"])
    found = re.match(r"item (\d+)", text)
    assert found
    return int(found[1])


def two_are_wrong(body: Body) -> Reply:
    """Items 7 and 11 have a comma, until somebody says what is wrong with it."""
    wrong = number(body) in (7, 11) and "<rejected_answer>" not in body["input"]
    return document('{"total": "1,5"}' if wrong else f'```json\n{{"total": {number(body)}.50}}\n```', usage=USAGE)


def test_two_of_forty_are_rejected_and_resumed(tmp_path: Path) -> None:
    out = tmp_path / "rows.ndjson"
    arguments = ["batch", items(tmp_path, 40), "--schema", schema(tmp_path), "-o", str(out)]
    with serving(two_are_wrong) as server:
        first = eugpt(*arguments, base_url=server.base_url)
        found = {row["custom_id"]: row for row in rows(out.read_bytes())}
        assert (first.returncode, len(server.received), len(found)) == (90, 40, 40)
        assert b"2 rejected" in first.stderr
        server.received.clear()
        second = eugpt(*arguments, "--resume", base_url=server.base_url)
        assert (second.returncode, sorted(map(number, server.received))) == (90, [7, 11])
        server.received.clear()
        third = eugpt(*arguments, "--resume", "--again", "1", base_url=server.base_url)
        assert (third.returncode, len(server.received)) == (0, 4)
    good, bad = found["item-3"], found["item-7"]
    assert (good["ok"], good["value"], good["output_text"]) == (True, {"total": 3.5}, '{"total":3.50}')
    assert "rejected_text" not in good
    assert (bad["ok"], bad["value"], bad["output_text"]) == (False, None, None)
    assert bad["rejected_text"] == '{"total": "1,5"}'
    assert bad["error"]["kind"] == "rejected"
    assert bad["error"]["message"] == 'the answer is not valid: /total: "1,5" is not a number'


def test_again_mends_them_within_one_run(tmp_path: Path) -> None:
    out, summary = tmp_path / "rows.ndjson", tmp_path / "summary"
    arguments = ["batch", items(tmp_path, 40), "--schema", schema(tmp_path), "--again", "1", "-o", str(out)]
    with serving(two_are_wrong) as server:
        run = eugpt(*arguments, "--summary", str(summary), "-v", base_url=server.base_url)
    found = {row["custom_id"]: row for row in rows(out.read_bytes())}
    assert (run.returncode, len(server.received), len(found)) == (0, 42, 40)
    assert all(row["ok"] for row in found.values())
    assert run.stderr.count(b"; asking again\n") == 2
    assert b"* item item-7: rejected: the answer is not valid: /total: " in run.stderr
    assert (found["item-7"]["attempts"], found["item-8"]["attempts"]) == (2, 1)
    assert json.loads(summary.read_text())["tokens"]["total_tokens"] == 42 * 3


@pytest.mark.parametrize("again", [0, 2])
def test_a_rejected_answer_is_asked_for_no_more_often(again: int, tmp_path: Path) -> None:
    with serving(lambda body: document("no")) as server:
        arguments = ["batch", items(tmp_path, 5), "--check", "false", "--again", str(again)]
        run = eugpt(*arguments, base_url=server.base_url)
    assert (run.returncode, len(server.received)) == (90, 5 * (again + 1))
    assert {row["attempts"] for row in rows(run.stdout)} == {again + 1}


def test_what_fails_after_a_rejection_has_its_own_name(tmp_path: Path) -> None:
    def answer(body: Body) -> Reply:
        return refusal(400) if "rejected_answer" in body["input"] else document("no")

    with serving(answer) as server:
        run = eugpt("batch", items(tmp_path, 1), "--check", "false", "--again", "3", base_url=server.base_url)
    (row,) = rows(run.stdout)
    assert (run.returncode, len(server.received), row["error"]["kind"]) == (90, 2, "bad_request")


def test_extract_and_check_go_item_by_item(tmp_path: Path) -> None:
    """The check knows which item it is, and no key."""
    command = f'env >{tmp_path}/"$EUGPT_CUSTOM_ID".env; cat >{tmp_path}/"$EUGPT_CUSTOM_ID".input'
    with serving(lambda body: document(f"```\n{body['input']}\n```")) as server:
        arguments = ["batch", items(tmp_path, 12), "--extract", "code", "--check", command]
        run = eugpt(*arguments, base_url=server.base_url)
    found = {row["custom_id"]: row for row in rows(run.stdout)}
    assert run.returncode == 0
    for n in range(12):
        row = found[f"item-{n}"]
        assert row["output_text"] == f"item {n}"
        assert "value" not in row
        assert (tmp_path / f"item-{n}.input").read_text() == f"item {n}\n"
        assert KEY not in (tmp_path / f"item-{n}.env").read_text()


def test_values_are_exact(tmp_path: Path) -> None:
    with serving(lambda body: document('[1.50, 12345678901234567890123, "\u2028"]')) as server:
        run = eugpt("batch", items(tmp_path, 1), "--extract", "json", base_url=server.base_url)
    assert '"value":[1.50,12345678901234567890123,"\u2028"]' in run.stdout.decode()


def test_an_id_that_is_no_variable_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "items"
    ids = ["a\0b", "é\n=", "x" * 200_000, 7, None]
    path.write_text("\n".join(json.dumps({"custom_id": name, "input": "a"}) for name in ids))
    with serving() as server:
        command = f'echo "[$EUGPT_CUSTOM_ID]" >>{tmp_path}/seen'
        run = eugpt("batch", str(path), "-j", "1", "--check", command, base_url=server.base_url)
    assert run.returncode == 0
    assert (tmp_path / "seen").read_text() == "[]\n[é\n=]\n[]\n[7]\n[]\n"


@pytest.mark.parametrize("command", ["no-such-command", "/dev/null", "kill -SEGV $$"])
def test_a_broken_check_ends_it_before_it_costs_more(command: str, tmp_path: Path) -> None:
    out = tmp_path / "rows.ndjson"
    with serving() as server:
        arguments = ["batch", items(tmp_path, 200), "-j", "4", "--check", command, "--again", "3", "-o", str(out)]
        run = eugpt(*arguments, base_url=server.base_url)
    assert run.returncode == 30
    assert len(server.received) <= 12
    assert b"the command of --check" in run.stderr
    assert all(row["rejected_text"].startswith("<item ") for row in rows(out.read_bytes()))


def test_a_schema_that_is_none_sends_nothing(tmp_path: Path) -> None:
    (tmp_path / "schema.json").write_text('{"type": "text"}')
    with serving() as server:
        arguments = ["batch", items(tmp_path, 3), "--schema", str(tmp_path / "schema.json")]
        run = eugpt(*arguments, base_url=server.base_url)
    assert (run.returncode, run.stdout, server.received) == (30, b"", [])


def test_turns_are_checked_and_never_asked_again(tmp_path: Path) -> None:
    """A rejected turn is in its conversation: --resume leaves it alone."""
    out = tmp_path / "rows.ndjson"
    path = items(tmp_path, 1, conversation_id=UUID)
    arguments = ["batch", path, "--check", "false", "--again", "3", "-o", str(out)]
    with serving() as server:
        first = eugpt(*arguments, base_url=server.base_url)
        second = eugpt(*arguments, "--resume", base_url=server.base_url)
        usage = eugpt(*arguments, "-c", UUID, base_url=server.base_url)
    (row,) = rows(out.read_bytes())
    assert (first.returncode, second.returncode, usage.returncode, len(server.received)) == (90, 90, 2, 1)
    assert (row["error"]["kind"], row["may_be_stored"], row["rejected_text"]) == ("rejected", True, "<item 0>")


def test_the_schema_goes_with_an_item_s_own_instructions(tmp_path: Path) -> None:
    path = tmp_path / "items"
    path.write_text('{"input": "a"}\n{"input": "b", "instructions": "Own."}\n')
    with serving(lambda body: document('{"total": 1}')) as server:
        arguments = ["batch", str(path), "-j", "1", "-i", "All.", "--schema", schema(tmp_path)]
        run = eugpt(*arguments, base_url=server.base_url)
        shown = eugpt(*arguments, "--dry-run")
    told = [body["instructions"] for body in server.received]
    assert run.returncode == 0
    assert [text.partition("\n\n")[0] for text in told] == ["All.", "Own."]
    assert all(text.endswith("\n" + json.dumps(TOTAL, separators=(",", ":"))) for text in told)
    assert [json.loads(line)["instructions"] for line in shown.stdout.splitlines()] == told


def test_the_time_limit_leaves_no_check_of_any_thread(tmp_path: Path) -> None:
    import tests.program.test_check_processes as processes

    with serving() as server:
        command = f"echo $$ >{tmp_path}/$EUGPT_CUSTOM_ID.pid; sleep 600 & wait"
        arguments = ["batch", items(tmp_path, 6), "-j", "3", "--max-time", "3", "--check", command]
        run = eugpt(*arguments, base_url=server.base_url)
    leaders = [int(path.read_text() or 0) for path in tmp_path.glob("*.pid")]
    assert (run.returncode, len(server.received)) == (61, 3)
    assert leaders
    for leader in leaders:
        processes.gone(leader)
