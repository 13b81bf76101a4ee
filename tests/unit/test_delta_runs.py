"""Runs of deltas, and lines that are almost such: a run is only what its events are, one by one.

Deltas in one of many shapes, and then something hostile in up to three places. Properties: each line of a run is one
sound delta, and what the run says is what they say; however a stream is cut into reads, what is printed and how it ends
is the same, whether its deltas came in runs, in reads of their own (`next_delta`), or in a form that has no short path.

The suite tries a few thousand; `python -m tests.unit.test_delta_runs 100000` tries that many, in several processes.
"""

import json
import sys
import time
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise
from random import Random
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eugpt_cli.api.delta_runs import _of_one_shape, delta_run
from eugpt_cli.api.events import DELTA, key_of
from eugpt_cli.api.exchange import _stream
from eugpt_cli.api.observer import Observer
from eugpt_cli.api.outcome import Outcome
from eugpt_cli.api.writer import Writer
from eugpt_cli.errors import EugptError
from eugpt_cli.http.response import Fields, Response
from eugpt_cli.http.silence import SilenceTimer
from eugpt_cli.output.writers import NdjsonWriter, TextWriter

TYPE = '"type":"response.output_text.delta"'
PLACE = (
    '"output_index":0,"content_index":0',
    '"item_id":"%d%b%%","output_index":1,"content_index":0',
    '"x":{}',
    '"x":[1]',
)
NUMBER, TEXT = '"sequence_number":{n}', '"delta":"{text}"'
TEXTS = (
    "a", " law", "", "\\n", "\\u00e9", "é", "\U0001f600", '\\"', "\\\\", '\\",\\"delta\\":\\"', "%d", "%b", "%", "\\/",
    '{\\"sequence_number\\":1}', "\\ud83d\\ude00", "\u2028", "x" * 300,
)  # fmt: skip
HOSTILE = (
    b"\xef\xbb\xbf", b"\xff", b"\xc3", b"\xa9", b"\xed\xa0\x80", b"\\ud83d", b"\\ude00", b"\\ud8", b"\\u00", b"\\u",
    b"e9", b"\\", b"\\\\", b'"', b'\\"', b'","delta":"', b'","sequence_number":7,"delta":"', b',"delta":"', b'"}',
    b'"},{"', b"}", b"{", b"]", b"[", b",", b":", b" ", b"\t", b"\0", b"\x1f", b"\x7f", b"0", b"1", b"-", b".0",
    b"e0", b"e", b"true", b"null", b'"1"', b"99999999999999999999", b"18446744073709551615", b"%", b"%d", b"NaN",
    b"[" * 1100, b'"type":"error",', b'"delta":5,', b',"delta":5', b',"delta":null', b',"sequence_number":1',
    b',"typ\\u0065":"error"', b'"x":{"delta":"y"},', b',"output_index":0.0', b',"output_index":1',
    b',"output_index":"0"', b',"response":{"id":"r"}', b"\xe2\x80", b"\xa8",
)  # fmt: skip
HALVES = [  # of an escape or a character, in the texts of two deltas
    (b"\\", b"n"),
    (b"\\u00", b"e9"),
    (b"\\u", b"00e9"),
    (b"\xc3", b"\xa9"),
    (b"\\ud83d", b"\\ude00"),
    (b"\\", b'",\\'),
]
COMMENT = b":\n"  # before an event it changes nothing, and is on no short path
COMPLETED = b'{"type":"response.completed","response":{"status":"completed","output":[]}}'


def lines_of(random: Random) -> list[bytes]:
    """The data of deltas: all of one shape, or with another one among them."""
    shapes = [_shape(random)] * 8 + [_shape(random)] * random.choice((0, 0, 0, 1))
    first, count = random.choice((0, 1, 1, 7, 97, 999_999, (1 << 64) - 3, 10**20)), random.choice((2, 3, 5, 12))
    steps = [1] * count
    if random.random() < 0.15:
        steps[random.randrange(count)] = random.choice((0, 2, -1, -3, 10**6))
    texts = [random.choice(TEXTS) for _ in steps]
    if random.random() < 0.1:
        at = random.randrange(count - 1)
        texts[at : at + 2] = [half.decode(errors="surrogateescape") for half in random.choice(HALVES)]
    lines = [
        random.choice(shapes).replace("{n}", str(first + sum(steps[:n]))).replace("{text}", text)
        for n, text in enumerate(texts)
    ]
    return [line.encode(errors="surrogateescape") for line in lines]


