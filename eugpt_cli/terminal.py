"""Control characters made visible, so that text from elsewhere cannot command the terminal."""

import re

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


def one_line(text: str) -> str:
    """Words from elsewhere on one line, visible."""
    return visible(" ".join(text.split()))


def brief(text: str, limit: int = 500) -> str:
    """The same, not endless. Where the text may hold the key, that is masked before: a cut would hide it."""
    words = one_line(text)
    return words if len(words) <= limit else words[: limit - 1] + "…"
