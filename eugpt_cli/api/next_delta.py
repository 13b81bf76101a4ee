"""The shortest path: a delta that comes in a read of its own and is like the one before it.

Services write all deltas alike, except for the number and the text. So all bytes of the next read but the text are
known: those before it, which include the next number, and those after it. If they are there, and what is between them
is one JSON string, then the read is one event, a sound delta, and neither the decoder nor the parser has to see it.
"""

import orjson

from eugpt_cli.api.delta_runs import DeltaRun, Template, template_of
from eugpt_cli.api.events import DELTA, Event, Key, key_of
from eugpt_cli.api.sse import BLANK, name_in
from eugpt_cli.errors import NotTheApi

LONGEST = 1 << 14  # bytes of a read that is copied for what may follow it


class NextDelta:
    """What the next read should be. The decoder is between two events then, and does not see this one."""

    def __init__(self, start: bytes, template: Template, key: Key | None) -> None:
        """`start` is what comes before the data; the template and the indexes are those of the delta before."""
        self._start = len(start)
        self._form = start.replace(b"%", b"%%") + template.before
        self._after = template.after + BLANK
        self._key = key
        self._number = template.number
        self.advance()

    def advance(self) -> None:
        """The delta that was expected has come: expects the one after it."""
        self._number += 1
        self._before = self._form % self._number
        # the text and its quotation marks, so that it is one string or no JSON
        self._text = slice(len(self._before) - 1, 1 - len(self._after))

    def take(self, read: bytes) -> DeltaRun | None:
        """The event of this read, if it is what was expected."""
        if not (read.startswith(self._before) and read.endswith(self._after)):
            return None
        try:
            text = orjson.loads(read[self._text])
        except orjson.JSONDecodeError:
            return None
        lines = read[self._start : -1]
        return DeltaRun([lines[:-1]], lines, self._key, text, range(self._number, self._number + 1))


def next_delta(read: bytes, last: Event | DeltaRun) -> NextDelta | None:
    """What should follow a read that brought this one event, and ended between two."""
    if not isinstance(last, Event) or last.type != DELTA or len(read) > LONGEST:
        return None
    start = read.removesuffix(last.raw + BLANK)
    if name_in(start) is None:
        return None
    template = template_of(last.raw)
    try:
        if not template or not template.is_sound():
            return None
        return NextDelta(start, template, key_of(orjson.loads(last.raw)))  # `events` may have read it leniently
    except (ValueError, KeyError, TypeError, NotTheApi):  # invalid JSON is a ValueError
        return None
