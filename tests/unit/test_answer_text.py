"""Which text an answer has: one row a rule, then a property over random responses told in every way."""

import json
from collections.abc import Iterable
from typing import Any

import pytest

from eugpt_cli.api.answer_text import AnswerText
from eugpt_cli.api.delta_runs import DeltaRun, delta_run
from eugpt_cli.api.events import Event, decode
from eugpt_cli.errors import EugptError, Failed, NotTheApi, Truncated

Fields = dict[str, Any]


def delta(text: Any, at: tuple[int, int] | None = None, number: int | None = None) -> Fields:
    return _event("response.output_text.delta", at, number, delta=text)


def done(text: Any, at: tuple[int, int] | None = None, number: int | None = None) -> Fields:
    return _event("response.output_text.done", at, number, text=text)


def part_done(text: Any, at: tuple[int, int] | None = None) -> Fields:
    return _event("response.content_part.done", at, None, part={"type": "output_text", "text": text})


def item_done(*texts: Any, item: int | None = None) -> Fields:
    fields: Fields = {"type": "response.output_item.done", "item": message(*texts)}
    return fields if item is None else {**fields, "output_index": item}


def message(*texts: Any) -> Fields:
    return {"type": "message", "content": [{"type": "output_text", "text": text} for text in texts]}


def _event(kind: str, at: tuple[int, int] | None, number: int | None, **members: Any) -> Fields:
    fields: Fields = {"type": kind, **members}
    if at:
        fields["output_index"], fields["content_index"] = at
    return fields if number is None else {**fields, "sequence_number": number}


def read(answer: AnswerText, events: Iterable[Event | DeltaRun]) -> list[str]:
    """The text that each of them brings."""
    texts: list[str] = []
    answer.read(events, texts)
    return texts


def live(events: list[Fields], response: Fields) -> str:
    """What is printed as it comes."""
    answer = AnswerText(keep=False)
    return "".join(read(answer, map(event_of, events))) + answer.rest(response)


def whole(events: list[Fields], response: Fields) -> str:
    """What is printed at the end."""
    answer = AnswerText(keep=True)
    read(answer, map(event_of, events))
    return answer.whole(response)


def event_of(fields: Fields) -> Event:
    return decode(json.dumps(fields).encode())


A, B = (0, 0), (0, 1)
FLAT = {"output_text": "Hello"}
OUTPUT = {"output": [message("Hel", "lo")]}
HELLO: dict[str, tuple[list[Fields], Fields]] = {
    "deltas": ([delta("Hel"), delta("lo")], {}),
    "deltas and all witnesses": (
        [delta("Hel", A), delta("lo", A), done("Hello", A), part_done("Hello", A), item_done("Hello", item=0)],
        FLAT | {"output": [message("Hello")]},
    ),
    "the same without indexes": (
        [delta("Hel"), delta("lo"), done("Hello"), part_done("Hello"), item_done("Hello")],
        {},
    ),
    "done only": ([done("Hel", A), done("lo", B)], {}),
    "done only, without indexes": ([done("Hel"), done("lo")], {}),
    "a part by done only after one by deltas": ([delta("Hel", A), done("Hel", A), done("lo", B)], {}),
    "the same without indexes ": ([delta("Hel"), done("Hel"), done("lo")], {}),
    "parts only": ([part_done("Hel"), part_done("lo")], {}),
    "an item only": ([item_done("Hel", "lo")], {}),
    "items only": ([item_done("Hel"), item_done("lo")], {}),
    "items only, with indexes": ([item_done("Hel", item=1), item_done("lo", item=3)], {}),
    "done twice": ([delta("Hel"), delta("lo"), done("Hello"), done("Hello")], {}),
    "done before its deltas": ([done("Hello", A), delta("Hel", A), delta("lo", A)], {}),
    "done before its deltas, without indexes": ([done("Hello"), delta("Hel"), delta("lo")], {}),
    "done before its last delta": ([delta("Hel", A), done("Hello", A), delta("lo", A)], {}),
    "the last delta is lost": ([delta("Hel", A), done("Hello", A)], {}),
    "the last delta is lost, the response has the text": ([delta("Hel")], FLAT),
    "all deltas are lost": ([], FLAT),
    "only the output": ([], OUTPUT),
    "an empty output_text says nothing": ([delta("Hello")], {"output_text": "", "output": []}),
    "an empty done says nothing": ([delta("Hello"), done(""), done(None)], {}),
    "a repeated delta, number and all": ([delta("Hel", A, 1), delta("Hel", A, 1), delta("lo", A, 2)], {}),
    "a gap, and the response has the text": ([delta("Hel", A, 1), delta("lo", A, 7)], FLAT),
    "numbers that say nothing": ([delta("Hel", A, 0), delta("l", A, 0), delta("o", A, 0)], {}),
    "numbers of a clock": ([delta("Hel", A, 10), delta("l", A, 17), delta("o", A, 21)], {}),
    "indexes on some events only": ([delta("Hel"), delta("lo"), done("Hello", (1, 0)), item_done("Hello", item=1)], {}),
    "an index is missing": ([delta("Hel", A), {**delta("lo", A), "output_index": None}, done("Hello", A)], {}),
    "reasoning before": (
        [
            {"type": "response.output_item.added", "output_index": 0, "item": {"type": "reasoning"}},
            {"type": "response.output_item.done", "output_index": 0, "item": {"type": "reasoning", "content": []}},
            {"type": "response.output_item.added", "output_index": 1, "item": {"type": "message"}},
            delta("Hel"),
            delta("lo"),
            item_done("Hello", item=1),
        ],
        {},
    ),
}


