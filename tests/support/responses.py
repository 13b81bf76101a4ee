"""Events and documents of the API, spelled as JSON."""

import json
from typing import Any


def event(kind: str, **members: Any) -> str:
    return json.dumps({"type": kind, **members}, ensure_ascii=False)


def _of_part(kind: str, at: tuple[int, int] | None, number: int | None, **members: Any) -> str:
    if at:
        members["output_index"], members["content_index"] = at
    if number is not None:
        members["sequence_number"] = number
    return event(kind, **members)


def delta(text: Any, at: tuple[int, int] | None = None, number: int | None = None) -> str:
    return _of_part("response.output_text.delta", at, number, delta=text)


def done(text: Any, at: tuple[int, int] | None = None, number: int | None = None) -> str:
    return _of_part("response.output_text.done", at, number, text=text)


def part_done(text: Any, at: tuple[int, int] | None = None, number: int | None = None) -> str:
    return _of_part("response.content_part.done", at, number, part=output_text(text))


def item_done(*texts: Any, item: int | None = None) -> str:
    place = {} if item is None else {"output_index": item}
    return event("response.output_item.done", item=message(*map(output_text, texts)), **place)


def completed(*, number: int | None = None, **members: Any) -> str:
    """The end of a stream; `output` and `output_text` only if they are given."""
    response = {"id": "r", "status": "completed", **members}
    return _of_part("response.completed", None, number, response=response)


def output_text(text: Any) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": []}


def refusal(words: str) -> dict[str, Any]:
    return {"type": "refusal", "refusal": words}


def message(*parts: dict[str, Any] | str) -> dict[str, Any]:
    """An output item; a string stands for a part of text."""
    content = [output_text(part) if isinstance(part, str) else part for part in parts]
    return {"type": "message", "role": "assistant", "content": content}
