"""raw-events, whatever the service sends: each line on standard output is JSON, or the exit is not 0.

A few dozen streams, the same ones every time; `python -m tests.program.test_raw_lines 3000` tries that many others.
"""

import json
import sys
import time
from random import Random

import pytest

from tests.support.forked_program import eugpt
from tests.support.rawserver import SSE_HEAD, chunk, serving

CASES = 40
DELTA = b'{"type":"response.output_text.delta","sequence_number":%d,"delta":"%s"}'
TEXTS = (b"a", b" law", b"\\n", b"\\u00e9", "é".encode(), b'\\"', b"")
COMPLETED = b'{"type":"response.completed","response":{"status":"completed","output":[]}}'
SOUND = (
    b'{"type":"response.odd"}', b'{ "type" : "x", "n": 1e5 }', b'{"type":"x","deep":[[[{}]]]}', b"[DONE]", b"",
    '{"type":"x","u":"\u2028"}'.encode(), b'{"type":"x"}\ndata:', b'{"type":\ndata: "x"}',
)  # fmt: skip
HOSTILE = (
    b"\xef\xbb\xbf", b"\xff", b"\xed\xa0\x80", b"\\ud800", b"NaN", b"1e999", b"\0", b"\t", b"\r", b"\n", b"\n\n", b"\\",
    b'"', b"{", b"}", b"[", b"]", b",", b":", b"null", b"data: ", b"event: x\n", b"id: 5\n", b"\n ", b"},{", b'"}\n',
    b'],[', b'"type":5,', b'"delta":5,', b"[" * 1100, b"'", b"/**/", b"\xe2\x80\xa8", b"\xc2\x85",
)  # fmt: skip
OPTIONS = ((), (), (), ("--trailer",), ("--type", "*.delta"), ("-o", "/dev/stdout"))


def body(random: Random) -> bytes:
    """Events, most of them deltas that follow each other, with something hostile in up to three places."""
    name = random.choice((b"", b"event: message\n"))
    count = random.choice((0, 1, 3, 40))
    events = [DELTA % (n, random.choice(TEXTS)) for n in range(count)]
    for _ in range(random.choice((0, 0, 1, 2))):
        events.insert(random.randint(0, len(events)), random.choice(SOUND))
    data = b"".join(b"%bdata: %b\n\n" % (name, event) for event in [*events, COMPLETED])
    for _ in range(random.choice((0, 1, 1, 2, 3))):
        at = random.randint(0, len(data))
        data = data[:at] + random.choice(HOSTILE) + data[at + random.choice((0, 0, 1, 5)) :]
    return data


def check(seed: int) -> int:
    """One stream, in one piece or in several; the exit. Fails by an AssertionError."""
    random = Random(seed)
    data = body(random)
    size = random.choice((len(data), 1000, 70))
    pieces = b"".join(chunk(data[at : at + size]) for at in range(0, len(data), size))
    with serving(SSE_HEAD + pieces + b"0\r\n\r\n") as server:
        run = eugpt("raw-events", "x", "--retries", "0", *random.choice(OPTIONS), base_url=server.base_url)
    assert run.returncode == 0 or run.stderr.startswith(b"eugpt: "), (seed, data, run)
    assert b"Traceback" not in run.stderr, (seed, data, run)
    *lines, rest = run.stdout.split(b"\n")
    assert not rest, (seed, data, run)
    for line in lines:
        try:
            json.loads(line.decode())
        except ValueError:
            raise AssertionError((seed, line, data, run)) from None
    return run.returncode


@pytest.mark.parametrize("seed", range(CASES))
def test_each_line_is_json(seed: int) -> None:
    assert check(seed) in (0, 62, 63, 80, 81)


def test_the_cases_end_in_both_ways() -> None:
    assert {check(seed) for seed in range(8)} >= {0, 63}


def main(count: int) -> None:
    """Prints how many of the cases ended with which exit."""
    begin, exits = time.time_ns(), dict[int, int]()
    for seed in range(begin, begin + count):
        code = check(seed)
        exits[code] = exits.get(code, 0) + 1
    sys.stdout.write(f"{count} cases from {begin}: {exits}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]))
