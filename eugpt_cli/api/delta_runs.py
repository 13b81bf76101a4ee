"""The fast path: text deltas that follow each other are parsed at once and stay together.

Invariant: a run holds deltas, the data of each in `each`; it is one line, one JSON object in UTF-8 whose `type` is that
of a delta and whose `delta` is a string. Whatever does not keep it is decoded one event at a time.
"""

import os
from collections.abc import Mapping
from operator import itemgetter
from typing import Any, ClassVar

import orjson

from eugpt_cli.api.events import DELTA

QUOTED = f'"{DELTA}"'.encode()
# Stands between the lines in the one array that they are parsed as. The service cannot know it, so that no line can
# hold two values, or half of one, and have another line make up for it. A number is parsed faster than a string.
MARK = int.from_bytes(os.urandom(7))
BETWEEN = f",{MARK},".encode()


class DeltaRun:
    """Deltas that follow each other: the bytes and the fields of each, and their text in one piece."""

    type: ClassVar[str] = DELTA
    fields: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, each: list[bytes], deltas: list[dict[str, Any]], text: str) -> None:
        self.each = each
        self.length = len(each)
        self.deltas = deltas
        self.text = text

    def column(self, name: str) -> list[Any]:
        """This member of each delta, None where one has none."""
        try:
            return list(map(itemgetter(name), self.deltas))
        except KeyError:
            return [delta.get(name) for delta in self.deltas]

    def lines(self) -> bytes:
        return b"\n".join([*self.each, b""])


def delta_run(each: list[bytes]) -> DeltaRun | None:
    """The events of these lines, if each of them is a sound delta."""
    if QUOTED not in each[0]:
        return None
    try:
        values = orjson.loads(BETWEEN.join([b"[0", *each, b"0]"]))
        deltas = values[2:-2:2]
        if len(deltas) != len(each) or values[1::2] != [MARK] * (len(each) + 1):
            return None
        if list(map(itemgetter("type"), deltas)) != [DELTA] * len(each):
            return None
        return DeltaRun(each, deltas, _text(deltas))
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None


def _text(deltas: list[dict[str, Any]]) -> str:
    """Raises KeyError or TypeError where a delta is not a string."""
    return "".join(map(itemgetter("delta"), deltas))
