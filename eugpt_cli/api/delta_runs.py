"""The fast path: text deltas that follow each other are checked at once and stay together.

Invariant: a run holds deltas, the data of each in `each`; it is one line, one JSON object in UTF-8 whose `type` is that
of a delta and whose `delta` is a string. All have the same indexes, and sequence numbers that step by one, or none.
Whatever does not keep it is decoded one event at a time.

Services write all deltas alike, except for the number and the text. The first line becomes a template; the lines that
its numbers and texts make are written anew, and must equal those that arrived, byte for byte. Two small parses then
prove the invariant:

- the template, filled with a number and a text that no service can know, is an object of the right type that has them
  as its members: so it is with any other number, and with any other content of a string;
- the texts, joined by spaces, are the content of one string: none has a bare quotation mark, which would end that
  string, and none ends within an escape or a character, which no space continues.

Deltas of another shape are parsed as one array.
"""

import os
from operator import itemgetter
from typing import Any, ClassVar

import orjson

from eugpt_cli.api.events import DELTA, Key, key_of
from eugpt_cli.errors import NotTheApi

QUOTED = f'"{DELTA}"'.encode()
# The number and the text that prove a template. In an array it stands between the lines: the service cannot know it, so
# that no line can hold two values, or half of one, and have another line make up for it.
MARK = int.from_bytes(os.urandom(7))
BETWEEN = f",{MARK},".encode()
NUMBER, TEXT = b'"sequence_number":', b'"delta":"'
DIGITS = 18  # of a number; what has more than 64 bits is read as a float


class DeltaRun:
    """Deltas that follow each other: the bytes of each, the indexes of their part, the text and the numbers of all."""

    type: ClassVar[str] = DELTA

    def __init__(self, each: list[bytes], lines: bytes, key: Key | None, text: str, numbers: range | None) -> None:
        self.each = each
        self.length = len(each)
        self.key = key
        self.text = text
        self.numbers = numbers
        self._lines = lines

    def lines(self) -> bytes:
        return self._lines


def delta_run(each: list[bytes]) -> DeltaRun | None:
    """The events of these lines, if they keep the invariant."""
    if QUOTED not in each[0]:
        return None
    lines = b"\n".join([*each, b""])
    try:
        return _of_one_shape(each, lines) or _of_any_shape(each, lines)
    except (ValueError, KeyError, TypeError, NotTheApi):  # invalid JSON is a ValueError
        return None


class Template:
    """What stands before the text of a delta, with `%d` for its number, and after the text; and that number."""

    def __init__(self, before: bytes, after: bytes, number: int) -> None:
        self.before = before
        self.after = after
        self.number = number

    @property
    def line(self) -> bytes:
        """All of it, with `%b` for the text."""
        return self.before + b"%b" + self.after.replace(b"%", b"%%")

    def is_sound(self) -> bool:
        """Whether the number and the text are these two members of a delta. Raises the same as `_of_any_shape`."""
        proof = orjson.loads(self.line % (MARK, b"%d" % MARK))
        return (proof["type"], proof["sequence_number"], proof["delta"]) == (DELTA, MARK, str(MARK))


def template_of(data: bytes) -> Template | None:
    """The template of a delta, which may not be sound; None for a shape that has none."""
    before, name, rest = data.partition(NUMBER)
    number, comma, rest = rest.partition(b",")
    between, delta, rest = rest.rpartition(TEXT)
    after = rest[rest.replace(b"\\\\", b"xx").replace(b'\\"', b"xx").find(b'"') :]
    if not (number.isdigit() and len(number) <= DIGITS and delta and after):
        return None
    parts = (before + name, comma + between + delta)
    return Template(b"%b%%d%b" % tuple(part.replace(b"%", b"%%") for part in parts), after, int(number))


def _of_one_shape(each: list[bytes], lines: bytes) -> DeltaRun | None:
    """A run of lines that differ in the number and the text only. Raises the same as `_of_any_shape`."""
    template = template_of(each[0])
    if not template:
        return None
    line, first = template.line, template.number
    begin, end = len(template.before % first), -len(template.after)
    numbers = range(first, first + len(each))
    if each[-1] != line % (numbers[-1], each[-1][begin:end]) or len(lines) < len(each) * (begin - end):
        return None  # the shape changes, or the first line is so long that the rest cannot be like it
    if not template.is_sound():
        return None
    texts = [data[begin:end] for data in each]
    filling: list[int | bytes] = [0] * (2 * len(each))
    filling[::2], filling[1::2] = numbers, texts
    if (line + b"\n") * len(each) % tuple(filling) != lines:
        return None
    orjson.loads(b'"%b"' % b" ".join(texts))
    return DeltaRun(each, lines, key_of(orjson.loads(each[0])), orjson.loads(b'"%b"' % b"".join(texts)), numbers)


def _of_any_shape(each: list[bytes], lines: bytes) -> DeltaRun | None:
    """A run of lines of whatever shape. Raises ValueError, KeyError or TypeError where one is no sound delta."""
    values = orjson.loads(BETWEEN.join([b"[0", *each, b"0]"]))
    deltas = values[2:-2:2]
    if len(deltas) != len(each) or values[1::2] != [MARK] * (len(each) + 1):
        return None
    if list(map(itemgetter("type"), deltas)) != [DELTA] * len(each):
        return None
    if not all(_is_constant([delta.get(name) for delta in deltas]) for name in ("output_index", "content_index")):
        return None
    text = "".join(map(itemgetter("delta"), deltas))
    numbers = _numbers([delta.get("sequence_number") for delta in deltas])
    return DeltaRun(each, lines, key_of(deltas[0]), text, numbers)


def _is_constant(values: list[Any]) -> bool:
    """Also in type: 0, 0.0 and false are equal."""
    return values.count(values[0]) == len(values) and len(set(map(type, values))) == 1


def _numbers(values: list[Any]) -> range | None:
    """Numbers that step by one, or None for none at all. Raises ValueError for anything else."""
    if values.count(None) == len(values):
        return None
    if set(map(type, values)) == {int}:
        numbers = range(values[0], values[0] + len(values))
        if values == list(numbers):
            return numbers
    raise ValueError("the sequence numbers do not step by one")