def _shape(random: Random) -> str:
    members = [TYPE, NUMBER, random.choice(PLACE), TEXT]
    if random.random() < 0.25:
        random.shuffle(members)
    if random.random() < 0.2:
        members.remove(NUMBER)
    if random.random() < 0.2:
        members.insert(random.randrange(4), random.choice([*members, '"logprobs":[]', '"x":{"delta":"{text}"}']))
    shape = "{" + ",".join(members) + "}"
    return shape.replace('":', '": ').replace(",", ", ") if random.random() < 0.2 else shape


def spoilt(lines: list[bytes], random: Random) -> list[bytes]:
    """Something hostile in up to three lines; at times in the same place of two, or of all that follow one."""
    for _ in range(random.choice((0, 0, 1, 1, 2, 3))):
        at, last = random.randrange(len(lines)), random.choice((0, 0, 1, len(lines)))
        word, cut = random.choice(HOSTILE), random.choice((0, 0, 0, 1, 2, 30))
        place = random.choice((random.random(), random.choice((b'"delta":', b'":', b'"}', b",", b"}"))))
        lines[at : at + 1 + last] = [_with(line, place, word, cut) for line in lines[at : at + 1 + last]]
    if random.random() < 0.1:
        at = random.randrange(len(lines))
        lines[at:at] = [random.choice((lines[at], b"", b"[DONE]", b"null", b"[]", COMPLETED))]
    return lines


def _with(line: bytes, place: float | bytes, word: bytes, cut: int) -> bytes:
    """The line with a word after, or before, a part of it; so many bytes of it are lost there."""
    at = int(place * len(line)) if isinstance(place, float) else line.rfind(place) + (len(place) if cut == 1 else 0)
    at = max(at, 0)
    return line[:at] + word + line[at + (cut if cut != 1 else 0) :]


def check_run(lines: list[bytes]) -> bool:
    """Whether they are a run, all the lines of which are sound. Fails by an AssertionError."""
    run = delta_run(lines)
    if not run:
        return False
    events = [orjson.loads(line) for line in lines]
    assert all(isinstance(event, dict) and event["type"] == DELTA for event in events), lines
    assert [json.loads(line.decode())["delta"] for line in lines] == [event["delta"] for event in events], lines
    assert run.text == "".join([event["delta"] for event in events]), lines
    assert _exact(run.key) == _exact(key_of(events[0])), lines
    numbers = [event.get("sequence_number") for event in events]
    assert _exact(numbers) == _exact([None] * len(lines) if run.numbers is None else list(run.numbers)), lines
    for name in ("output_index", "content_index"):
        assert len({_exact(event.get(name)) for event in events}) == 1, lines
    assert (run.each, run.lines(), run.length) == (lines, b"".join(line + b"\n" for line in lines), len(lines))
    return True


def _exact(value: Any) -> str:
    """0, 0.0 and False differ."""
    return repr(value)


def told(pieces: Iterator[bytes], kind: str) -> tuple[bytes, str]:
    """What is printed of a stream, and how it ends."""
    out: list[bytes] = []
    writer: Writer = (
        NdjsonWriter(out.append, ()) if kind == "raw" else TextWriter(out.append, None, live=kind == "live")
    )
    outcome = Outcome()
    try:
        _stream(Response(200, "OK", Fields([]), pieces), SilenceTimer(60), writer, outcome, Observer())
    except EugptError as fault:
        return b"".join(out), f"{type(fault).__name__}: {fault.message}"
    return b"".join(out), f"{outcome.events} events, {outcome.response_id}"


def check(seed: int) -> bool:
    """One case; whether its lines were a run. Fails by an AssertionError."""
    random = Random(seed)
    lines = spoilt(lines_of(random), random)
    is_run = check_run(lines)
    begin = random.choice((b"data: ", b"event: message\ndata: "))
    frames = [begin + line + b"\n\n" for line in [*lines, COMPLETED]]
    data = b"".join(frames)
    cuts = sorted({0, len(data), *(random.randrange(len(data)) for _ in range(random.choice((0, 0, 1, 3))))})
    for kind in ("raw", "live", "whole"):
        reads = told(iter([data[a:b] for a, b in pairwise(cuts)]), kind)
        assert reads == told(iter(frames), kind), (seed, kind, lines, cuts)
        assert reads == told((COMMENT + frame for frame in frames), kind), (seed, kind, lines)
    return is_run


@settings(max_examples=3000, derandomize=True)
@given(st.integers(0, 1 << 62))
def test_a_run_is_what_its_events_are_one_by_one(seed: int) -> None:
    check(seed)


def test_many_cases_are_runs_and_many_are_none() -> None:
    runs = sum(check(seed) for seed in range(500))
    assert 70 < runs < 400


PLAIN = b'{"type":"response.output_text.delta","sequence_number":%d,"item_id":"100%%","output_index":0,"delta":"%b"}'


