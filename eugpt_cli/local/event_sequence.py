"""A finished response as the event sequence of the API pages, and each event as its bytes on the wire."""

import json
import re
from collections.abc import Iterator
from typing import Any

from eugpt_cli.local.models import MessageItem, OutputItem, ResponseObject

JsonEvent = dict[str, Any]

_PIECE = re.compile(r"\s*\S+|\s+")


def deltas(text: str) -> list[str]:
    """The text in word-sized pieces; joined they are the text again."""
    return _PIECE.findall(text)


def sequence(response: ResponseObject) -> Iterator[JsonEvent]:
    """The events of a completed response, from `response.created` to `response.completed`, numbered from 0."""
    for number, event in enumerate(_events(response)):
        yield {"type": event.pop("type"), "sequence_number": number, **event}


def _events(response: ResponseObject) -> Iterator[JsonEvent]:
    started = response.model_copy(update={"status": "in_progress", "output": [], "output_text": "", "usage": None})
    yield {"type": "response.created", "response": started.model_dump(mode="json")}
    for index, item in enumerate(response.output):
        yield {"type": "response.output_item.added", "output_index": index, "item": _begun(item)}
        if isinstance(item, MessageItem):
            yield from _text_events(item, index)
        yield {"type": "response.output_item.done", "output_index": index, "item": item.model_dump(mode="json")}
    yield {"type": "response.completed", "response": response.model_dump(mode="json")}


def _begun(item: OutputItem) -> dict[str, Any]:
    empty: dict[str, Any] = {"status": "in_progress"}
    if isinstance(item, MessageItem):
        empty["content"] = []
    elif item.type == "mcp_call":
        empty.update(arguments="", output=None, error=None)
    return item.model_copy(update=empty).model_dump(mode="json")


def _text_events(item: MessageItem, output_index: int) -> Iterator[JsonEvent]:
    for content_index, part in enumerate(item.content):
        place = {"item_id": item.id, "output_index": output_index, "content_index": content_index}
        blank = part.model_copy(update={"text": "", "annotations": []})
        yield {"type": "response.content_part.added", **place, "part": blank.model_dump(mode="json")}
        for delta in deltas(part.text):
            yield {"type": "response.output_text.delta", **place, "delta": delta, "logprobs": []}
        yield {"type": "response.output_text.done", **place, "text": part.text, "logprobs": []}


_LINE_ENDS = {0x85: "\\u0085", 0x2028: "\\u2028", 0x2029: "\\u2029"}


def frame(event: JsonEvent | str) -> bytes:
    """One event as the service frames it; a string is taken as the data line itself.

    JSON that we write holds nothing at which the API pages' own sample (Python's `splitlines`) would break a line.
    """
    if isinstance(event, str):
        data = event
    else:
        data = json.dumps(event, ensure_ascii=False, separators=(",", ":")).translate(_LINE_ENDS)
    return f"event: message\ndata: {data}\n\n".encode("utf-8", "surrogatepass")
