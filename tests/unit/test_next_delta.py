"""A delta in a read of its own: taken only if the read is what the decoder and the parser would make of it.

Property: however a stream of deltas, comments, ids and damaged events is cut into reads, what is printed is the same as
when it comes byte by byte.
"""

from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eugpt_cli.api.delta_runs import DeltaRun
from eugpt_cli.api.event_reader import MISSES, EventReader
from eugpt_cli.api.events import Event
from eugpt_cli.errors import NotTheApi
from tests.unit.test_delta_runs import COMPLETED, HOSTILE, ODD, plain, same, told

START = b"event: message\ndata: "
END = b"\n\n"


def framed(lines: Sequence[bytes], start: bytes = START) -> list[bytes]:
    return [start + line + END for line in lines]


def short(reads: Sequence[bytes]) -> list[bool]:
    """Of each read, whether it was taken as the delta that was expected."""
    reader, taken = EventReader(), []
    for read in reads:
        events: list[Event | DeltaRun] = []
        with suppress(NotTheApi):
            reader.read(read, events)
        reader.expect(read, events)
        taken.append(len(events) == 1 and isinstance(events[0], DeltaRun))
    return taken


def test_deltas_as_services_write_them_are_expected() -> None:
    texts = [b"a", b"b", b"", "é".encode(), b"\\n", b'\\",\\"delta\\":\\"', b"%d", b"x" * 20_000]
    for start in (START, b"data: ", b"event: 100%d\ndata: "):
        assert short(framed(plain(*texts), start)) == [False] + [True] * (len(texts) - 1)
        assert short(framed(plain(*texts, first=8), start)) == [False] + [True] * (len(texts) - 1)


LIKE_THE_NEXT = [  # the second read is as expected by its ends, or nearly, and is another event or none
    b'event: message\ndata: {"type":"response.output_text.delta","sequence_number":2,"delta":"}\n\n',
    b'event: message\ndata: {"type":"response.output_text.delta","sequence_number":2,"delta":"a","delta":"b"}\n\n',
    b'event: message\ndata: {"type":"response.output_text.delta","sequence_number":2,"delta":"a"}\n\n'
    b'event: message\ndata: {"type":"response.output_text.delta","sequence_number":3,"delta":"b"}\n\n',
    b'event: message\ndata: {"type":"response.output_text.delta","sequence_number":2,"delta":"a\nb"}\n\n',
    b'event: message\ndata: {"type":"response.output_text.delta","sequence_number":2,"delta":"a\rb"}\n\n',
    b'event: message\ndata: {"type":"response.output_text.delta","sequence_number":2,"delta":"\\"}\n\n',
    b'event: message\ndata: {"type":"response.output_text.delta","sequence_number":2,"delta":"\xff"}\n\n',
    b'event: message\ndata: {"type":"response.output_text.delta","sequence_number":2,"delta":"\\ud83d"}\n\n',
    b'event: message\ndata: {"type":"response.output_text.delta","sequence_number":1,"delta":"b"}\n\n',
    b'event: message\ndata: {"type":"response.output_text.delta","sequence_number":3,"delta":"b"}\n\n',
    b'event: message\ndata: {"type":"response.output_text.delta","sequence_number":2,"delta":"b"}\n',
    b'event: message\r\ndata: {"type":"response.output_text.delta","sequence_number":2,"delta":"b"}\r\n\r\n',
    b'id: 5\nevent: message\ndata: {"type":"response.output_text.delta","sequence_number":2,"delta":"b"}\n\n',
]


@pytest.mark.parametrize("read", LIKE_THE_NEXT)
def test_what_is_only_like_it_is_not_taken(read: bytes) -> None:
    first = LIKE_THE_NEXT[-3].replace(b":2,", b":1,") + b"\n"
    assert short([first, first.replace(b":1,", b":2,")]) == [False, True]
    assert short([first, read]) == [False, read.count(b"data") == 2]


BEGUN = [b"da", b"data", b"data: ", b"event: mess", b"event: message\n", b"id: 5\n", b":", b"\r", b"\xef\xbb"]


@pytest.mark.parametrize("start", [START, b"data: "])
@pytest.mark.parametrize("begun", BEGUN)
def test_what_ends_an_event_that_another_read_began_does_not_come_again(begun: bytes, start: bytes) -> None:
    """The rest of an event, alone, means something else."""
    rests = [one.removeprefix(begun) for one in framed(plain(b"a", b"b"), start)]
    alike([begun, *rests])
    alike([*framed(plain(b"x", first=0), start), begun, *rests])


def test_an_index_is_read_the_same_in_each_delta() -> None:
    """The first delta has half a character, for which another parser reads it: one that knows longer integers."""
    lines = [same(1, "\\ud83d", index="9" * 20), same(2, index="9" * 20), same(3, index="9" * 20)]
    alike(framed(lines))


@pytest.mark.parametrize("lines", ODD)
def test_members_that_look_alike_are_told_apart(lines: list[bytes]) -> None:
    alike(framed(lines))


def alike(reads: list[bytes]) -> None:
    """Fails unless the stream says the same in these reads and byte by byte."""
    reads = [*reads, *framed([COMPLETED])]
    for kind in ("raw", "live", "whole"):
        assert told(iter(reads), kind) == told(iter([bytes([byte]) for byte in b"".join(reads)]), kind)


def test_after_some_misses_nothing_is_expected_any_more() -> None:
    odd = framed([line.replace(b'"}', b'","x":"%d"}' % n) for n, line in enumerate(plain(*[b"a"] * 9))])
    plainly = framed(plain(*[b"a"] * 9, first=10))
    assert not any(short([*odd, *plainly]))
    assert any(short([*odd[: MISSES - 1], *plainly]))
    assert all(short([*odd[: MISSES - 1], *plainly[:2], odd[0], *plainly])[-8:])


PIECES = st.one_of(
    st.tuples(st.sampled_from([START, b"data: ", b"event: error\ndata: "]), st.sampled_from([0, 0, 0, 1, -1, 5])),
    st.sampled_from(
        [b":\n", b"id: 7\n", b"\n", b"\r\n", b"data: x\n\n", b"retry: 5\n\n", b"\xef\xbb\xbf", b"event: x\n"]
    ),
    st.sampled_from(HOSTILE),
)


@st.composite
def streams(draw: st.DrawFn) -> tuple[bytes, list[int]]:
    """A stream, and where it is cut: at each event, and elsewhere."""
    data, number, cuts = b"", 1, []
    for piece in draw(st.lists(PIECES, min_size=4, max_size=12)):
        if isinstance(piece, bytes):
            at = draw(st.integers(0, 40)) if draw(st.booleans()) else 0
            data = data[: len(data) - at] + piece + data[len(data) - at :]
        else:
            start, step = piece
            number += step
            data += framed(plain(draw(st.sampled_from([b"a", b" law", b"", b"\\n", b'\\"'])), first=number), start)[0]
            number += 1
        cuts.append(len(data))
    cuts += draw(st.lists(st.integers(0, len(data)), max_size=3))
    return data, sorted({0, *cuts, len(data)})


@settings(max_examples=1500, derandomize=True)
@given(streams())
def test_however_a_stream_is_cut_it_says_the_same(stream: tuple[bytes, list[int]]) -> None:
    data, cuts = stream
    alike([data[a:b] for a, b in pairwise(cuts)])
