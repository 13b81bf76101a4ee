"""A row as a line of JSON, and back: what the one writes, the other reads, whatever the service sent."""

import math
import re
from collections.abc import Mapping
from typing import Any

import orjson

from eugpt_cli.output.writers import encode
from eugpt_cli.text.json_members import members

ROW_START = b'{"custom_id":'
# What a row says of its item; all that the next run reads.
TYPES: Mapping[str, Any] = {
    "custom_id": str | int,
    "ok": bool,
    "item": str,
    "request": str,
    "stored": bool,
    "may_be_stored": bool,
    "earlier_turns": list,
    "line": int,
}
LINE_NUMBER = re.compile(rb'"line":\d+}\n\Z')  # a row's last member, so that nothing within can look like it


def line_of(row: Mapping[str, Any]) -> bytes:
    """The row in one line; JSON that is passed on as it came is an `orjson.Fragment`."""
    try:
        return orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:  # half a surrogate pair, or a number of more than 64 bits
        return _object({name: _json(value) for name, value in row.items()})


def row_of(line: bytes) -> dict[str, Any] | None:
    """A row of ours; None for a line that somebody has spoilt."""
    row = _read(line)
    return row if isinstance(row, dict) and isinstance(row.get("ok"), bool) else None


def is_sound(row: Mapping[str, Any]) -> bool:
    """Whether the next run can rely on a row: each member has its type, and a posted turn tells its request."""
    posted = row.get("stored") or row.get("may_be_stored")
    return not (posted and row.get("request") is None) and all(
        isinstance(row[name], types) for name, types in TYPES.items() if row.get(name) is not None
    )


def with_line(text: bytes, line: int) -> bytes:
    """The row, saying that its item is this line of the input; everything else stays as it is."""
    changed, count = LINE_NUMBER.subn(b'"line":%d}\n' % line, text)
    return changed if count else _object({**members(text), "line": b"%d" % line})


def _read(line: bytes) -> Any:
    """What a line means, None if it is no JSON; of a row that is nested too deeply for a parser, its own members."""
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        import json

        try:
            return json.loads(line)
        except ValueError:
            return None
        except RecursionError:
            found = members(line) if line.startswith(ROW_START) else {}
            return {name: _read(found[name]) for name in TYPES if name in found}


def _object(row: Mapping[str, bytes]) -> bytes:
    return b"{" + b",".join(b"%b:%b" % (_json(name), value) for name, value in row.items()) + b"}\n"


def _json(value: Any) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:
        import json

        return encode(json.dumps(_finite(value), ensure_ascii=False, separators=(",", ":")))


def _finite(value: Any) -> Any:
    """JSON has no infinite numbers, but a number may be too large for a float; null stands for it, as with orjson."""
    if isinstance(value, Mapping):
        return {name: _finite(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(member) for member in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