def plain(*texts: bytes, first: int = 1) -> list[bytes]:
    return [PLAIN % (number, text) for number, text in enumerate(texts, first)]


def shaped(lines: list[bytes]) -> bool:
    """Whether they are taken by their common shape."""
    return _of_one_shape(lines, b"".join(line + b"\n" for line in lines)) is not None


def test_deltas_as_services_write_them_are_taken_by_their_shape() -> None:
    for text in (b"a", "é".encode(), b"\\n", b'\\",\\"delta\\":\\"', b"%d", b""):
        assert shaped(plain(b"x", text, b"y"))
        assert shaped([line.replace(b'"}', b'","logprobs":[]}') for line in plain(b"x", text)])


def same(number: object, text: str = "a", more: str = "", index: str = "0") -> bytes:
    head = f'{{"type":"{DELTA}","sequence_number":{number},"output_index":{index},"delta":"{text}"'
    return f"{head}{more}}}".encode()


ODD = [
    [same(1, more=',"x":{"delta":"b"}'), same(2, more=',"x":{"delta":"c"}')],
    [same(1, more=',"delta":"b"'), same(2, more=',"delta":"c"')],
    [same(1, more=',"sequence_number":7'), same(2, more=',"sequence_number":7')],
    [same(1, more=',"type":"error"'), same(2, more=',"type":"error"')],
    [same(1), same(2, index="0.0")],
    [same(1), same(2, index="false")],
    [same(1), same("2.0")],
    [same(0), same("true")],
    [same(9), same(10)],
    [same(10**20), same(10**20 + 1)],
    [same(-1), same(0)],
]


@pytest.mark.parametrize("lines", ODD)
def test_members_that_look_alike_are_told_apart(lines: list[bytes]) -> None:
    check_run(lines)


@pytest.mark.parametrize("halves", HALVES)
def test_no_text_makes_up_for_the_one_before_it(halves: tuple[bytes, bytes]) -> None:
    assert delta_run(plain(b"x", *halves)) is None


BARE = b'{"type":"response.output_text.delta","delta":"x"}'
UNSOUND = [
    b'{"type":"response.output_text.delta","delta":5}',
    b'{"type":"response.output_text.delta"}',
    b'{"type":"response.output_text.delta","delta":"x"',
    b'{"type":"response.output_text.delta","delta":"x"},{}',
    b'{"type":"response.output_text.delta","delta":"\xff"}',
    b'{"type":"response.output_text.delta","delta":"\xed\xa0\x80"}',
    b'\xef\xbb\xbf{"type":"response.output_text.delta","delta":"x"}',
    b'{"type":"response.output_text.delta","delta":"x","type":"error"}',
    b'{"type":"response.output_text.delta","delta":"x","typ\\u0065":"error"}',
    b'[{"type":"response.output_text.delta","delta":"x"}]',
    b"",
    b"null",
]


@pytest.mark.parametrize("line", UNSOUND)
def test_no_run_has_an_unsound_line(line: bytes) -> None:
    assert delta_run([BARE] * 3)
    for at in range(4):
        assert delta_run([*[BARE] * at, line, *[BARE] * (3 - at)]) is None


def test_lines_do_not_make_up_for_each_other() -> None:
    """In one array these are as many values as lines, each second one a delta."""
    lines = [BARE + b",5," + BARE, BARE[:-1] + b',"y":[{"z":1}', BARE[:-1] + b"}]}"]
    assert [value["type"] for value in json.loads(b"[" + b",0,".join(lines) + b"]")[::2]] == [DELTA] * 3
    assert delta_run(lines) is None


def test_a_long_first_line_does_not_make_all_lines_long() -> None:
    """A thousand lines like the first would be a hundred megabytes; the last one is such a line."""
    long = PLAIN.replace(b"100", b"x" * 100_000)
    lines = [long % (1_000, b""), *[b"{}"] * 1_000, long % (2_001, b"")]
    tracemalloc.start()
    try:
        assert delta_run(lines) is None
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


def run(begin: int, count: int) -> int:
    """So many cases; how many of them were runs."""
    return sum(check(seed) for seed in range(begin, begin + count))


def main(count: int, processes: int = 2) -> None:
    """Prints how many cases held."""
    begin, started = time.time_ns(), time.monotonic()
    share = count // processes
    with ProcessPoolExecutor(processes) as pool:
        for runs in pool.map(run, [begin + n * share for n in range(processes)], [share] * processes):
            sys.stdout.write(f"{share} cases, {runs} of them runs\n")
    sys.stdout.write(f"{time.monotonic() - started:.0f} s\n")


if __name__ == "__main__":
    main(int(sys.argv[1]))
