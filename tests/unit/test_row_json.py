"""Rows written and read back: whatever the service sent, the next run knows the item, its request and its end."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from eugpt_cli.api.events import Event, parse
from eugpt_cli.api.outcome import Outcome
from eugpt_cli.batch.items import Item
from eugpt_cli.batch.row_json import row_of, with_line
from eugpt_cli.batch.rows import AnswerRecorder, maker
from eugpt_cli.errors import EugptError, NotTheApi, StatusError
from eugpt_cli.text.json_members import members

ASKED: dict[str, Any] = {"custom_id": "a", "request": "0123456789abcdef01234567", "line": 7}
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(10**18, 10**400)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec=None, exclude_categories=()))
)
names = st.text(st.characters(codec=None, exclude_categories=()), max_size=5) | st.sampled_from(
    ["ok", "line", "custom_id"]
)
documents = st.recursive(scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4))
layouts = st.sampled_from([{}, {"indent": 2}, {"ensure_ascii": False}])


def nested(value: Any, depth: int) -> str:
    return "[" * depth + json.dumps(value) + "]" * depth


def item_of(custom_id: str | int | None) -> Item:
    return Item(7, custom_id, None, None, 1, ASKED["request"])


def row(raw: bytes, key: str = "", fault: EugptError | None = None, custom_id: str | int | None = "a") -> bytes:
    """The row of an item whose answer is this document."""
    answer = AnswerRecorder()
    document = parse(raw)
    answer.document(document, raw)
    usage = document.get("usage")
    outcome = Outcome()
    outcome.usage, outcome.attempts, outcome.model = usage, 1, document.get("model")
    return maker(True, key, usage=True)(item_of(custom_id), outcome, answer, fault, 0.5)


@given(documents, documents, layouts, st.integers(0, 1300), st.booleans())
@example(10**400, {"total_tokens": 10**400}, {}, 1020, False)
@example("\ud800", {"a": 1e999, "b": 1 << 70}, {"indent": 1}, 0, True)
def test_what_is_written_is_read(value: Any, usage: Any, layout: dict[str, Any], depth: int, bom: bool) -> None:
    document = {"status": "completed", "usage": usage, "\ud800": value}
    raw = json.dumps(document, **layout).replace("Infinity", "1e999").encode("utf-8", "surrogatepass")
    raw = raw[:-1] + b',"x":' + nested(value, depth).encode() + b"}"
    try:
        line = row(b"\xef\xbb\xbf" * bom + raw)
    except NotTheApi:  # too deep for the parser of the document
        assert depth > 900
        return
    assert line.count(b"\n") == 1
    assert line.endswith(b'"line":7}\n')
    line.decode()
    found = row_of(line)
    assert found is not None
    assert {name: found[name] for name in ASKED} == ASKED
    assert found["ok"] is True
    assert row_of(line[:-2]) is None
    moved = with_line(line, 12)
    assert moved == line[: -len("7}\n")] + b"12}\n"
    foreign = line[:-2] + b',"more":1}\n'
    again = row_of(with_line(foreign, 12))
    assert again is not None
    assert again["line"] == 12
    assert members(with_line(foreign, 12))["response"] == members(line)["response"]


@pytest.mark.parametrize(
    "number", ["18446744073709551617", "1.00000000000000000000000001", "1e999", "-0.0", "1" + "0" * 400]
)
def test_numbers_stay_as_the_service_wrote_them(number: str) -> None:
    line = row(b'{\r\n  "status" : "completed",\r\n  "x": %s\r\n}\r\n' % number.encode())
    assert members(line)["response"] == b'{"status" : "completed","x": %s}' % number.encode()


def test_the_response_of_a_stream() -> None:
    raw = b'{"type":"response.completed","\\ud800":1,"response":{"id":"r","x":1e999,"output_text":"hi"}}'
    answer = AnswerRecorder()
    fields = parse(raw)
    answer.write_events(b"", [Event("response.completed", fields, raw)])
    answer.finish(fields["response"])
    assert (answer.text, answer.response) == ("hi", b'{"id":"r","x":1e999,"output_text":"hi"}')


OURS = ["custom_id", "attempts", "server_error", "request", "kind", "true", "false", "null", "password", "http_status"]
signs = st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="\"'\\")
keys = st.sampled_from(OURS) | st.text(signs, min_size=1)


@given(keys, st.booleans(), st.sampled_from(["a", "reset-{}", "{}"]))
@example("reset-password", False, "{}")
def test_no_key_changes_what_is_ours(key: str, fails: bool, form: str) -> None:
    custom_id = form.replace("{}", key)
    fault = StatusError(f"no such key: {key}", status=500, detail={"key": [key]}) if fails else None
    told = orjson.dumps({"model": key, "output_text": key})
    plain, masked = (json.loads(row(told, secret, fault, custom_id)) for secret in ("", key))
    answer = "eugpt_***" if len(key) >= 16 else key
    assert list(masked) == list(plain)
    assert masked["custom_id"] == custom_id
    assert masked["model"] == answer
    assert answer in masked["response"]["output_text"]
    if fails:
        shown = "eugpt_***" if len(key) >= 8 else key
        assert masked["error"]["kind"] == "server_error"
        assert masked["error"]["message"] == plain["error"]["message"].replace(key, shown)
        assert masked["error"]["detail"] == {"key": [shown]}
    for name in ("ok", "attempts", "at", "request", "line", "conversation_id"):
        assert masked[name] == plain[name]


def test_a_key_in_a_response_is_masked_in_each_spelling() -> None:
    key = "eugpt_secret-of-16+"
    spelt = "".join(f"\\u00{ord(sign):02x}" for sign in key).encode()
    line = row(b'{"a":"%b","b":"%b"}' % (key.encode(), spelt), key)
    assert json.loads(line)["response"] == {"a": "eugpt_***", "b": "eugpt_***"}
