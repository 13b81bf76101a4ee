"""The decoder against the standard's own rules, and against every cut of its input."""

from itertools import pairwise
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from eugpt_cli.api.sse import Decoder


class Frame(NamedTuple):
    """One event: its name, its data lines joined by LF, the last id seen."""

    event: str
    data: bytes
    id: str


def fed(decoder: Decoder, chunk: bytes) -> list[Frame]:
    return [Frame(run.event, data, run.id) for run in decoder.runs(chunk) for data in run.each]


CASES: dict[bytes, list[Frame]] = {
    b"data: a\n\n": [Frame("message", b"a", "")],
    b"data:a\r\n\r\n": [Frame("message", b"a", "")],
    b"data\r\r": [Frame("message", b"", "")],
    b"data: a\ndata: b\n\n": [Frame("message", b"a\nb", "")],
    b"data:  a\n\n": [Frame("message", b" a", "")],
    b"\xef\xbb\xbfdata: a\n\n": [Frame("message", b"a", "")],
    b"event: x\nid: 7\ndata: a\n\ndata: b\n\n": [Frame("x", b"a", "7"), Frame("message", b"b", "7")],
    b"event: x\n\ndata: a\n\n": [Frame("message", b"a", "")],
    b": comment\n\nid: 1\n\nretry: 5\n\n": [],
    b"id: a\0b\ndata: a\n\n": [Frame("message", b"a", "")],
    b"data: a": [],
    b"data: a\n": [],
    "data: \u2028\x85é\n\n".encode(): [Frame("message", "\u2028\x85é".encode(), "")],
    b"event: \xff\ndata: \xff\n\n": [Frame("\ufffd", b"\xff", "")],
    b"other: x\ndata: a\n\n": [Frame("message", b"a", "")],
}


def test_the_rules() -> None:
    for text, frames in CASES.items():
        assert fed(Decoder(), text) == frames, text
        bytewise = Decoder()
        assert [frame for byte in text for frame in fed(bytewise, bytes([byte]))] == frames, text


def test_retry_and_a_cr_at_the_end_of_a_chunk() -> None:
    decoder = Decoder()
    assert fed(decoder, b"retry: 250\rdata: a\r\r") == [Frame("message", b"a", "")]
    assert fed(decoder, b"\ndata: b\n\n") == [Frame("message", b"b", "")]
    assert decoder.retry == 250
    fed(decoder, b"retry: x1\n\nretry: " + b"9" * 5000 + b"\n\n")
    assert decoder.retry == 250


LINES = st.sampled_from(
    [
        b"",
        b"",
        b"data: a",
        b"data:",
        b"data",
        b"event: e",
        b"id: 1",
        b"id",
        b": c",
        b"data: \xe2\x80\xa8",
        b"retry: 9",
        b"x",
    ]
)
ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])


@given(st.lists(st.tuples(LINES, ENDS), max_size=20), st.lists(st.integers(0, 200), max_size=8), st.booleans())
def test_every_cut_gives_the_same_frames(lines: list[tuple[bytes, bytes]], cuts: list[int], bom: bool) -> None:
    text = (b"\xef\xbb\xbf" if bom else b"") + b"".join(line + end for line, end in lines)
    places = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    decoder = Decoder()
    pieces = [frame for a, b in pairwise(places) for frame in fed(decoder, text[a:b])]
    assert pieces == fed(Decoder(), text)


@given(st.binary(max_size=300))
def test_garbage_never_surprises(data: bytes) -> None:
    whole, bytewise = Decoder(), Decoder()
    assert fed(whole, data) == [frame for byte in data for frame in fed(bytewise, bytes([byte]))]
    assert whole.retry == bytewise.retry
