"""The parts that the text of a stream has, and what bears witness to each.

A part has an output index and a content index. Where a service tells both, each part stands for itself. Where it does
not, the parts follow each other in one flow, and a final text is about all that came since the last one of its kind.
"""

from collections.abc import Iterator
from typing import Any

from eugpt_cli.api.events import Event, Key, index_of, key_of
from eugpt_cli.api.text_digest import TextDigest, utf16
from eugpt_cli.errors import NotTheApi, Truncated

DELTAS, TEXT, PART, ITEM = range(4)  # kinds of witnesses, in the order in which services send them
ENDS = (TEXT, PART, ITEM)


class Part:
    """A part with indexes. `add` and `agree` return what a witness brings beyond what is known.

    `kept`, if wanted, holds the text in pieces. `last`: the kind of its latest witness.
    """

    def __init__(self, *, keep: bool) -> None:
        self.kept: list[str] | None = [] if keep else None
        self.last = DELTAS
        self.is_told = False  # some witness of it was a string, be it an empty one
        self._digest = TextDigest()
        self._owed: bytes | None = None  # of the final text, what deltas that come late may still bring

    @property
    def has_text(self) -> bool:
        return not self._digest.is_empty

    def add(self, delta: str) -> str:
        """Raises Truncated for a delta that the final text does not have."""
        self.is_told = True
        if self._owed is None:
            return self._grow(delta)
        late = utf16(delta)
        if self._owed.startswith(late):
            self._owed = self._owed[len(late) :]
        elif delta.strip():
            raise Truncated("the text is damaged: a delta is not in the final text of its part")
        return ""

    def agree(self, kind: int, text: str) -> str:
        """Takes a final text; ignores an empty one. Raises Truncated where it contradicts what is known."""
        self.last = max(self.last, kind)
        self.is_told = True
        rest = beyond(self._digest, text) if text else ""
        if self._owed is not None and rest.strip():
            raise Truncated("the text is damaged: a part has two different final texts")
        if text and self._owed is None:
            self._owed = utf16(self._grow(rest))
            if self.kept is not None:
                self.kept = [text]
            return rest
        return ""

    def _grow(self, text: str) -> str:
        self._digest.add(text)
        if self.kept is not None:
            self.kept.append(text)
        return text


class Flow:
    """All parts without indexes, with the members of a part."""

    def __init__(self, *, keep: bool) -> None:
        self.kept: list[str] | None = [] if keep else None
        self.is_told = False
        self.has_text = False
        self._open = {kind: TextDigest() for kind in ENDS}  # what came since the last end of that kind
        self._starts = dict.fromkeys(ENDS, 0)  # where that is in `kept`
        self._latest = dict.fromkeys(ENDS, "")
        self._owed = b""
        self._has_ended = False  # nothing came since the last end
        self._stray = ""  # the only delta since then
        self._ends: set[int] = set()  # hashes of what was said at them, without the white space around it
        self._is_again = False  # one came again, and not at once

    def is_open(self, kind: int) -> bool:
        """Whether text came since the last end of that kind."""
        return not self._open[kind].is_empty

    def add(self, delta: str) -> str:
        self.is_told = True
        late = utf16(delta)
        if self._owed.startswith(late):
            self._owed = self._owed[len(late) :]
            return ""
        self._owed = b""
        self._stray = delta if self._has_ended else ""
        self._has_ended = self._has_ended and not delta
        return self._grow(delta)

    def agree(self, kind: int, text: str, *, numbered: bool) -> str:
        """Takes a final text. The same again is the next part's only if it is `numbered`, or if text came between.

        Raises Truncated where it contradicts what came since the last one.
        """
        self.is_told = True
        if not text or (not numbered and not self.is_open(kind) and text == self._latest[kind]):
            return ""
        end, rest = hash((kind, text.strip())), self._grow(beyond(self._open[kind], text))
        self._is_again = self._is_again or (not numbered and bool(rest.strip()) and end in self._ends)
        if text.strip():  # white space alone may come twice
            self._ends.add(end)
        self._owed = utf16(rest)
        self._open[kind], self._latest[kind] = TextDigest(), text
        self._has_ended, self._stray = True, ""
        if self.kept is not None:
            if self._starts[kind] == max(self._starts.values()):  # no end of another kind is within
                self.kept[self._starts[kind] :] = [text]
            self._starts[kind] = len(self.kept)
        return rest

    @property
    def is_doubtful(self) -> bool:
        """Whether something looks as if it came twice: an end, or the only delta after the last one."""
        return self._is_again or (
            bool(self._stray.strip()) and any(self._stray in latest for latest in self._latest.values())
        )

    def _grow(self, text: str) -> str:
        self.has_text = self.has_text or bool(text)
        for digest in self._open.values():
            digest.add(text)
        if self.kept is not None:
            self.kept.append(text)
        return text


