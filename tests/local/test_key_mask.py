"""The real key reaches neither a recording nor COMMAND nor the journal, however JSON spells it."""

import json
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eugpt_cli.local.rehearsal.key_mask import KeyMask, KeyMasker

from .conftest import Start
from .test_recording import SECRET, recorder

KEY = 'eugpt_n"u/0+b=end'
"""A key with what JSON escapes, but for the backslash, and with letters of its escapes."""
CUTS = st.lists(st.integers(1, 300), max_size=12)


def spellings_of(character: str) -> list[str]:
    """How JSON may write it in a text."""
    plain = [] if character in '"\\' else [character]
    short = [f"\\{character}"] if character in '"\\/' else []
    return [*plain, *short, f"\\u{ord(character):04x}", f"\\u{ord(character):04X}"]


def nested(spelled: str, depth: int) -> str:
    """What is in a JSON text, in a JSON text in a JSON text, and so on."""
    for _ in range(depth):
        spelled = json.dumps(spelled)[1:-1]
    return spelled


SPELLED = st.tuples(*(st.sampled_from(spellings_of(character)) for character in KEY)).map("".join)
WORDS = st.lists(st.sampled_from(["x", "\\n", "\\\\", "\\u00e9", "\\/", KEY[:4], "é", "\\u0065", " "]), max_size=6)


def fed(data: bytes, cuts: Iterable[int]) -> bytes:
    """The data through the masker, in pieces of these sizes."""
    masker, out, at = KeyMasker(KeyMask(KEY)), b"", 0
    for size in cuts:
        out += masker.feed(data[at : at + size])
        at += size
    return out + masker.feed(data[at:]) + masker.rest()


def meanings(text: str, depth: int) -> list[str]:
    """A text, what it means as JSON, what that means as JSON, and so on."""
    read = [text]
    for _ in range(depth):
        read.append(json.loads(f'"{read[-1]}"'))
    return read


@given(SPELLED, st.integers(0, 3), WORDS, WORDS, CUTS)
def test_each_spelling_is_masked_in_whatever_pieces_it_arrives(
    spelled: str, depth: int, before: list[str], after: list[str], cuts: list[int]
) -> None:
    text = "".join(before) + spelled + "".join(after)
    data = nested(text, depth).encode()
    out = fed(data, cuts)
    assert len(out) == len(data)
    assert out == KeyMask(KEY).applied(data)
    assert all(KEY not in meaning for meaning in meanings(out.decode(), depth + 1)), "and it is JSON as before"
    short = KeyMask(KEY).applied(data, b"***").decode()
    assert all(KEY not in meaning for meaning in meanings(short, depth + 1))


PARTS = st.sampled_from(
    [*KEY, KEY[:6], KEY[:-1], "\\/", "\\u0065", "\\u007", "\\u", "\\", "\\\\", "\\\\u0065", "\n", "é"]
)


@given(st.lists(PARTS, max_size=30).map("".join), CUTS)
def test_all_else_is_exact(text: str, cuts: list[int]) -> None:
    data = text.encode()
    if KEY not in text.replace("\\u0065", "e").replace("\\", "") and KEY not in text:
        assert fed(data, cuts) == data == KeyMask(KEY).applied(data)


def test_what_is_no_key_is_passed_on_at_once() -> None:
    masker = KeyMasker(KeyMask(KEY))
    assert masker.feed(b'data: "eugpt"\n\n') == b'data: "eugpt"\n\n'
    assert masker.feed(b"ends with eugpt_") == b"ends with "
    assert masker.feed(b"x and \\u00") == b"eugpt_x and "
    assert masker.rest() == b"\\u00"


def test_a_run_of_backslashes_takes_no_longer_than_its_length() -> None:
    data = b"\\" * 2_000_000 + b"x"
    assert fed(data, [100_000] * 19) == data


ESCAPED = "\\u0065ugpt_the\\u002Dreal-ke\\u0079"
SENT = [
    f'body = \'{{"status":"completed","output_text":"{ESCAPED}"}}\'\nheaders = {{ Content-Type = "application/json" }}',
    f'events = [\'{{"type":"response.output_text.delta","delta":"{ESCAPED}"}}\', '
    '{ type = "response.completed", response = { status = "completed" } }]',
    f'status = 401\nheaders = {{ X-Request-Id = "{SECRET}" }}\nbody = \'{{"detail":"{ESCAPED}"}}\'',
]


@pytest.mark.parametrize("table", SENT)
def test_an_upstream_that_echoes_the_key_in_escapes(start: Start, tmp_path: Path, table: str) -> None:
    assert json.loads(f'"{ESCAPED}"') == SECRET
    (tmp_path / "s.toml").write_text(f"[[request]]\n{table}\n")
    upstream = start(key=SECRET, scenario=str(tmp_path / "s.toml"))
    server = recorder(start, upstream, tmp_path / "r")
    request = f'{{"input":"It is {ESCAPED}.","stream":false}}'
    response = server.post(request.encode())
    written = [file.read_text() for file in (tmp_path / "r").iterdir()]
    assert len(written) == 1
    recorded = json.loads(written[0])
    parts = [recorded["request"]["body"], *(piece["text"] for piece in recorded["response"]["pieces"])]
    for text in (response.text, "".join(response.headers.values()), written[0], *parts):
        assert SECRET not in text
        assert ESCAPED not in text
    assert "*" * len(ESCAPED) in response.text
    assert "*" * len(ESCAPED) in recorded["request"]["body"]


def test_the_journal_masks_what_is_no_json_too(start: Start, tmp_path: Path) -> None:
    server = start(journal=str(tmp_path / "j"), key=SECRET)
    server.post(f'{{broken "{ESCAPED}'.encode())
    server.post({"input": json.dumps({"key": SECRET}).replace(SECRET, ESCAPED)})
    lines = (tmp_path / "j").read_text().splitlines()
    assert [json.loads(line)["status"] for line in lines] == [400, 200]
    assert all("eugpt_***" in line and "the" not in line.partition("eugpt_***")[2][:4] for line in lines)
    assert all("u0065" not in line for line in lines)
