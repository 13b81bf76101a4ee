"""The key kept out of every output: one masker for text in one piece, one for a stream that may split it."""

from typing import Protocol

MASK = "eugpt_***"
SHORTEST = 8  # a shorter word is no secret, and masking it would corrupt ordinary answers
HELD_FROM = 7  # "eugpt_" and one character: what is shorter may be shown, since the whole key then never is


def redact(text: str, key: str | None) -> str:
    """Text without the key in it."""
    return text.replace(key, MASK) if key and len(key) >= SHORTEST else text


class Sink(Protocol):
    """Where an answer goes, all of it or nothing where that is possible."""

    terminal: bool

    @property
    def shown(self) -> bool:
        """Whether anything is out that cannot be taken back."""

    def write(self, data: bytes) -> None: ...

    def restart(self) -> None:
        """Forgets what a failed attempt has written; nothing of it has been shown."""

    def keep(self) -> None:
        """What has been written so far outlasts a restart: another answer follows."""

    def commit(self) -> None:
        """The answer is complete."""

    def discard(self) -> None:
        """The answer is not complete."""


class RedactingSink:
    """A sink that never lets the key through, in whatever pieces it comes."""

    def __init__(self, sink: Sink, key: str) -> None:
        self._sink = sink
        self._key = key.encode()
        self.terminal = sink.terminal
        self._forget()

    def _forget(self) -> None:
        self._seen = b""  # the last bytes let through that may be the start of a key
        self._held = b""  # what may turn out to be a key

    @property
    def shown(self) -> bool:
        return self._sink.shown

    def write(self, data: bytes) -> None:
        data = self._filtered(data) if len(self._key) >= SHORTEST else data
        if data:
            self._sink.write(data)

    def restart(self) -> None:
        self._forget()
        self._sink.restart()

    def keep(self) -> None:
        self._flush()
        self._sink.keep()

    def commit(self) -> None:
        self._flush()
        self._sink.commit()

    def discard(self) -> None:
        self._flush()
        self._sink.discard()

    def _flush(self) -> None:
        if self._held:
            self._held = b""
            self._sink.write(MASK.encode())

    def _filtered(self, data: bytes) -> bytes:
        key = self._key
        if self._is_harmless(data):
            self._seen = data[1 - HELD_FROM :]
            return data
        text = self._seen + self._held + data
        done = len(self._seen)
        floor = 0  # what stands before is masked already
        out = []
        found = text.find(key)
        while found >= 0:
            out += [text[done : max(done, found)], MASK.encode()]
            done = floor = found + len(key)
            found = text.find(key, done)
        hold = max(done, len(text) - self._overlap(text, floor))
        out.append(text[done:hold])
        self._held = text[hold:]
        self._seen = text[max(floor, hold - HELD_FROM + 1) : hold]
        return b"".join(out)

    def _is_harmless(self, data: bytes) -> bool:
        """Whether a long piece can pass as it is: no key in it, across its start, or begun at its end."""
        if self._held or len(data) < len(self._key):
            return False
        start = self._seen + data[: len(self._key)]
        return self._key not in start and self._key not in data and not self._overlap(data, 0)

    def _overlap(self, text: bytes, floor: int) -> int:
        """How many bytes at the end of the text are the start of a key; 0 if they are too few to matter."""
        longest = min(len(self._key) - 1, len(text) - floor)
        if text.rfind(self._key[:HELD_FROM], len(text) - longest if longest > 0 else len(text)) < 0:
            return 0
        return next((n for n in range(longest, HELD_FROM - 1, -1) if text.endswith(self._key[:n])), 0)
