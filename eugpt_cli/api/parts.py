"""The parts that the text of a stream has, and what bears witness to each.

A part has an output index and a content index. Services tell both, one or none of them; an index that is not told is
that of the part that is open, or of the next one where that has ended.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from eugpt_cli.api.events import Event
from eugpt_cli.api.text_digest import TextDigest, utf16
from eugpt_cli.errors import Truncated

Key = tuple[int, int]

# What bears witness to a part, in the order in which services send it; each ends what stands before it.
DELTAS, TEXT, PART, ITEM = range(4)


class Part:
    """One part: what is known of its text. `add` and `agree` return what that brings beyond it.

    `kept`, if wanted, holds the text in pieces. `guessed`: an index has not been told. `last`: its latest witness.
    """

    def __init__(self, *, keep: bool, guessed: bool) -> None:
        self.kept: list[str] | None = [] if keep else None
        self.guessed = guessed
        self.last = DELTAS
        self.is_told = False  # some witness of it was a string, be it an empty one
        self._digest = TextDigest()
        self._owed: bytes | None = None  # of the final text, what deltas that come late may still bring

    def add(self, delta: str) -> str:
        """Raises Truncated for a delta that the final text does not have."""
        self.is_told = True
        if self._owed is not None and delta.strip():
            if not self.owes(delta):
                raise Truncated("the text is damaged: a delta came that its part does not end with")
            self._owed = self._owed[len(utf16(delta)) :]
        return self._grow(delta) if self._owed is None else ""

    def owes(self, delta: Any) -> bool:
        """Whether a delta is late: the final text brought it before."""
        return self._owed is not None and isinstance(delta, str) and self._owed.startswith(utf16(delta))

    def agree(self, text: str) -> str:
        """Takes a final text; an empty one says nothing. Raises Truncated where it contradicts what is known."""
        self.is_told = True
        if not text:
            return ""
        rest = self._digest.rest(text)
        if rest is None or (self._owed is not None and rest.strip()):
            raise Truncated("the text is damaged: what the service said at its end is not what it had sent")
        if self._owed is not None:
            return ""
        self._grow(rest)
        self._owed = utf16(rest)
        if self.kept is not None:
            self.kept = [text]
        return rest

    def is_same(self, text: Any) -> bool:
        """Whether this is its final text once more."""
        return self._owed is not None and isinstance(text, str) and self._digest.rest(text) == ""

    @property
    def has_text(self) -> bool:
        return not self._digest.is_empty

    def _grow(self, text: str) -> str:
        self._digest.add(text)
        if self.kept is not None:
            self.kept.append(text)
        return text


class Parts:
    """The parts of a stream, found by what an event tells of its indexes."""

    def __init__(self, *, keep: bool) -> None:
        self._keep = keep
        self._parts: dict[Key, Part] = {}
        self._ends: dict[int, int] = {}  # item → the content index after its last part
        self._items = 0  # the output index after the last item
        self._at: Key = (0, 0)

    def in_order(self) -> Iterator[Part]:
        return (self._parts[key] for key in sorted(self._parts))

    def begin_item(self, event: Event) -> None:
        """An output item begins."""
        item, _ = indexes(event.fields)
        self._at = (self._items if item is None else item, 0)

    def begin_part(self, event: Event) -> None:
        """A content part begins."""
        item, content = indexes(event.fields)
        here = self._at[0] if item is None else item
        self._at = (here, self._ends.get(here, 0) if content is None else content)

    def at(self, key: Key, *, guessed: bool) -> Part:
        """The part with these indexes; a part that had to be guessed turns out to be it."""
        if key not in self._parts and not guessed:
            here = self._parts.get(self._at)
            if here and here.guessed:
                self._parts[key] = self._parts.pop(self._at)
                here.guessed = False
        self._at = item, content = key
        self._items = max(self._items, item + 1)
        self._ends[item] = max(self._ends.get(item, 0), content + 1)
        return self._parts.get(key) or self._parts.setdefault(key, Part(keep=self._keep, guessed=guessed))

    def of_event(self, event: Event, witness: int, text: Any) -> tuple[Key, Part]:
        """The part that a delta, or a final text, belongs to."""
        item, content = indexes(event.fields)
        key = (self._at[0] if item is None else item, self._at[1] if content is None else content)
        guessed = item is None or content is None
        part = self._parts.get(key)
        if guessed and part and _has_ended(part, witness, text, numbered="sequence_number" in event.fields):
            key = (key[0], self._ends[key[0]]) if content is None else (self._items, key[1])
        return key, self.at(key, guessed=guessed)

    def item_of(self, event: Event, texts: Mapping[int, Any]) -> int:
        """The output index of an item that has ended."""
        item, _ = indexes(event.fields)
        if item is not None:
            return item
        known = [self._parts.get((self._at[0], content)) for content in texts]
        ended = any(part and part.last == ITEM for part in known)
        same = all(part and part.is_same(text) for part, text in zip(known, texts.values(), strict=True))
        return self._items if ended and not same else self._at[0]


def _has_ended(part: Part, witness: int, text: Any, *, numbered: bool) -> bool:
    """Whether an event that tells no indexes is of the next part, not of this one."""
    if witness == DELTAS:
        return part.last != DELTAS and not part.owes(text)
    return bool(text) and part.last >= witness and (numbered or not part.is_same(text))


def indexes(fields: Mapping[str, Any]) -> tuple[int | None, int | None]:
    item, content = fields.get("output_index"), fields.get("content_index")
    return item if type(item) is int else None, content if type(content) is int else None
