"""Exit 0 means that the text is whole: one row a case, for ask, stream, raw-events and batch."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.support.forked_program import eugpt
from tests.support.rawserver import SSE_HEAD, chunk, http, serving, sse, stream
from tests.support.responses import completed, delta, done, event, item_done, message, part_done, refusal

HELLO = "Hello"


@dataclass(frozen=True)
class Row:
    """What the service sends; the exit code, and the text of a complete answer.

    `printed` is what stream has on standard output where that is not the text; `stream` and `raw` its exit code and
    that of raw-events, where they differ; `says` are words of the error line.
    """

    name: str
    answer: bytes
    exit: int = 0
    says: str = ""
    text: str = HELLO
    printed: str | None = None
    stream: int | None = None
    raw: int | None = None

    @property
    def is_ok(self) -> bool:
        return self.exit == 0


A, B = (0, 0), (0, 1)
HEL, LO = delta("Hel"), delta("lo")
BOTH = [delta("Hel", A, 1), delta("lo", A, 2)]
END = completed(number=9)
CREATED = event("response.created", response={"id": "r", "status": "in_progress"})


def body(data: bytes) -> bytes:
    return SSE_HEAD + chunk(data) + b"0\r\n\r\n"


def document(**members: object) -> bytes:
    return http(json.dumps({"id": "r", "status": "completed", **members}).encode())


def lost(name: str, *events: str, says: str = "damaged", printed: str = "") -> Row:
    """Text is damaged, which only the text shows."""
    return Row(name, stream(CREATED, *events), 62, says, printed=printed, raw=0)


def unsound(name: str, *events: str, printed: str = "Hel") -> Row:
    """An event that is not of this API after a good one, and the end."""
    return Row(name, stream(HEL, *events, completed()), 63, printed=printed)


def ended(name: str, end: str, code: int, says: str) -> Row:
    """An end that is none of a complete answer."""
    return Row(name, stream(HEL, LO, end), code, says, printed=HELLO)


DEEP = b"[" * 979 + b"]" * 979
ERROR = {"message": "too much", "code": "odd"}
REFUSED = [message(refusal("I will not"))]
WHOLE = [
    Row("a part that comes only by its end", stream(delta("Hel", A), done("Hel", A), done("lo", B), completed())),
    Row("an end twice", stream(HEL, LO, done(HELLO), done(HELLO), completed())),
    Row("an end before its deltas", stream(done(HELLO, A), *BOTH, completed())),
    Row("an end before its deltas, without indexes", stream(done(HELLO), HEL, LO, completed())),
    Row("text only in content_part.done", stream(part_done(HELLO, A), completed())),
    Row("text only in output_item.done", stream(item_done("Hel", "lo", item=0), completed())),
    Row("text only in output_text", stream(completed(output_text=HELLO))),
    Row("text only in output", stream(completed(output=[message("Hel", "lo")]))),
    Row("the last delta is lost, the part has it", stream(delta("Hel", A), done(HELLO, A), completed())),
    Row("the last delta is lost, the response has it", stream(delta("Hel", A), completed(output_text=HELLO))),
    Row("an event twice, number and all", stream(CREATED, BOTH[0], BOTH[0], BOTH[1], completed(number=3))),
    Row("a gap, the response has all", stream(delta("Hel", A, 1), delta("lo", A, 5), completed(output_text=HELLO))),
    Row("numbers that say nothing", stream(delta("Hel", A, 7), delta("lo", A, 7), completed(number=7))),
    Row("white space that the end lacks", stream(HEL, delta("lo\n"), done(HELLO), completed(output_text=HELLO))),
    Row("an empty output_text beside deltas", stream(HEL, LO, completed(output_text="", output=[]))),
    Row("a frame without a type", stream('{"ping":1,"error":null}', HEL, LO, completed())),
    Row("an empty answer", stream(completed(output=[])), text=""),
    Row("an empty delta", stream(delta(""), completed()), text=""),
    Row("only tools", document(output=[{"type": "web_search_call", "status": "completed"}]), text=""),
    Row("an empty document", document(output_text=""), text=""),
    Row("a document with null beside it", document(output_text=HELLO, error=None, incomplete_details=None)),
    Row("a document of 980 levels", http(b'{"status":"completed","output_text":"Hello","x":%s}' % DEEP)),
    Row("tokens beyond 64 bits", document(output_text=HELLO, usage={"total_tokens": 2**70, "output_tokens": 10**300})),
    Row("a date after the year 9999", http(b'{"status":"completed","output_text":"Hello"}',
                                            extra="Date: Fri, 31 Dec 99999999999999999999 23:59:59 GMT\r\n")),
    Row("parts out of order", stream(delta("lo", B), delta("Hel", A), completed()), stream=62, printed="loHel"),
]  # fmt: skip
DAMAGED = [
    lost("a delta is lost", delta("Do ", A, 1), delta("it", A, 3), done("Do not do it", A, 4), END, printed="Do it"),
    lost(
        "a delta is lost, the response has all",
        delta("Do ", A, 1),
        delta("it", A, 3),
        completed(output_text="Do not do it"),
        printed="Do it",
    ),
    lost(
        "a delta is lost, only its number tells",
        delta("Do ", A, 1),
        delta("do it", A, 3),
        completed(number=4),
        says="between the sequence numbers 1 and 3",
        printed="Do do it",
    ),
    lost("a delta twice", HEL, HEL, LO, done(HELLO), completed(), printed="HelHello"),
    lost("deltas swapped", LO, HEL, done(HELLO), completed(), printed="loHel"),
    lost("two ends", done("Hell", A), part_done(HELLO, A), completed(), printed="Hell"),
    lost("the item says otherwise", HEL, LO, item_done("Hallo", item=0), completed(), printed=HELLO),
    lost("the response says otherwise", HEL, LO, completed(output_text="Hallo"), printed=HELLO),
    lost("the end is shorter", HEL, LO, done("Hell"), completed(), printed=HELLO),
    lost("text after the end", done(HELLO, A), delta(HELLO, A), delta("!", A), completed(), printed=HELLO),
]
UNSOUND = [
    unsound("a delta is a number", delta(5)),
    unsound("a delta is an object", delta({"text": "lo"})),
    unsound("a delta is null", delta(None)),
    unsound("a delta is not there", event("response.output_text.delta")),
    unsound("a delta is no JSON", '{"type":"response.output_text.delta","delta":"lo"'),
    unsound("a delta is two values", delta("lo") + "," + delta("lo")),
    unsound("a type is a number", '{"type":5,"delta":"lo"}'),
    unsound("an event is a list", "[]"),
    unsound("an infinite number", '{"type":"x","n":Infinity}'),
    Row("the end of a part is a number", stream(HEL, LO, done(5), completed()), 63, printed=HELLO, raw=0),
    Row("no text", stream(CREATED, completed()), 63, "cannot be found", printed="", raw=0),
    Row("a part without its text", stream(delta(HELLO, A), done(None, B), completed()), 63, printed=HELLO, raw=0),
    Row("a document under another name", document(text=HELLO), 63, "cannot be found", printed="", raw=0),
    Row("a document of another type", document(output=[message({"type": "text", "text": "x"})]),
        63, "cannot be found", printed="", raw=0),
    Row("a document with null", document(output_text=None), 63, "cannot be found", printed="", raw=0),
    Row("a document with a number", document(output_text=5, output="x"), 63, "cannot be found", printed="", raw=0),
    Row("a BOM in the data", body(sse("\ufeff" + HEL, LO, completed())), raw=63),
    Row("invalid UTF-8 in the data", body(sse(HEL, LO, completed()).replace(b"lo", b"\xff")), raw=63, text="Hel\ufffd"),
    Row("invalid UTF-8 in a document", http(b'{"status":"completed","output_text":"Hel\xff"}'), raw=63,
        text="Hel\ufffd"),
]  # fmt: skip
ENDS = [
    Row("a document that refuses", document(output=REFUSED), 80, "I will not", printed="", raw=0),
    Row("a document that refuses without words", document(output=[message(refusal(""))]), 80, "refused", printed="",
        raw=0),
    Row("a refusal in events", stream(event("response.refusal.delta", delta="I will "),
        event("response.refusal.done", refusal="I will not"), completed(output=[])), 80, "I will not", "", "", raw=0),
    Row("a refusal in an item", stream(event("response.output_item.done", item=REFUSED[0]), completed()), 80,
        "I will not", printed="", raw=0),
    ended("completed in progress", completed(status="in_progress"), 81, "in_progress"),
    ended("completed queued", completed(status="queued"), 81, "queued"),
    ended("completed 5", completed(status=5), 81, "5"),
    ended("completed and a list", completed(status=[]), 81, ""),
    ended("completed and failed", completed(status="failed", error=ERROR), 80, "too much"),
    ended("completed and cancelled", completed(status="cancelled"), 80, "cancelled"),
    ended("completed with an error", completed(error=ERROR, output_text=HELLO), 80, "too much"),
    ended("completed with an empty error", completed(error={}), 80, "has an error"),
    ended("completed with an error that is false", completed(error=False), 80, "has an error"),
    ended("incomplete beside it", '{"type":"response.completed","status":"incomplete","response":{}}', 81, ""),
    ended("completed with an error that names a status", completed(error={"code": "HTTP_429"}), 49, ""),
    ended("completed with details", completed(incomplete_details={"reason": "max_output_tokens"}), 81, "max_output"),
    ended("an error without a type", '{"error":{"message":"too much","code":"odd"}}', 80, "too much"),
    ended("an error without a type that names a status", '{"error":{"message":"m","code":"http_503"}}', 53, "m"),
    ended("a detail without a type", '{"detail":"too much"}', 80, "too much"),
    ended("a detail object without a type", '{"detail":{"message":"too much","code":"HTTP 429"}}', 49, "too much"),
    ended("an error that names a status", '{"type":"error","code":"HTTP_429","message":"too much"}', 49, "too much"),
    Row("an error by its SSE name", body(sse(HEL, LO) + sse('{"message":"too much"}', event="error")), 80, "too much",
        printed=HELLO),
    Row("an error by its SSE name, as words", body(sse(HEL) + sse('"too much"', event="error")), 80, "too much",
        printed="Hel"),
    Row("a document with an error", document(output_text=HELLO, error=ERROR), 80, "too much", printed=""),
    Row("a document with details", document(output_text=HELLO, incomplete_details={"reason": "content_filter"}), 81,
        "content_filter", printed=""),
    Row("an incomplete document", document(status="incomplete", output_text="Hel",
        incomplete_details={"reason": "max_output_tokens"}), 81, "max_output_tokens", printed=""),
]  # fmt: skip
ROWS = [*WHOLE, *DAMAGED, *UNSOUND, *ENDS]


def check(run: object, code: int, says: str) -> None:
    """The exit code, and nothing or one line on standard error."""
    stderr = run.stderr.decode()  # type: ignore[attr-defined]
    assert run.returncode == code, run  # type: ignore[attr-defined]
    lines = [line for line in stderr.splitlines() if not line.startswith("hint: ")]
    assert (len(lines), bool(says) and says not in stderr) == (int(code > 0), False), run


@pytest.fixture(scope="module")
def batched() -> dict[str, dict[str, Any]]:
    """The rows that batch writes, by their names: one run for all, one request a connection; a quota ends a run."""
    sound, quota = [row for row in ROWS if row.exit != 49], [[row] for row in ROWS if row.exit == 49]
    written = {}
    for rows in (sound, *quota):
        items = "".join(json.dumps({"custom_id": row.name, "input": "x"}) + "\n" for row in rows)
        with serving(*(row.answer for row in rows)) as server:
            run = eugpt("batch", "-j1", "--retries", "0", base_url=server.base_url, stdin=items.encode())
        assert server.connections == len(rows)
        written.update({line["custom_id"]: line for line in map(json.loads, run.stdout.splitlines())})
    return written


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_row(row: Row, batched: dict[str, dict[str, Any]], tmp_path: Path) -> None:
    file = tmp_path / "answer"
    file.write_text("yesterday")
    options = ("-I", "x", "--retries", "0")
    with serving(row.answer) as server:
        ask = eugpt("ask", *options, base_url=server.base_url)
        kept = eugpt("ask", *options, "-o", str(file), base_url=server.base_url)
        streamed = eugpt("stream", *options, base_url=server.base_url)
        raw = eugpt("raw-events", *options, base_url=server.base_url)
    whole = f"{row.text}\n"
    for run in (ask, kept):
        check(run, row.exit, row.says)
    assert ask.stdout.decode() == (whole if row.is_ok else "")
    assert file.read_text() == (whole if row.is_ok else "yesterday")
    code = row.exit if row.stream is None else row.stream
    check(streamed, code, row.says)
    printed = row.text if row.printed is None else row.printed
    assert streamed.stdout.decode().strip() == printed.strip()
    assert code or streamed.stdout.endswith(b"\n")
    code = row.exit if row.raw is None else row.raw
    check(raw, code, row.says if code == row.exit else "")
    assert all(orjson.loads(line) is not None for line in raw.stdout.splitlines())
    told = batched[row.name]
    assert (told["ok"], told["output_text"]) == ((True, row.text) if row.is_ok else (False, None))
    assert (told["error"] or {"exit": 0})["exit"] == row.exit
    assert row.is_ok or row.says in told["error"]["message"]


def test_there_are_enough_rows() -> None:
    assert len({row.name for row in ROWS}) == len(ROWS) >= 40
