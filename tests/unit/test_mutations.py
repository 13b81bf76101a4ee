"""A response told in some way, and then one event of it dropped, doubled, swapped, cut or of a wrong type.

Property: whatever prints it, exit 0 never comes with another text than the response's. White space at the ends of parts
is no difference, by the contract. What nobody can see is left out, since nothing that arrives speaks against it:

- where only deltas tell the text, without sequence numbers: one dropped, doubled, swapped or shortened;
- where sequence numbers are the only check: a text that was shortened and is still a string; and in a stream whose
  events are fewer than three, whose numbers have no step to compare with, one dropped;
- a part, or a text, of which the one and only witness is dropped, shortened or set to null where nothing is numbered.

The suite tries a few thousand; `python -m tests.unit.test_mutations 100000` tries that many, in several processes.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import combinations, pairwise
from random import Random
from typing import Any, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from eugpt_cli.api.exchange import _stream
from eugpt_cli.api.observer import Observer
from eugpt_cli.api.outcome import Outcome
from eugpt_cli.api.writer import Writer
from eugpt_cli.batch.rows import AnswerRecorder
from eugpt_cli.errors import EugptError
from eugpt_cli.http.response import Fields, Response
from eugpt_cli.http.silence import SilenceTimer
from eugpt_cli.output.writers import TextWriter

Event = dict[str, Any]
WORDS = ("a", "b", "ab", "ha", " ", "\n", "é", "\U0001f600", "Do ", "not ", "x" * 30, '"\\', "data: ")
WRONG: tuple[Any, ...] = (5, None, True, {}, [], "x", {"text": "x"}, ["x"])


class Telling(NamedTuple):
    """How a service tells a text: its parts, each in deltas, and which events bear witness to them."""

    items: list[list[list[str]]]  # item → part → deltas
    whole: str  # the member of the last response that has the text, or ""
    indexed: bool
    numbered: bool
    announced: bool  # items and parts are added before their text
    text_done: bool
    part_done: bool
    item_done: bool
    deltas: bool

    @property
    def text(self) -> str:
        return "".join(delta for item in self.items for part in item for delta in part)

    @property
    def is_checked(self) -> bool:
        """Whether something beside the deltas speaks of the text."""
        ends = self.text_done or self.part_done or self.item_done
        return self.numbered or bool(self.whole) or (self.deltas and ends)

    def events(self) -> list[Event]:
        events = [{"type": "response.created", "response": {"id": "r", "status": "in_progress"}}, *self._text()]
        response: Event = {"id": "r", "status": "completed"}
        if self.whole == "output":
            response["output"] = [_message(item) for item in self.items]
        elif self.whole:
            response["output_text"] = self.text
        events.append({"type": "response.completed", "response": response})
        return [{**event, "sequence_number": n} if self.numbered else event for n, event in enumerate(events)]

    def _text(self) -> Iterator[Event]:
        for index, item in enumerate(self.items):
            place = {"output_index": index} if self.indexed else {}
            if self.announced:
                yield {"type": "response.output_item.added", **place, "item": {"type": "message", "content": []}}
            for content, part in enumerate(item):
                yield from self._part(part, {**place, "content_index": content} if self.indexed else {})
            if self.item_done:
                yield {"type": "response.output_item.done", **place, "item": _message(item)}

    def _part(self, part: list[str], place: Event) -> Iterator[Event]:
        if self.announced:
            yield {"type": "response.content_part.added", **place, "part": _output_text("")}
        if self.deltas:
            yield from ({"type": "response.output_text.delta", **place, "delta": delta} for delta in part)
        if self.text_done:
            yield {"type": "response.output_text.done", **place, "text": "".join(part)}
        if self.part_done:
            yield {"type": "response.content_part.done", **place, "part": _output_text("".join(part))}


def _output_text(text: str) -> Event:
    return {"type": "output_text", "text": text, "annotations": []}


def _message(item: list[list[str]]) -> Event:
    return {"type": "message", "content": [_output_text("".join(part)) for part in item]}


def telling(random: Random) -> Telling:
    """A random one in which something is told, and which has no two readings."""
    while True:
        items = [
            [[random.choice(WORDS) for _ in range(random.randint(1, 5))] for _ in range(random.choice((1, 1, 1, 2)))]
            for _ in range(random.choice((1, 1, 1, 2)))
        ]
        flags = [random.random() < share for share in (0.6, 0.5, 0.5, 0.5, 0.3, 0.3, 0.8)]
        whole = random.choice(("", "", "output", "output_text"))
        it = Telling(items, whole, *flags)
        ends = it.text_done or it.part_done or it.item_done
        if (it.deltas or ends or whole) and not _is_ambiguous(it):
            return it


def _is_ambiguous(it: Telling) -> bool:
    """Ends without indexes or numbers, two of which are the same but for white space: one that came twice.

    Where deltas tell the parts too, only two that follow each other.
    """
    parts = ["".join(part).strip() for item in it.items for part in item]
    items = ["".join(map("".join, item)).strip() for item in it.items]
    if it.indexed or it.numbered:
        return False
    pairs = pairwise if it.deltas else partial(combinations, r=2)
    return any(a == b for a, b in (*pairs(parts), *pairs(items)))


Mutation = Callable[[list[bytes], Random], list[bytes]]


def dropped(events: list[bytes], random: Random) -> list[bytes]:
    at = random.randrange(len(events))
    return events[:at] + events[at + 1 :]


def doubled(events: list[bytes], random: Random) -> list[bytes]:
    at, to = random.randrange(len(events)), random.choice((1, 1, 2, 3))
    return [*events[: at + to], events[at], *events[at + to :]]


def swapped(events: list[bytes], random: Random) -> list[bytes]:
    at = random.randrange(len(events) - 1)
    return [*events[:at], events[at + 1], events[at], *events[at + 2 :]]


def cut(events: list[bytes], random: Random) -> list[bytes]:
    at = random.randrange(len(events))
    return [*events[:at], events[at][: random.randrange(1, len(events[at]))], *events[at + 1 :]]


def ended(events: list[bytes], random: Random) -> list[bytes]:
    return events[: random.randrange(len(events))]


def mistyped(events: list[bytes], random: Random) -> list[bytes]:
    """Some value in an event is of another type."""
    at = random.randrange(len(events))
    fields = json.loads(events[at])
    inside = random.choice(list(_objects(fields)))
    name = random.choice(list(inside))
    wrong = [value for value in WRONG if type(value) is not type(inside[name])]
    inside[name] = random.choice(wrong)
    return [*events[:at], json.dumps(fields).encode(), *events[at + 1 :]]


def shortened(events: list[bytes], random: Random) -> list[bytes]:
    """A text has lost its end, or its beginning."""
    at = random.randrange(len(events))
    fields = json.loads(events[at])
    texts = [
        (inside, name) for inside in _objects(fields) for name in ("delta", "text", "output_text") if name in inside
    ]
    if texts:
        inside, name = random.choice(texts)
        inside[name] = random.choice((inside[name][:-1], inside[name][1:]))
    return [*events[:at], json.dumps(fields).encode(), *events[at + 1 :]]


def _objects(value: Any) -> Iterator[Event]:
    if isinstance(value, dict) and value:
        yield value
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _objects(part)


MUTATIONS: tuple[Mutation, ...] = (dropped, doubled, swapped, cut, ended, mistyped, shortened)


def is_visible(it: Telling, mutation: Mutation, mutant: list[bytes]) -> bool:
    """Whether somebody could see the mutation; see above."""
    if mutation is cut or mutation is ended:
        return True
    witnesses = it.deltas + it.text_done + it.part_done + it.item_done + bool(it.whole)
    if mutation is shortened:
        return witnesses >= 2 and (it.deltas or witnesses >= 3 or not it.whole)
    if mutation is mistyped and any(b"null" in event for event in mutant):
        return it.is_checked and witnesses >= 2
    return it.is_checked


def body(events: list[bytes], random: Random) -> Iterator[bytes]:
    """The stream in pieces: at times in reads of many events, or of one, at times cut anywhere."""
    frames = [b"data: %b\n\n" % event for event in events]
    data = b"".join(frames)
    size = random.choice((len(data) or 1, 300, 7, 0))
    return iter([data[at : at + size] for at in range(0, len(data), size)] if size else frames)


def printed(events: list[bytes], random: Random, *, live: bool) -> str | None:
    """What stream (`live`) or ask prints, None where it does not exit with 0."""
    out: list[bytes] = []
    writer = TextWriter(out.append, None, live=live)
    if not _ends_well(events, random, writer):
        return None
    return b"".join(out).decode()


def row_text(events: list[bytes], random: Random) -> str | None:
    """The text in the row of a batch, None where it is not ok."""
    recorder = AnswerRecorder()
    return recorder.text if _ends_well(events, random, recorder) else None


def _ends_well(events: list[bytes], random: Random, writer: Writer) -> bool:
    response = Response(200, "OK", Fields([]), body(events, random))
    try:
        _stream(response, SilenceTimer(60), writer, Outcome(), Observer())
    except EugptError:
        return False
    return True


def check(seed: int) -> tuple[str, int]:
    """One case: the mutation's name, and how many of the three printed something. Fails by an AssertionError."""
    random = Random(seed)
    it = telling(random)
    is_ascii, separators = random.random() < 0.5, random.choice(((",", ":"), (", ", ": ")))
    events = [json.dumps(event, ensure_ascii=is_ascii, separators=separators).encode() for event in it.events()]
    texts = printed(events, random, live=True), printed(events, random, live=False), row_text(events, random)
    assert [text is not None and _same(text, it.text) for text in texts] == [True] * 3, (seed, it, texts, events)
    mutation = random.choice(MUTATIONS)
    mutant = mutation(events, random)
    texts = printed(mutant, random, live=True), printed(mutant, random, live=False), row_text(mutant, random)
    if is_visible(it, mutation, mutant):
        for text in texts:
            assert text is None or _same(text, it.text), (seed, mutation.__name__, it, texts, mutant)
    return mutation.__name__, sum(text is not None for text in texts)


def _same(text: str, wanted: str) -> bool:
    return text.split() == wanted.split() or "".join(text.split()) == "".join(wanted.split())


@settings(max_examples=3000, derandomize=True)
@given(st.integers(0, 1 << 62))
def test_a_mutant_is_never_printed_as_whole(seed: int) -> None:
    check(seed)


def run(begin: int, count: int) -> dict[str, int]:
    """So many cases; how many of each mutation ended well at least once."""
    found: dict[str, int] = dict.fromkeys((mutation.__name__ for mutation in MUTATIONS), 0)
    for seed in range(begin, begin + count):
        name, well = check(seed)
        found[name] += well > 0
    return found


def main(count: int, processes: int = 4) -> None:
    """Prints how many cases held."""
    begin, started = time.time_ns(), time.monotonic()
    share = count // processes
    with ProcessPoolExecutor(processes) as pool:
        for found in pool.map(run, [begin + n * share for n in range(processes)], [share] * processes):
            sys.stdout.write(f"{share} cases, of which these ended well all the same: {found}\n")
    sys.stdout.write(f"{time.monotonic() - started:.0f} s\n")


if __name__ == "__main__":
    main(int(sys.argv[1]))
