"""Rows of any key and any document: the next run reads them, and sends no stored turn twice."""

from pathlib import Path

import pytest

from tests.support.batches import by_id, ndjson, rows_of
from tests.support.forked_program import eugpt
from tests.support.manyserver import Body, Reply, echo, refusal, serving

UUID = "8f14e45f-ceea-467a-a4ed-a9e9a5cb16ee"
KEYS = ["password", "attempts", "custom_id", "true", "server_error", "may_be_stored", UUID]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("reply", [refusal(500), None], ids=["failed", "answered"])
def test_no_key_changes_whose_row_it_is(tmp_path: Path, key: str, reply: Reply | None) -> None:
    source, output = tmp_path / "items", tmp_path / "rows"
    source.write_bytes(ndjson([{"custom_id": f"reset-{key}", "input": "x", "conversation_id": UUID}]))
    with serving(lambda body: reply or echo(body)) as server:
        for _ in range(2):
            more = ["--full", "--resume"]
            run = eugpt(
                "batch", str(source), "-o", str(output), *more, base_url=server.base_url, env={"EUGPT_API_KEY": key}
            )
            assert run.returncode == (90 if reply else 0), run
            (row,) = rows_of(output)
            assert (row["custom_id"], row["conversation_id"]) == (f"reset-{key}", UUID)
            assert {"attempts", "may_be_stored" if reply else "stored"} < row.keys()
        assert len(server.received) == 1


DOCUMENTS = {
    "a huge number": b"1" + b"0" * 400,
    "a number of 65 bits": b"18446744073709551617",
    "a number beyond floats": b"1e999",
    "300 deep": b"[" * 300 + b"]" * 300,
    "as deep as a document can be": b"[" * 1022 + b"]" * 1022,
    "half a surrogate pair": b'"\\ud800"',
    "lines": b'{\r\n  "y": [\n 1 ]\n}',
    "an end of a row": b'{"line":5}',
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_resume_reads_the_row_of_any_document(tmp_path: Path, name: str) -> None:
    source, output = tmp_path / "items", tmp_path / "rows"
    value = DOCUMENTS[name]
    items = [{"custom_id": text, "input": text, "conversation_id": f"{n}{UUID[1:]}"} for n, text in enumerate("ab")]

    def answer(body: Body) -> Reply:
        return Reply(b'{"status":"completed","output_text":"ok","usage":{"total_tokens":1},"x":%b}' % value)

    arguments = ["batch", str(source), "-o", str(output), "-j1", "--full", "--max-tokens", "9", "--resume"]
    with serving(answer) as server:
        for order in (items, items, items[::-1]):
            source.write_bytes(ndjson(order))
            run = eugpt(*arguments, base_url=server.base_url)
            assert (run.returncode, len(server.received)) == (0, 2), run
    lines = output.read_bytes().splitlines()
    assert len(lines) == 2
    flat = b"".join(line.strip() for line in value.splitlines())
    assert all(b'"x":%b},"line":' % flat in line for line in lines)
    assert sorted(line[-2:] for line in lines) == [b"1}", b"2}"]


def test_usage_that_no_float_can_hold(tmp_path: Path) -> None:
    """The number of tokens is over each limit; the row is there, and is read."""
    source, output = tmp_path / "items", tmp_path / "rows"
    source.write_bytes(ndjson([{"custom_id": "a", "input": "x", "conversation_id": UUID}]))
    reply = Reply(b'{"status":"completed","output_text":"ok","usage":{"total_tokens":1%b,"y":1e999}}' % (b"0" * 400))
    with serving(lambda body: reply) as server:
        for _ in range(2):
            more = ["--max-tokens", "9", "--resume", "--summary", str(tmp_path / "summary")]
            run = eugpt("batch", str(source), "-o", str(output), *more, base_url=server.base_url)
            assert run.returncode == 0, run
        assert len(server.received) == 1
    assert by_id(rows_of(output))["a"]["usage"] == {"total_tokens": 10**400, "y": None}


def spoilt(output: Path, old: bytes, new: bytes) -> None:
    text = output.read_bytes()
    assert old in text
    output.write_bytes(text.replace(old, new, 1))


def turns(tmp_path: Path, *, stored: bool = True) -> list[str]:
    """Two items that were answered; the arguments to run them again."""
    source, output = tmp_path / "items", tmp_path / "rows"
    more = {"conversation_id": UUID} if stored else {}
    source.write_bytes(ndjson({"custom_id": text, "input": text, **more} for text in "ab"))
    arguments = ["batch", str(source), "-o", str(output), "-j1", "--resume"]
    with serving() as server:
        assert eugpt(*arguments, base_url=server.base_url).returncode == 0
    return arguments


def test_a_bom_hides_no_row(tmp_path: Path) -> None:
    arguments, output = turns(tmp_path), tmp_path / "rows"
    before = output.read_bytes()
    output.write_bytes(b"\xef\xbb\xbf" + before)
    with serving() as server:
        for more in ([], ["--ordered"]):
            run = eugpt(*arguments, *more, base_url=server.base_url)
            assert (run.returncode, server.received, output.read_bytes()) == (0, [], before), run


SPOILT = {
    "a wrong member": (b',"line":1}', b',"earlier_turns":5,"line":1}'),
    "no request": (b'"request":', b'"was":'),
    "a wrong request": (b'"request":"', b'"request":5,"was":"'),
    "a wrong mark": (b'"stored":true', b'"stored":"yes"'),
    "a wrong id": (b'"custom_id":"a"', b'"custom_id":["a"]'),
    "a wrong ok": (b'"ok":true', b'"ok":1'),
    "half of it": (b',"line":1}', b""),
    "an id that is none": (b'"custom_id":"a"', b'"custom_id":"\\ud800"'),
    "an id beyond 64 bits": (b'"custom_id":"a"', b'"custom_id":1' + b"0" * 400),
}


@pytest.mark.parametrize("name", SPOILT)
def test_a_turn_whose_row_cannot_be_read_is_not_sent(tmp_path: Path, name: str) -> None:
    arguments, output = turns(tmp_path), tmp_path / "rows"
    spoilt(output, *SPOILT[name])
    before = output.read_bytes()
    with serving() as server:
        run = eugpt(*arguments, base_url=server.base_url)
    assert (run.returncode, server.received, output.read_bytes()) == (31, [], before), run
    assert f"{output}, line 1: ".encode() in run.stderr
    assert b"hint: " in run.stderr


@pytest.mark.parametrize("name", [name for name in SPOILT if name not in ("no request", "a wrong mark")])
def test_a_row_that_cannot_be_read_is_anothers_and_its_item_is_sent(tmp_path: Path, name: str) -> None:
    arguments, output = turns(tmp_path, stored=False), tmp_path / "rows"
    spoilt(output, *SPOILT[name])
    kept = output.read_bytes().splitlines()[0]
    with serving() as server:
        run = eugpt(*arguments, base_url=server.base_url)
    assert (run.returncode, server.inputs()) == (0, ["a"]), run
    assert kept in output.read_bytes().splitlines()