class Parts:
    """The parts of a stream, found by the indexes in an event."""

    def __init__(self, *, keep: bool) -> None:
        self.flow = Flow(keep=keep)
        self.is_mute = False  # a part ended without any text told
        self._keep = keep
        self._parts: dict[Key, Part] = {}
        self._at: Key = (0, 0)
        self._sources: list[str] = []  # where text came from by turns, the flow or the parts: three turns are enough
        self._latest: Key | None = None  # the part that text came from last; None: the flow, or no text yet
        self._furthest: Key = (0, 0)
        self._is_mixed = False  # text with indexes may have come without
        self.in_order = True

    @property
    def is_doubtful(self) -> bool:
        """Whether some text looks as if it came twice, or in another order."""
        return self._is_mixed or len(self._sources) > 2 or self.flow.is_doubtful

    @property
    def all(self) -> Iterator[Part | Flow]:
        """In the order of their indexes; those without any come before or after, as they did."""
        is_first = self._sources[:1] != ["parts"]
        if is_first:
            yield self.flow
        yield from (self._parts[key] for key in sorted(self._parts))
        if not is_first:
            yield self.flow

    def add(self, key: Key | None, delta: str) -> str:
        """What a delta brings."""
        if key is not None and key == self._latest:  # most deltas: it continues the text that came last
            self._at = key
            return self._parts[key].add(delta)
        if key is None and self._parts and not self.flow.has_text and self._part(self._at).last == DELTAS:
            key = self._at
        if key is None or (not self._parts and self.flow.is_open(TEXT)):
            return self._flowing(self.flow.add(delta))
        return self._placed(key, self._part(key).add(delta))

    def agree(self, event: Event, kind: int, text: Any) -> str:
        """What a final text of a part brings. One that is absent says nothing."""
        key = key_of(event.fields)
        if key is None and self._parts and not self.flow.has_text and self._part(self._at).last < kind:
            key = self._at
        if key is None or (key not in self._parts and self.flow.is_open(kind)):
            return self._flow_agrees(event, kind, [text])
        return self._part_agrees(key, kind, text)

    def agree_item(self, event: Event, texts: dict[int, Any]) -> str:
        """What the final texts of an item's parts bring, by their content indexes."""
        item = index_of(event.fields, "output_index")
        if item is None and self._parts and not self.flow.has_text:
            item = self._at[0]
        keys = [] if item is None else [(item, content) for content in texts]
        strange = [text for key, text in zip(keys, texts.values(), strict=False) if key not in self._parts]
        if not keys or (self.flow.is_open(ITEM) and len(strange) == len(keys)):
            return self._flow_agrees(event, ITEM, list(texts.values()))
        return "".join([self._part_agrees(key, ITEM, text) for key, text in zip(keys, texts.values(), strict=True)])

    def _flow_agrees(self, event: Event, kind: int, texts: list[Any]) -> str:
        told = [text for text in map(sound, texts) if text is not None]
        self.is_mute = self.is_mute or (len(told) < len(texts) and not self.flow.is_open(kind))
        if not told:
            return ""
        return self._flowing(self.flow.agree(kind, "".join(told), numbered="sequence_number" in event.fields))

    def _part_agrees(self, key: Key, kind: int, text: Any) -> str:
        part, told = self._part(key), sound(text)
        self.is_mute = self.is_mute or (told is None and not part.is_told)
        rest = "" if told is None else part.agree(kind, told)
        self._is_mixed = self._is_mixed or (bool(rest.strip()) and self.flow.is_open(kind))
        return self._placed(key, rest)

    def _part(self, key: Key) -> Part:
        self._at = key
        if key not in self._parts:
            self._parts[key] = Part(keep=self._keep)
        return self._parts[key]

    def _came_from(self, source: str) -> None:
        if self._sources[-1:] != [source] and len(self._sources) <= 2:
            self._sources.append(source)

    def _flowing(self, text: str) -> str:
        if text:
            self._latest = None
            self._came_from("flow")
        return text

    def _placed(self, key: Key, text: str) -> str:
        if text and key != self._latest:
            self._latest = key
            self._came_from("parts")
            self.in_order = self.in_order and key >= self._furthest
            self._furthest = max(self._furthest, key)
        return text


def sound(text: Any) -> str | None:
    """A text, or None where it is absent. Raises NotTheApi for anything else."""
    if text is None or isinstance(text, str):
        return text
    raise NotTheApi("the service sent a text that is not a string")


def beyond(known: TextDigest, whole: str) -> str:
    """What a final text has beyond what is known. Raises Truncated where it does not begin with that."""
    rest = known.rest(whole)
    if rest is None:
        raise Truncated("the text is damaged: the final text does not begin with the text that arrived before")
    return rest
