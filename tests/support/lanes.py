"""Rows of a table on both lanes, for tests that run each row in several ways."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

import pytest


def on_lanes(rows: Mapping[str, Any], ways: Sequence[str]) -> list[Any]:
    """Sets of `lane` (the fixture), row and way: directly every row in every way, and with httpx in one way, in turn.

    A lane ends below the response: what a command makes of it cannot differ, and a run with httpx costs twice as much.
    """
    directly = [("direct", name, way) for name in rows for way in ways]
    sets = [*directly, *(("httpx", name, way) for name, way in zip(rows, cycle(ways), strict=False))]
    return [pytest.param(lane, rows[name], way, id=f"{lane}-{name}-{way}") for lane, name, way in sets]
