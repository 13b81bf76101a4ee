"""Control characters made visible, so that text from elsewhere cannot command the terminal."""

import codecs
import re
from collections.abc import Callable, Mapping
from typing import Any

# C0 but tab and newline, DEL, C1, and the bidi overrides, embeddings and isolates of Unicode Annex 9.
UNSAFE = "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"


def visible(text: str) -> str:
    """Writes each unsafe character as an escape; stateless, so a sequence split over deltas is caught as well."""
    return re.sub(UNSAFE, lambda match: _escape(ord(match[0])), text)


def escaped(json: str) -> str:
    """Writes the unsafe characters of a JSON text as JSON escapes."""
    return re.sub(UNSAFE, lambda match: f"\\u{ord(match[0]):04x}", json)


def _escape(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def visible_bytes(write: Callable[[bytes], None]) -> Callable[[bytes], None]:
    """Wraps `write` for a terminal: bytes are made visible, also where a character is split over two calls."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    return lambda data: write(visible(decoder.decode(data)).encode())


def dump(value: Mapping[str, Any]) -> str:
    """One line of JSON that is safe on a terminal, of values that may hold whatever the service sent."""
    import orjson

    try:
        text = orjson.dumps(value).decode()
    except TypeError:  # a lone surrogate, or an integer of more than 64 bits
        import json

        text = json.dumps(value, separators=(",", ":"))
    return escaped(text)


def one_line(text: str) -> str:
    """Text from elsewhere on one line, made visible."""
    return visible(" ".join(text.split()))


def brief(text: str, limit: int = 500) -> str:
    """The same, cut to `limit` characters. Redact the key first: a cut could leave a part that no longer matches."""
    words = one_line(text)
    return words if len(words) <= limit else words[: limit - 1] + "…"
