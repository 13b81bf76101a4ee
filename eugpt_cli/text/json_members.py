"""The members of a JSON object as the bytes that stand there: numbers stay exact, and the depth does not matter."""

import re
from typing import Any

import orjson

TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"|[][{}:,"]', re.DOTALL)
LINE_ENDS = re.compile(rb"[\r\n]+[ \t\r\n]*")  # with the indent that follows: none of it can be in a string


def members(raw: bytes) -> dict[str, bytes]:
    """The bytes of each member's value in one JSON object, the last of a name; {} if its brackets or quotes are open.

    It counts brackets, and reads nothing of what is within.
    """
    found: dict[str, bytes] = {}
    key = b""
    depth = start = end = 0
    for token in TOKEN.finditer(raw):
        sign = token[0]
        if sign == b'"' or (not depth and (end or sign != b"{")):
            return {}
        depth += sign in (b"{", b"[")
        if depth == 1:
            if sign == b":":
                start = token.end()
            elif sign not in (b",", b"}"):
                key = key if start else sign
            elif start:
                found[_string(key)] = raw[start : token.start()].strip()
                start = 0
        depth -= sign in (b"}", b"]")
        end = token.end()
    return {} if depth or raw[end:].strip() else found


def _string(key: bytes) -> Any:
    try:
        return orjson.loads(key)
    except orjson.JSONDecodeError:  # half a surrogate pair
        import json

        return json.loads(key.decode("utf-8", "replace"))


def one_json_line(raw: bytes) -> bytes:
    """A JSON value as it came, without a BOM and line ends; invalid UTF-8 becomes U+FFFD."""
    return LINE_ENDS.sub(b"", raw.decode("utf-8-sig", "replace").encode()).strip()
