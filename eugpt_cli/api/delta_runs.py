"""The fast path: text deltas that follow each other, recognised by how they begin and kept as bytes.

Invariant: a run holds `length` events, one a line, and each line begins with the bytes of START, so that its `type` is
known without parsing. Whoever wants more than the type (the text, or whether a line is JSON at all) parses the run.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import orjson

from eugpt_cli.api.events import DELTA, delta_texts, parse

START = re.compile(rb'\{\s*"type"\s*:\s*"response\.output_text\.delta"')


class DeltaRun:
    """`length` deltas that follow each other, told by how they begin and parsed only if their text is wanted."""

    type: ClassVar[str] = DELTA
    fields: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, raw: bytes, length: int) -> None:
        self.raw = raw
        self.length = length

    def texts(self) -> Iterable[str]:
        """Their text, in one piece if all of them are JSON. Raises NotTheApi at one that is not."""
        lines = self.raw.split(b"\n")
        try:
            return ["".join(delta_texts(map(orjson.loads, lines)))]
        except orjson.JSONDecodeError:
            return (text for line in lines for text in delta_texts([parse(line)]))

    def lines(self) -> bytes:
        return self.raw + b"\n"


def delta_run(data: bytes, length: int) -> DeltaRun | None:
    """`length` events, one a line if they are many, if each of them is a delta."""
    start = START.match(data)
    if not start or (data.count(b"\n" + start[0]) != length - 1 if length > 1 else b"\n" in data):
        return None
    return DeltaRun(data, length)