@pytest.mark.parametrize("name", HELLO)
def test_the_text_is_found(name: str) -> None:
    events, response = HELLO[name]
    assert (live(events, response), whole(events, response)) == ("Hello", "Hello")


DAMAGED: dict[str, tuple[list[Fields], Fields]] = {
    "a delta in the middle is lost": ([delta("He", A), delta("o", A), done("Hello", A)], {}),
    "it is lost, and only the response knows": ([delta("He"), delta("o")], FLAT),
    "a delta twice": ([delta("Hel", A), delta("Hel", A), delta("lo", A), done("Hello", A)], {}),
    "deltas swapped": ([delta("lo", A), delta("Hel", A), done("Hello", A)], {}),
    "the end is shorter": ([delta("Hello", A), done("Hell", A)], {}),
    "two ends": ([done("Hello", A), part_done("Hello you", A)], {}),
    "more after the end": ([done("Hello", A), delta("Hello", A), delta(" you", A)], {}),
    "the item says otherwise": ([done("Hello", A), item_done("Hallo", item=0)], {}),
    "the response says otherwise": ([delta("Hello")], {"output_text": "Hallo"}),
    "white space in the middle": ([delta("Hel lo")], FLAT),
    "an item some of whose text came without indexes": (
        [delta("Hel"), done("Hel", A), delta("lo", B), done("lo", B), item_done("Hel", "lo", item=0)],
        {},
    ),
    "a gap": ([delta("He", A, 1), delta("l", A, 2), delta("o", A, 4)], {}),
    "an earlier part's end comes again within the next part's deltas, which it begins like": (
        [delta(" not a"), done(" not a"), delta("not "), done(" not a"), done("not ")],
        {},
    ),
    "the first delta of an item has lost its index": (
        [
            delta("a", A),
            item_done("a", item=0),
            {**delta("b", (1, 0)), "output_index": None},
            delta("\n", (1, 0)),
            item_done("b\n", item=1),
        ],
        {},
    ),
    "text with an index within text without": ([delta("a "), done("a "), delta("b ", A), delta("c")], {}),
    "the second of three parts has lost its index": (
        [done("a", A), done("b"), part_done("b", (1, 0)), done("c", (1, 1))],
        {},
    ),
    "an earlier part's end comes again, where nothing is numbered and white space is the only difference": (
        [
            delta("ha"),
            done("ha"),
            part_done("ha"),
            delta("\n"),
            delta("ha"),
            part_done("ha"),
            done("\nha"),
            part_done("\nha"),
        ],
        {},
    ),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damage_is_found(name: str) -> None:
    events, response = DAMAGED[name]
    for read in (live, whole):
        with pytest.raises(Truncated):
            read(events, response)


ANOTHER = {"type": "message", "content": [{"type": "text", "text": "x"}]}
REFUSED = {"type": "message", "content": [{"type": "refusal", "refusal": "I will not"}]}
OTHER: dict[str, tuple[list[Fields], Fields, type[EugptError]]] = {
    "a delta is a number": ([delta("Hel"), delta(5)], FLAT, NotTheApi),
    "a delta is null": ([delta(None)], FLAT, NotTheApi),
    "a delta has none": ([{"type": "response.output_text.delta"}], FLAT, NotTheApi),
    "an index is a string": ([{**delta("Hel"), "output_index": "0", "content_index": 0}], FLAT, NotTheApi),
    "done is an object": ([done({})], FLAT, NotTheApi),
    "no text": ([], {}, NotTheApi),
    "a part without text": ([delta("Hel", A), done(None, B)], {}, NotTheApi),
    "a text of another type": (
        [],
        {"output": [{"type": "message", "content": [{"type": "text", "text": "x"}]}]},
        NotTheApi,
    ),
    "a message that is a string": ([], {"output": [{"type": "message", "content": "x"}]}, NotTheApi),
    "a part without its text": ([], {"output": [message(None)]}, NotTheApi),
    "an output_text without text": (
        [],
        {"output": [{"type": "message", "content": [{"type": "output_text"}]}]},
        NotTheApi,
    ),
    "a text that is an object": (
        [],
        {"output": [{"type": "message", "content": [{"type": "text", "text": {"value": "a"}}]}]},
        NotTheApi,
    ),
    "a message of another type": (
        [],
        {"output": [{"type": "output_message", "content": [{"type": "text", "text": "a"}]}]},
        NotTheApi,
    ),
    "a refusal without words": ([], {"output": [{"type": "message", "content": [{"type": "refusal"}]}]}, Failed),
    "a refusal with empty words": (
        [],
        {"output": [{"type": "message", "content": [{"type": "refusal", "refusal": ""}]}]},
        Failed,
    ),
    "a refusal that is a list": (
        [],
        {"output": [{"type": "message", "content": [{"type": "refusal", "refusal": ["x"]}]}]},
        Failed,
    ),
    "a refusal event without words": ([{"type": "response.refusal.done", "refusal": ""}], {"output": []}, Failed),
    "a refusal delta that is a number": ([{"type": "response.refusal.delta", "delta": 5}], {"output": []}, Failed),
    "a refusal in the response": ([], {"output": [REFUSED]}, Failed),
    "a refusal in an item": ([{"type": "response.output_item.done", "item": REFUSED}], {}, Failed),
    "a refusal in deltas": ([{"type": "response.refusal.delta", "delta": "I will not"}], {"output": []}, Failed),
    "a refusal at once": ([{"type": "response.refusal.done", "refusal": "I will not"}], {}, Failed),
}


@pytest.mark.parametrize("name", OTHER)
def test_what_is_no_text(name: str) -> None:
    events, response, fault = OTHER[name]
    for read in (live, whole):
        with pytest.raises(fault) as raised:
            read(events, response)
        assert fault is not Failed or raised.value.message.startswith("the model refused")
        assert ("I will not" in raised.value.message) == ("I will not" in json.dumps([events, response]))


def test_an_empty_answer_is_one() -> None:
    for events, response in (([], {"output": []}), ([], {"output_text": ""}), ([done("")], {}), ([delta("")], {})):
        assert (live(events, response), whole(events, response)) == ("", "")
    tools = {"output": [{"type": "web_search_call", "status": "completed"}, {"type": "reasoning", "content": "x"}]}
    assert (live([], tools), whole([], tools)) == ("", "")


def test_white_space_at_either_end_makes_no_difference() -> None:
    events = [delta("\n Hello", A), delta(" \n", A), done("Hello", A)]
    assert (live(events, {}), whole(events, {})) == ("\n Hello \n", "Hello")
    assert (live(events, FLAT), whole(events, FLAT)) == ("\n Hello \n", "Hello")


def test_white_space_may_be_a_part_twice() -> None:
    events = [delta(" "), done(" "), done("Hel"), delta(" "), done(" "), done("lo")]
    assert (live(events, {}), whole(events, {})) == (" Hel lo", " Hel lo")


def test_all_or_nothing_puts_parts_in_their_order() -> None:
    events = [delta("lo", B), delta("Hel", A)]
    assert whole(events, {}) == "Hello"
    with pytest.raises(Truncated):
        live(events, {})
    with pytest.raises(Truncated):
        live(events, FLAT)


def test_halves_of_a_character_compare_like_the_whole() -> None:
    halves = [delta("a\ud83d", A), delta("\ude00", A), done("a\U0001f600", A)]
    assert whole(halves, {}) == "a\U0001f600"
    assert live(halves, {"output_text": "a\U0001f600!"}).endswith("!")


def test_what_came_is_known_before_the_end() -> None:
    answer = AnswerText(keep=True)
    assert read(answer, map(event_of, [delta("Hel", A), delta("lo", A)])) == ["Hel", "lo"]
    assert answer.so_far() == "Hello"
    answer.document({"status": "incomplete", "output_text": "Hel"})
    assert answer.so_far() == "Hel"


def test_text_that_comes_from_a_part_again_after_some_without_a_part_is_in_doubt() -> None:
    """The part is the same as before, and its order among the rest is not known all the same."""
    events = [delta("a", A), done("", A), delta("b"), delta("c", A)]
    for tell in (live, whole):
        with pytest.raises(Truncated, match="twice or out of order"):
            tell(events, {})


RUN = [json.dumps(delta(text, A, n)).encode() for n, text in enumerate(["a", "b\\n", "é"], 1)]


def test_a_run_of_deltas_is_what_its_events_are() -> None:
    run = delta_run(RUN)
    assert run
    answer = AnswerText(keep=True)
    assert "".join(read(answer, [run])) == "ab\\né"
    assert "".join(read(answer, [run])) == "", "the same numbers again"
