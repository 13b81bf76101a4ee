"""What is remembered of a text that has been printed and is not kept."""

from zlib import crc32


class TextDigest:
    """Enough of a text to tell whether another one begins with it, in memory that does not grow with it.

    White space at either end makes no difference. Sizes count bytes of UTF-16, so that a character whose halves came
    apart compares like a whole one.
    """

    def __init__(self) -> None:
        self.is_empty = True
        self._size = 0  # without the white space before it
        self._sum = 0
        self._solid = (0, 0)  # the same two without the white space after it

    def add(self, text: str) -> None:
        self.is_empty = self.is_empty and not text
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
        data = utf16(whole.lstrip())
        if len(data) >= self._size and crc32(data[: self._size]) == self._sum:
            return data[self._size :].decode("utf-16-le", "surrogatepass")
        data = utf16(whole.strip())
        return "" if (len(data), crc32(data)) == self._solid else None


def utf16(text: str) -> bytes:
    return text.encode("utf-16-le", "surrogatepass")
