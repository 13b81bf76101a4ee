"""Rows of any key and any document: the next run reads them, and sends no stored turn twice."""

from pathlib import Path

import pytest

from tests.support.batches import by_id, ndjson, rows_of
from tests.support.manyserver import Body, Reply, echo, refusal, serving
from tests.support.program import eugpt

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
