"""On a real terminal nothing that comes from the service commands it; into a pipe every byte is exact. Section 5."""

import json
import re

import pytest

from tests.support.program import eugpt
from tests.support.rawserver import SSE_HEAD, Script, chunk, http, serving, sse, stream
from tests.support.terminal import on_terminal

SEQUENCES = {
    "OSC 52": "\x1b]52;c;ZXZpbA==\x07",
    "OSC 52, ST": "\x1b]52;c;ZXZpbA==\x1b\\",
    "OSC 52, C1": "\x9d52;c;ZXZpbA==\x9c",
    "OSC 8": "\x1b]8;;http://a.example\x1b\\b\x1b]8;;\x1b\\",
    "CSI": "\x1b[2J\x1b[31;1m\x1b[6n",
    "CSI, C1": "\x9b2J\x9b31m",
    "DCS": "\x1bP$q\x1b\\\x90q\x9c",
    "other C0": "\x00\x01\x05\x07\x08\x0b\x0c\r\x0e\x0f\x1f",
    "DEL": "a\x7f\x7fb",
    "other C1": "\x80\x84\x85\x8d\x9e\x9f",
    "bidi overrides": "\u202atxt.\u202bexe\u202c\u202d1\u202e2",
    "bidi isolates and marks": "\u2066a\u2067b\u2068c\u2069\u200e\u200f\u061c",
}
UNSAFE = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
COMPLETED = '{"type":"response.completed","response":{"id":"r","status":"completed"}}'


def escaped(text: str) -> str:
    """The text as a person is to see it."""
    return UNSAFE.sub(lambda found: (r"\x%02x" if found[0] < "\u0100" else r"\u%04x") % ord(found[0]), text)


def is_safe(output: bytes) -> bool:
    """Whether nothing but text, tabs and line ends has reached the terminal."""
    return not UNSAFE.search(output.decode().replace("\r\n", "\n"))


def deltas(pieces: list[str]) -> list[str]:
    return [json.dumps({"type": "response.output_text.delta", "delta": piece}) for piece in pieces]


def cuts(text: str) -> list[str]:
    """The text in two pieces, cut at every place, one line each."""
    return [piece for at in range(len(text)) for piece in (text[:at], text[at:] + "\n")]


@pytest.mark.parametrize("command", ["ask", "stream", "chat"])
def test_a_sequence_cut_at_every_place(command: str) -> None:
    pieces = [piece for sequence in SEQUENCES.values() for piece in cuts(sequence)]
    text = "".join(pieces)
    with serving(stream(*deltas(pieces), COMPLETED)) as server:
        seen = on_terminal(command, "-q", "x", base_url=server.base_url)
        piped = eugpt(command, "x", base_url=server.base_url)
    assert (seen.exit, seen.output.decode()) == (0, escaped(text).replace("\n", "\r\n"))
    assert is_safe(seen.output)
    assert (piped.returncode, piped.stdout, piped.stderr) == (0, text.encode(), b"")


def test_a_sequence_cut_at_every_byte_of_the_network() -> None:
    text = "".join(SEQUENCES.values())
    event = f'{{"type":"response.output_text.delta","delta":{json.dumps(text, ensure_ascii=False)}}}'
    pieces = b"".join(chunk(bytes([byte])) for byte in sse(event, COMPLETED))
    with serving(SSE_HEAD + pieces + b"0\r\n\r\n") as server:
        seen = on_terminal("stream", "x", base_url=server.base_url)
        piped = eugpt("stream", "x", base_url=server.base_url)
    assert (seen.exit, seen.output.decode()) == (0, escaped(text) + "\r\n")
    assert (piped.returncode, piped.stdout) == (0, f"{text}\n".encode())


ALL = "".join(SEQUENCES.values()).replace("\0", "")
RAW = ALL.replace("\r", "")
BODY = json.dumps({"status": "completed", "output_text": ALL}, ensure_ascii=False).encode()
NAMED = {"id": ALL, "model": ALL, "conversation_id": ALL, "status": "completed", "usage": {ALL: ALL}}


def named(**fields: object) -> str:
    return json.dumps(fields, ensure_ascii=False)


