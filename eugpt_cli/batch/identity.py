"""Which item is which: by its custom_id or, without one, by the bytes of its line and how often those came before.

So a line put before another, or moved, changes no other item. An id that comes twice is an error of the second item,
which then goes by its bytes: no id has two rows.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Protocol

import orjson

from eugpt_cli.batch.items import Item, eight_bytes
from eugpt_cli.errors import UsageError


class Arrivals(Protocol):
    """The names of the items that the input has brought so far."""

    def has_come(self, name: int) -> bool: ...

    def come(self, item: Item) -> None: ...


def identified(items: Iterable[Item], arrivals: Arrivals) -> Iterator[Item]:
    """Yields the items with their names, each name once."""
    for item in items:
        if item.custom_id is not None:
            item.name = name_of_id(item.custom_id)
            if arrivals.has_come(item.name):
                _refuse(item)
        if item.custom_id is None:
            item.name = _next_name(item.content, arrivals)
        arrivals.come(item)
        yield item


def name_of_id(custom_id: Any) -> int:
    """Eight bytes that stand for an id; a number and its digits in quotes are two ids."""
    return eight_bytes(b"id:" + orjson.dumps(custom_id))


def _refuse(item: Item) -> None:
    words = orjson.dumps(item.custom_id).decode()
    item.fault = UsageError(f"line {item.line}: custom_id {words} is used twice; give each item its own")
    item.custom_id = item.request = None


def _next_name(content: int, arrivals: Arrivals) -> int:
    """The name of these bytes' next occurrence, found in logarithmic time: all occurrences before it have come."""
    if not arrivals.has_come(_occurrence(content, 0)):
        return _occurrence(content, 0)
    come, next_ = 0, 1
    while arrivals.has_come(_occurrence(content, next_)):
        come, next_ = next_, 2 * next_
    while next_ - come > 1:
        middle = (come + next_) // 2
        if arrivals.has_come(_occurrence(content, middle)):
            come = middle
        else:
            next_ = middle
    return _occurrence(content, next_)


def _occurrence(content: int, number: int) -> int:
    return eight_bytes(b"line:%d:%d" % (content, number))
