"""What is taken out of an answer: fences against markdown-it, JSON against what a strict reader of it would say."""

import json
import math
from typing import Any

import orjson
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from eugpt_cli.errors import Rejected
from eugpt_cli.run.extraction import LEVELS, NotJson, compact, fenced_blocks, json_value

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats(allow_nan=False, allow_infinity=False)
    # what Python would write as an unpaired surrogate is refused, which is another test
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    max_leaves=20,
)  # fmt: skip
LAYOUTS = st.sampled_from([{"indent": 2}, {"separators": (",", ":")}, {"ensure_ascii": False}, {"indent": "\t"}])
SPACE = st.text(" \t\r\n", max_size=3)
LINES = st.sampled_from(
    ["```", "````", "~~~", "~~~~~", "```json", "``` py x", "~~~ a`b", "```a`b", "  ```", "   ~~~", "x", "  x", "", " "]
)


def closed(document: str) -> list[tuple[str, str]]:
    """The fenced blocks as markdown-it sees them, without one that only the end of the document closes."""
    found = []
    lines = document.split("\n")
    for token in MarkdownIt("commonmark").disable(["code"]).parse(document):
        if token.type == "fence" and token.map:
            first, end = token.map
            last = lines[end - 1].strip()
            if end - 1 > first and len(last) >= len(token.markup) and set(last) == {token.markup[0]}:
                found.append(((token.info.split() or [""])[0], token.content.removesuffix("\n")))
    return found


@given(st.lists(LINES, max_size=12))
@example(["  ```", "   x", " y", "```"])
@example(["~~~ a`b", "x", "~~~"])
def test_fences_are_those_of_commonmark(lines: list[str]) -> None:
    assert list(fenced_blocks("\n".join(lines))) == closed("\n".join(lines))


@given(JSON, LAYOUTS, SPACE, SPACE)
def test_a_value_is_printed_on_one_line_and_stays_the_same(value: Any, layout: Any, before: str, after: str) -> None:
    text = json.dumps(value, **layout)
    printed = compact(before + text + after)
    assert "\n" not in printed
    assert json.loads(printed) == json.loads(text)
    assert printed == compact(printed)


@given(JSON, LAYOUTS)
def test_bare_or_fenced_it_is_the_same(value: Any, layout: Any) -> None:
    text = json.dumps(value, **layout)
    expected = compact(text)
    assert json_value(text) == expected
    assert json_value(f"Here it is:\n\n```json\n{text}\n```\nBye.") == expected
    assert json_value(f"1. first\n\n   ~~~~\n   {text}\n   ~~~~\n") == expected


@given(st.text(max_size=40) | st.text('[]{}",:\\ud8dc00123.eE+-nultrfasNI \n`', max_size=30))
@example('"\\ud800"')
@example("[1e400]")
@example("-Infinity")
@example("20000000000000000001")
def test_what_is_taken_is_taken_by_strict_readers_too(text: str) -> None:
    """Garbage is refused in words; what is not refused, orjson reads as well, in one and the same way."""
    try:
        printed = json_value(text)
    except Rejected:
        return
    assert orjson.loads(printed) == json.loads(printed, parse_int=as_orjson)


def as_orjson(digits: str) -> float:
    """It reads what takes more than 64 bits as a double."""
    number = int(digits)
    return number if -(2**63) <= number < 2**64 else float(digits)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        ("NaN", "NaN is not JSON"),
        ("[-Infinity]", "-Infinity is not JSON"),
        ('{"a":1,"b":2,"a":3}', "the member 'a' occurs twice"),
        ('[{"x":{"a":1,"a":1}}]', "the member 'a' occurs twice"),
        ("1e999", "out of range: 1e999"),
        ("9" * 400, "out of range: 99999999999999999999"),
        ("9" * 100_000, "out of range"),
        (r'"\udc00\ud800"', "an unpaired surrogate"),
        (r'{"\ud800":1}', "an unpaired surrogate"),
        ("[" * (LEVELS + 1) + "]" * (LEVELS + 1), "more than 128 levels"),
        ('{"a":' * 100_000, "more than 128 levels"),
        ("{'a':1}", "line 1, column 2"),
        ('{"a":1,}', "line 1"),
        ('{"a": [1,\n', "line 1"),
        ('{"a":\n[1,]}', "line 2"),
        ("1 2", "extra data"),
        ('{"a":1}\n{"b":2}', "extra data"),
        ('"a\nb"', "control character"),
        ("// no\n1", "line 1"),
        ("01", "extra data"),
        ("\ufeff\ufeff1", "BOM"),
    ],
)
def test_what_is_no_json(text: str, says: str) -> None:
    with pytest.raises(NotJson) as refused:
        compact(text)
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("\ufeff {} ", "{}"),
        ("12.50", "12.50"),
        ("1E+2", "1E+2"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        (str(math.nextafter(math.inf, 0)), "1.7976931348623157e+308"),
        ('{"a b" : "c  d\\" : e" ,\r\n"f":[ ]}', '{"a b":"c  d\\" : e","f":[]}'),
        (r'"\ud83d\ude00 \\ud800"', r'"\ud83d\ude00 \\ud800"'),
        ('{"[": "{{{' + "[" * 300 + '"}', '{"[":"{{{' + "[" * 300 + '"}'),
        ("[" * LEVELS + "]" * LEVELS, "[" * LEVELS + "]" * LEVELS),
        ('"\u2028"', '"\u2028"'),
    ],
)
def test_what_is_printed_is_what_was_written(text: str, printed: str) -> None:
    assert compact(text) == printed


@given(JSON)
def test_two_fences_of_json_are_one_too_many(value: Any) -> None:
    fence = f"```json\n{json.dumps(value)}\n```\n"
    with pytest.raises(Rejected, match="2 fenced blocks"):
        json_value(f"Either\n{fence}or\n{fence}")


@given(JSON)
def test_a_fence_that_only_claims_to_be_json_counts(value: Any) -> None:
    assume(not isinstance(value, str))
    with pytest.raises(Rejected):
        json_value(f"```json\n{json.dumps(value)[:-1]}\x01\n```\n```\n{json.dumps(value)}\n```")
