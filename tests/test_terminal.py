"""On a real pty, control characters of the model are shown, not obeyed; into a pipe the bytes are exact."""

import json

import pexpect  # type: ignore[import-untyped]

from .program import EUGPT, KEY, eugpt
from .rawserver import serving, stream

PIECES = ("a\x1b", "]52;c;eA==\x07b\t", "\x9b31m\x7f\u202ec", "d")
SHOWN = "a\\x1b]52;c;eA==\\x07b\t\\x9b31m\\x7f\\u202ecd\r\n"
DELTAS = [json.dumps({"type": "response.output_text.delta", "delta": piece}) for piece in PIECES]


def test_control_characters() -> None:
    with serving(stream(*DELTAS, '{"type":"response.completed"}')) as server:
        piped = eugpt("stream", "x", base_url=server.base_url)
        child = pexpect.spawn(
            EUGPT,
            ["stream", "-I", "x"],
            env={"EUGPT_API_KEY": KEY, "EUGPT_BASE_URL": server.base_url},
            encoding="utf-8",
        )
        child.expect(pexpect.EOF)
        child.close()
    assert piped.stdout.decode() == "".join(PIECES) + "\n"
    assert (child.before, child.exitstatus) == (SHOWN, 0)