# what of the service is shown other than its text: the command line, and what is played
SHOWN: dict[str, tuple[str, Script]] = {
    "detail": ("ask x", http(named(detail=ALL).encode(), status="401 X")),
    "detail as JSON": ("ask x --errors json", http(named(detail={"message": ALL, ALL: ALL}).encode(), status="401 X")),
    "plain text": ("ask x", http(ALL.encode(), status="500 X", kind="text/plain")),
    "reason and header": ("ask x -v", http(b"{}", status="400 \x9b2J\x9d", extra="X-A: \x9b31m\u202e\r\n")),
    "no HTTP": ("ask x", b"HTTP/9 " + RAW.encode() + b"\r\n\r\n"),
    "content type": ("ask x", http(b"x", kind="text/\x9b31m")),
    "error event": ("stream x", stream(named(type="error", message=ALL, code=ALL))),
    "error event as JSON": ("stream x --errors json", stream(named(type="error", message=ALL, code=ALL, detail=[ALL]))),
    "incomplete": (
        "ask x",
        stream(named(type="response.incomplete", response={"incomplete_details": {"reason": ALL}})),
    ),
    "status": ("ask x", http(named(status=ALL, output_text="x").encode())),
    "tool": (
        "stream x -v",
        stream(named(type="response.output_item.added", item={"type": "x_call", "name": ALL}), COMPLETED),
    ),
    "document": ("ask x --json", http(BODY)),
    "fenced block": (
        "ask x --extract code",
        http(named(status="completed", output_text=f"```\n{ALL}\n```\n").encode()),
    ),
    "partial": ("ask x --partial", stream(named(type="response.output_text.delta", delta=ALL))),
    "events": ("raw-events x", stream(named(type="response.output_text.delta", delta=ALL), named(type=ALL), COMPLETED)),
    "trailer": ("raw-events x --type none --trailer", stream(named(type="error", message=ALL, code=ALL, detail=ALL))),
    "events as SSE": ("raw-events x --sse", SSE_HEAD + chunk(f": {RAW}\n".encode() + sse(COMPLETED)) + b"0\r\n\r\n"),
    "SSE byte by byte": (
        "raw-events x --sse",
        SSE_HEAD + b"".join(chunk(bytes([b])) for b in f": {RAW}\n".encode() + sse(COMPLETED)) + b"0\r\n\r\n",
    ),
    "meta": ("ask x --meta /dev/stderr", stream(named(type="response.completed", response=NAMED))),
}


@pytest.mark.parametrize("name", SHOWN)
def test_nothing_of_the_service_is_raw(name: str) -> None:
    line, script = SHOWN[name]
    with serving(script) as server:
        seen = on_terminal(*line.split(), base_url=server.base_url, env={"EUGPT_RETRIES": "0"})
    assert is_safe(seen.output), seen.output
    assert re.search(rb"\\x9b|\\u009b|\\x1b|\\u001b", seen.output), seen.output


def test_a_broken_header_is_not_quoted() -> None:
    with serving(http(b"{}", extra="X-A: \x1b[2J\r\n")) as server:
        seen = on_terminal("ask", "x", "-v", base_url=server.base_url, env={"EUGPT_RETRIES": "0"})
    assert (seen.exit, is_safe(seen.output), b"[2J" in seen.output) == (63, True, False), seen.output


@pytest.mark.parametrize(
    ("arguments", "body", "printed"),
    [
        (["ask", "x", "--json"], http(BODY), BODY + b"\n"),
        (["raw-events", "x"], stream(BODY.decode(), COMPLETED), BODY + b"\n" + COMPLETED.encode() + b"\n"),
        (["raw-events", "x", "--sse"], SSE_HEAD + chunk(BODY + b"\n" + sse(COMPLETED)), BODY + b"\n" + sse(COMPLETED)),
    ],
    ids=["document", "events", "SSE"],
)
def test_raw_forms_are_exact_in_a_pipe(arguments: list[str], body: bytes, printed: bytes) -> None:
    with serving(body) as server:
        run = eugpt(*arguments, base_url=server.base_url)
    assert (run.returncode, run.stdout, run.stderr) == (0, printed, b"")


def test_a_message_starts_on_a_line_of_its_own() -> None:
    with serving(stream(*deltas(["half"]))) as server:
        seen = on_terminal("stream", "x", "--retries", "0", base_url=server.base_url)
    assert (seen.exit, seen.output.startswith(b"half\r\neugpt: truncated: ")) == (62, True)
