"""A finished response as the event sequence of the API pages, and each event as its bytes on the wire.

Works on the JSON of a response, so that a recorded document of the real service becomes events in the same way.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

JsonEvent = dict[str, Any]

JSON_HEADERS = {"Content-Type": "application/json"}
SSE_HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-cache",
    "X-Accel-Buffering": "no",  # nginx would hold events back
}

_PIECE = re.compile(r"\s*\S+|\s+")
_BLANK_CALL = {"arguments": "", "output": None, "error": None}
"""What a tool call has of these before it has run."""


def deltas(text: str) -> list[str]:
    """The text in word-sized pieces; joined, they are the text."""
    return _PIECE.findall(text)


def sequence(response: Mapping[str, Any]) -> Iterator[JsonEvent]:
    """The events of a completed response, from `response.created` to `response.completed`, numbered from 0."""
    for number, event in enumerate(_events(response)):
        yield {"type": event.pop("type"), "sequence_number": number, **event}


def _events(response: Mapping[str, Any]) -> Iterator[JsonEvent]:
    blank: dict[str, Any] = {"status": "in_progress", "output": [], "output_text": "", "usage": None}
    yield {"type": "response.created", "response": {**response, **{k: v for k, v in blank.items() if k in response}}}
    items = [item for item in response.get("output") or () if isinstance(item, dict)]
    for index, item in enumerate(items):
        yield {"type": "response.output_item.added", "output_index": index, "item": _begun(item)}
        yield from _content_events(item, index)
        yield {"type": "response.output_item.done", "output_index": index, "item": item}
    if not any(_text_parts(item) for item in items) and isinstance(response.get("output_text"), str):
        yield from _text_events(response["output_text"], {})
    yield {"type": "response.completed", "response": response}


def _begun(item: Mapping[str, Any]) -> dict[str, Any]:
    """An item before its content."""
    blank: dict[str, Any] = {
        "status": "in_progress",
        "content": [],
        **(_BLANK_CALL if item.get("type") == "mcp_call" else {}),
    }
    return {**item, **{name: value for name, value in blank.items() if name in item}}


def _text_parts(item: Mapping[str, Any]) -> list[tuple[int, dict[str, Any]]]:
    content = item.get("content")
    parts = enumerate(content if isinstance(content, list) else ())
    return [(n, part) for n, part in parts if isinstance(part, dict) and isinstance(part.get("text"), str)]


def _content_events(item: Mapping[str, Any], output_index: int) -> Iterator[JsonEvent]:
    for content_index, part in _text_parts(item):
        place = {"item_id": item.get("id"), "output_index": output_index, "content_index": content_index}
        blank = {**part, "text": "", **({"annotations": []} if "annotations" in part else {})}
        yield {"type": "response.content_part.added", **place, "part": blank}
        yield from _text_events(part["text"], place)


def _text_events(text: str, place: Mapping[str, Any]) -> Iterator[JsonEvent]:
    for delta in deltas(text):
        yield {"type": "response.output_text.delta", **place, "delta": delta, "logprobs": []}
    yield {"type": "response.output_text.done", **place, "text": text, "logprobs": []}


_LINE_ENDS = {0x85: "\\u0085", 0x2028: "\\u2028", 0x2029: "\\u2029"}


def frame(event: JsonEvent | str) -> bytes:
    """One event as the service frames it; a string becomes the data line unchanged.

    JSON that we write holds nothing at which the API pages' own sample (Python's `splitlines`) would break a line.
    """
    if isinstance(event, str):
        data = event
    else:
        data = json.dumps(event, ensure_ascii=False, separators=(",", ":")).translate(_LINE_ENDS)
    return f"event: message\ndata: {data}\n\n".encode("utf-8", "surrogatepass")
