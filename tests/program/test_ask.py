"""`ask` in its forms: the document, a fenced block of the answer, what has arrived before a failure."""

import json
from itertools import permutations

import pytest

from tests.support.forked_program import eugpt
from tests.support.rawserver import SSE_HEAD, chunk, http, serving, sse

FENCED = "Here:\n\n```python\nprint('a')\n```\n\nand\n\n~~~~sh\necho b\n```\nstill\n~~~~\n"


def answer(text: str, status: str = "completed") -> bytes:
    return http(json.dumps({"object": "response", "status": status, "output_text": text}).encode())


@pytest.mark.parametrize(
    ("what", "text", "printed"),
    [
        ("code", FENCED, "print('a')\n"),
        ("code:python", FENCED, "print('a')\n"),
        ("code:SH", FENCED, "echo b\n```\nstill\n"),
        ("code", "```\n```\n", "\n"),
        ("code", "```js\nx\n```", "x\n"),
        ("code", "```py\r\na\r\n```\r\n", "a\r\n"),
        ("code", "- item\n\n  ```py\n  if a:\n\n      b\n  ```\n", "if a:\n\n    b\n"),
        ("code:py", "````md\n```py\na\n```\n````\n```py\nb\n```x\n````\n", "b\n```x\n"),
        ("code:sh", "```x\n" * 50_001 + "```\n```sh\nb\n```", "b\n"),
    ],
)
def test_extract(what: str, text: str, printed: str) -> None:
    with serving(answer(text)) as server:
        run = eugpt("ask", "x", "--extract", what, base_url=server.base_url)
    assert (run.returncode, run.stdout, run.stderr) == (0, printed.encode(), b"")


@pytest.mark.parametrize(("what", "text"), [("code", "no block"), ("code:go", FENCED), ("code", "```\nnever ended")])
def test_nothing_to_extract(what: str, text: str) -> None:
    with serving(answer(text)) as server:
        run = eugpt("ask", "x", "--extract", what, base_url=server.base_url)
    assert (run.returncode, run.stdout) == (82, b"")
    assert run.stderr.startswith(b"eugpt: rejected: the answer contains no ")
    assert run.stderr.count(b"\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [("--extract", "prose"), ("--json", "--extract", "code"), ("--json", "--partial"), ("--partial", "-o", "file")],
)
def test_forms_that_do_not_go_together(arguments: tuple[str, ...]) -> None:
    with serving(answer("x")) as server:
        run = eugpt("ask", "x", *arguments, base_url=server.base_url)
    assert (run.returncode, run.stdout, server.received) == (2, b"", [])


def test_partial_prints_what_has_arrived() -> None:
    delta = '{"type":"response.output_text.delta","delta":"Hel"}'
    with serving(SSE_HEAD + chunk(sse(delta)), answer("half", status="incomplete")) as server:
        cut = eugpt("ask", "x", "--partial", "--retries", "0", base_url=server.base_url)
        incomplete = eugpt("ask", "x", "--partial", base_url=server.base_url)
    assert (cut.returncode, cut.stdout) == (62, b"Hel\n")
    assert (incomplete.returncode, incomplete.stdout) == (81, b"half\n")


CUTS = [
    SSE_HEAD + chunk(sse(json.dumps({"type": "response.output_text.delta", "delta": text})))
    for text in ("He", "Hello w")
]
NOTHING = http(b'{"detail":"busy"}', status="503 Unavailable", extra="Retry-After: 0\r\n")


@pytest.mark.parametrize("order", list(permutations([*CUTS, NOTHING])), ids=range(6))
def test_partial_prints_the_longest_of_all_attempts(order: tuple[bytes, ...]) -> None:
    with serving(*order) as server:
        run = eugpt("ask", "x", "--partial", "--retries", "2", base_url=server.base_url)
    assert (run.returncode, run.stdout) == (53 if order[-1] is NOTHING else 62, b"Hello w\n")
    assert server.connections == 3
