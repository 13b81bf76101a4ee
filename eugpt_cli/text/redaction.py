"""The key kept out of every output: one masker for text in one piece, one for an answer that may split it."""

import re
from collections.abc import Iterator
from typing import Protocol

MASK = "eugpt_***"
SHORTEST = 8  # in our own words; masking a shorter word would garble them
SHORTEST_IN_ANSWERS = 16  # what is shorter is no key of the service, but a placeholder, and an answer may hold the word
HELD_FROM = 7  # "eugpt_" and one character: what is shorter may be shown, since the whole key then never is
# Compiled where they are first used: most answers have no backslash and no beginning of a key.
ESCAPE = rb"(?s)\\(?:u00([2-7][0-9a-fA-F])|(.))"  # of JSON, which may spell the key in this way
ESCAPE_OF_A_KEY = rb"\\u00[2-7]|\\/"  # the escapes that matter; one quick search
LONGEST_SPELLING = len(rb"\u0065")
LONGEST_SEEN = LONGEST_SPELLING * HELD_FROM
HALF_ESCAPE = rb"\\(?:u(?:0(?:0(?:[2-7])?)?)?)?\Z"


def redact(text: str, key: str | None) -> str:
    """Words of ours without the key in them."""
    return text.replace(key, MASK) if key and len(key) >= SHORTEST else text


def redact_answer(text: str, key: str | None) -> str:
    """An answer in one piece without the key in it, as it is spelled."""
    return redact(text, key) if key and len(key) >= SHORTEST_IN_ANSWERS else text


class _Unescaped:
    """Bytes as JSON means them (`meant`), and where each of those is in the bytes themselves.

    JSON may escape any character; a key has neither quotes nor backslashes.
    """

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self._is_plain = not re.search(ESCAPE_OF_A_KEY, raw)
        self.meant = raw if self._is_plain else re.sub(ESCAPE, _meaning, raw)

    def find(self, key: bytes) -> list[tuple[int, int]]:
        """Where the key begins and ends, each time: as JSON means it, and byte for byte.

        The two differ in text, or after half an escape: in `\\u006eugpt_…`, JSON has no e.
        """
        places = [(self.place(begin), self.place(end)) for begin, end in _places(self.meant, key)]
        return places if self._is_plain else _united([*places, *_places(self.raw, key)])

    def place(self, index: int) -> int:
        """Where the character is that JSON means at this index."""
        if self._is_plain:
            return index
        end = meant = 0
        for escape in re.finditer(ESCAPE, self.raw):
            meant += escape.start() - end
            if index <= meant:
                return escape.start() - (meant - index)
            end = escape.end()
            meant += len(_meaning(escape))
        return end + index - meant


def _places(data: bytes, key: bytes) -> Iterator[tuple[int, int]]:
    at = data.find(key)
    while at >= 0:
        yield at, at + len(key)
        at = data.find(key, at + len(key))


def _united(places: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The places in order, those that overlap as one."""
    united: list[tuple[int, int]] = []
    for begin, end in sorted(places):
        if united and begin < united[-1][1]:
            united[-1] = united[-1][0], max(end, united[-1][1])
        else:
            united.append((begin, end))
    return united


def _meaning(escape: re.Match[bytes]) -> bytes:
    if escape[1]:
        return bytes([int(escape[1], 16)])
    return b"/" if escape[2] == b"/" else escape[0]


def redact_raw_answer(raw: bytes, key: str) -> bytes:
    """A whole answer without the key in it, in whatever spelling; a short key is a word like others."""
    if len(key) < SHORTEST_IN_ANSWERS:
        return raw
    out, done = [], 0
    for begin, end in _Unescaped(raw).find(key.encode()):
        out += [raw[done:begin], MASK.encode()]
        done = end
    return b"".join([*out, raw[done:]])


class Sink(Protocol):
    """Where an answer goes, all of it or nothing where that is possible."""

    terminal: bool

    @property
    def emitted(self) -> bool:
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
    """A sink of an answer that never lets the whole key through, in whatever pieces and spellings it comes."""

    def __init__(self, sink: Sink, key: str) -> None:
        self._sink = sink
        self._key = key.encode()
        self._begin = self._key[:HELD_FROM]
        self._masks = len(self._key) >= SHORTEST_IN_ANSWERS
        self.terminal = sink.terminal
        self._forget()

    def _forget(self) -> None:
        self._seen = b""  # the last bytes let through that may be the start of a key
        self._held = b""  # what may turn out to be a key

    @property
    def emitted(self) -> bool:
        return self._sink.emitted

    def write(self, data: bytes) -> None:
        if self._masks and not self._is_plain(data):
            data = self._filtered(data)
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
        """Nothing more comes: what was held is not the key."""
        held = self._held
        self._forget()
        if held:
            self._sink.write(held)

    def _filtered(self, data: bytes) -> bytes:
        if self._is_harmless(data):
            self._seen = data[-LONGEST_SEEN:]
            return data
        raw = self._seen + self._held + data
        text = _Unescaped(raw)
        done = len(self._seen)
        floor = 0  # what stands before is masked
        out = []
        for begin, end in text.find(self._key):
            out += [raw[done : max(done, begin)], MASK.encode()]
            done = floor = end
        hold = max(done, self._begun(text, floor))
        out.append(raw[done:hold])
        self._held = raw[hold:]
        self._seen = raw[max(floor, hold - LONGEST_SEEN) : hold]
        return b"".join(out)

    def _is_plain(self, data: bytes) -> bool:
        """Whether no escape and no key begins here or is cut by the start of the data, as in most pieces."""
        raw = self._seen + data
        if self._held or b"\\" in raw or self._begin in raw:
            return False
        self._seen = raw[-LONGEST_SEEN:]
        return True

    def _is_harmless(self, data: bytes) -> bool:
        """Whether a long piece can pass as it is: no key in it, across its start, or begun at its end."""
        longest = LONGEST_SPELLING * len(self._key)
        if self._held or len(data) < longest:
            return False
        start, text = _Unescaped(self._seen + data[:longest]), _Unescaped(data)
        return not start.find(self._key) and not text.find(self._key) and self._begun(text, 0) == len(data)

    def _begun(self, text: _Unescaped, floor: int) -> int:
        """Where a key, or an escape, may have begun that the end of the text cuts; its end if too little of a key has.

        `floor` is where to look from.
        """
        half = re.compile(HALF_ESCAPE).search(text.meant, max(0, len(text.meant) - LONGEST_SPELLING))
        meant = text.meant[: half.start()] if half else text.meant
        places = [text.place(len(meant) - length) for length in self._beginnings(meant)]
        places += [len(text.raw) - length for length in self._beginnings(text.raw)]
        end = len(text.raw) - (len(half[0]) if half else 0)
        return min([end, *(place for place in places if place >= floor)])

    def _beginnings(self, data: bytes) -> Iterator[int]:
        """How many bytes at the end of the data may be the beginning of a key."""
        longest = min(len(self._key) - 1, len(data))
        if data.rfind(self._begin, len(data) - longest) >= 0:
            for length in range(longest, HELD_FROM - 1, -1):
                if data.endswith(self._key[:length]):
                    yield length
