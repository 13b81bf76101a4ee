"""Runs eugpt on a real pseudo-terminal: what reaches it, byte for byte, and the exit code."""

from dataclasses import dataclass

import pexpect  # type: ignore[import-untyped]

from tests.support.program import EUGPT, environment


@dataclass(frozen=True)
class Shown:
    """Everything that came to the terminal, stdout and stderr alike, and how the process ended."""

    output: bytes
    exit: int | None
    signal: int | None


def on_terminal(
    *arguments: str, base_url: str | None = None, env: dict[str, str | None] | None = None, keys: bytes = b""
) -> Shown:
    """One run whose three streams are the terminal; `keys` are typed at its start."""
    variables = environment(base_url, {"TERM": "xterm", **(env or {})})
    child = pexpect.spawn(EUGPT, list(arguments), env=variables, timeout=60, dimensions=(50, 200))
    if keys:
        child.send(keys)
    child.expect(pexpect.EOF)
    child.close()
    return Shown(child.before, child.exitstatus, child.signalstatus)
