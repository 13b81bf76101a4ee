"""Keys masked in what is recorded, forwarded and written to the journal, in every spelling that JSON has for them.

JSON may escape any character, and a text may hold JSON again, whose backslashes are then doubled: a character of a key
is spelled by itself or by its `\\uXXXX`, and any number of backslashes may come before. No real key has one in it.
"""

import re

_HALF_ESCAPE = re.compile(rb"(?<!\\)\\+(?:u[0-9a-fA-F]{0,3})?\Z")


class KeyMask:
    """One key in all its spellings. The mask covers the backslashes before it, so that JSON stays JSON."""

    def __init__(self, key: str) -> None:
        spelled = [_spellings(character) for character in key]
        self.characters = [re.compile(spelling) for spelling in spelled]
        self.start = re.compile(rb"(?<!\\)" + spelled[0])
        self.whole = re.compile(rb"(?<!\\)" + b"".join(spelled))

    def applied(self, data: bytes, mask: bytes | None = None) -> bytes:
        """The data with `mask` for the key; without one with an asterisk for each byte, so that all keeps its place."""
        return self.whole.sub(lambda found: b"*" * len(found[0]) if mask is None else mask, data)

    def text(self, text: str) -> str:
        """The text with an asterisk for each byte of the key."""
        return self.applied(text.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")


class KeyMasker:
    """Masks a key in an answer that arrives in pieces. Holds back the last bytes if they may begin the key.

    The client has a key of its own and is not to see this one.
    """

    def __init__(self, mask: KeyMask) -> None:
        self._mask = mask
        self._held = b""

    def feed(self, piece: bytes) -> bytes:
        """Returns what can be passed on after this piece."""
        data = self._mask.applied(self._held + piece)
        begun = self._begun(data)
        self._held = data[begun:]
        return data[:begun]

    def rest(self) -> bytes:
        """Returns what was held: the answer has ended, so it is not the key."""
        held, self._held = self._held, b""
        return held

    def _begun(self, data: bytes) -> int:
        """Where a key may begin that the end cuts off; the end if none may."""
        half = _HALF_ESCAPE.search(data)
        end = half.start() if half else len(data)
        starts = (found.start() for found in self._mask.start.finditer(data, 0, end))
        return next((start for start in starts if self._leads_to(data, start, end)), end)

    def _leads_to(self, data: bytes, start: int, end: int) -> bool:
        """Whether nothing but characters of the key is between start and end."""
        for character in self._mask.characters:
            found = character.match(data, start, end)
            if found is None:
                return False
            start = found.end()
            if start == end:
                return True
        return False


def _spellings(character: str) -> bytes:
    """A pattern for them, the longer ones first."""
    code = b"".join(rb"\\+u(?i:%04x)" % unit for unit in _utf16(character))
    return rb"(?:%s|\\*%s)" % (code, re.escape(character.encode()))


def _utf16(character: str) -> list[int]:
    data = character.encode("utf-16-be")
    return [int.from_bytes(data[at : at + 2]) for at in range(0, len(data), 2)]
