"""What is remembered of a text that has been printed and is not kept."""

from zlib import crc32

HELD = 1024  # characters that wait to be hashed together: a delta brings a few, and is not delayed by it


class TextDigest:
    """Enough of a text to tell whether another one begins with it, in memory that does not grow with it.

    White space at either end makes no difference. Sizes count bytes of UTF-16, so that a character whose halves came
    apart compares like a whole one.
    """

    def __init__(self) -> None:
        self.is_empty = True
        self._new: list[str] = []  # what is not hashed yet
        self._length = 0  # of that, in characters
        self._size = 0  # without the white space before it
        self._sum = 0
        self._solid = (0, 0)  # the same two without the white space after it

    def add(self, text: str) -> None:
        if text:
            self.is_empty = False
            self._new.append(text)
            self._length += len(text)
            if self._length > HELD:
                self._hash()

    def _hash(self) -> None:
        text = "".join(self._new)
        self._new.clear()
        self._length = 0
        if not self._size:
            text = text.lstrip()
        if not text:
            return
        data = utf16(text)
        end = len(data) - 2 * (len(text) - len(text.rstrip()))  # white space has one unit a character
        if end:
            self._sum = crc32(data[:end], self._sum)
            self._solid = (self._size + end, self._sum)
        self._sum = crc32(data[end:], self._sum)
        self._size += len(data)

    def rest(self, whole: str) -> str | None:
        """What `whole` has beyond this text, None if it does not begin with it."""
        if self.is_empty:
            return whole
        self._hash()
        data = utf16(whole.lstrip())
        if len(data) >= self._size and crc32(data[: self._size]) == self._sum:
            return data[self._size :].decode("utf-16-le", "surrogatepass")
        data = utf16(whole.strip())
        return "" if (len(data), crc32(data)) == self._solid else None


def utf16(text: str) -> bytes:
    return text.encode("utf-16-le", "surrogatepass")
