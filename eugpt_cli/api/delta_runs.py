"""The fast path: text deltas that follow each other are parsed at once and stay together.

Invariant: a run holds `length` deltas, one a line of `raw`; each line is one JSON object in UTF-8 whose `type` is that
of a delta and whose `delta` is a string. Whatever does not keep it is decoded one event at a time.
"""

import random
from collections.abc import Mapping
from operator import itemgetter
from typing import Any, ClassVar

import orjson

from eugpt_cli.api.events import DELTA

QUOTED = f'"{DELTA}"'.encode()
# Stands between the lines in the one array that they are parsed as. The service cannot know it, so that no line can
# hold two values, or half of one, and have another line make up for it.
MARK = f"{random.getrandbits(60):x}"
BETWEEN = f',"{MARK}",'.encode()


class DeltaRun:
    """`length` deltas that follow each other: their fields, and their text in one piece."""

    type: ClassVar[str] = DELTA
    fields: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, raw: bytes, deltas: list[dict[str, Any]], text: str) -> None:
        self.raw = raw
        self.length = len(deltas)
        self.deltas = deltas
        self.text = text

    def lines(self) -> bytes:
        return self.raw + b"\n"


def delta_run(data: bytes, length: int) -> DeltaRun | None:
    """The events of these lines, if each of them is a sound delta."""
    if QUOTED not in data[: data.find(b"\n")]:
        return None
    try:
        values = orjson.loads(b"[" + data.replace(b"\n", BETWEEN) + b"]")
        deltas = values[::2]
        if len(values) != 2 * length - 1 or values[1::2] != [MARK] * (length - 1):
            return None
        return DeltaRun(data, deltas, _text(deltas)) if set(map(itemgetter("type"), deltas)) == {DELTA} else None
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None


def _text(deltas: list[dict[str, Any]]) -> str:
    """Raises KeyError or TypeError where a delta is not a string."""
    return "".join(map(itemgetter("delta"), deltas))
