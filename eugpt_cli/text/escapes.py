"""Control characters made visible, so that text from elsewhere cannot command the terminal."""

import codecs
import re
from collections.abc import Callable, Mapping
from typing import Any

# C0 but tab and newline, DEL, C1, and the bidi overrides, embeddings and isolates of Unicode Annex 9.
UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def visible(text: str) -> str:
    """Each unsafe character as an escape; stateless, so a sequence split over deltas is caught as well."""
    return UNSAFE.sub(lambda match: _escape(ord(match[0])), text)


def escaped(json: str) -> str:
    """The same JSON, its unsafe characters written as JSON escapes."""
    return UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", json)


def _escape(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def visible_bytes(write: Callable[[bytes], None]) -> Callable[[bytes], None]:
    """The same for bytes on their way to the terminal; a character may be split over them."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    return lambda data: write(visible(decoder.decode(data)).encode())


def dump(value: Mapping[str, Any]) -> str:
    """JSON in one line, fit for a terminal too, of values that may come from the service as they like."""
    import orjson

    try:
        text = orjson.dumps(value).decode()
    except TypeError:  # a lone surrogate, or an integer of more than 64 bits
        import json

        text = json.dumps(value, separators=(",", ":"))
    return escaped(text)


def one_line(text: str) -> str:
    """Words from elsewhere on one line, visible."""
    return visible(" ".join(text.split()))


def brief(text: str, limit: int = 500) -> str:
    """The same, not endless. Where the text may hold the key, that is masked before: a cut would hide it."""
    words = one_line(text)
    return words if len(words) <= limit else words[: limit - 1] + "…"
