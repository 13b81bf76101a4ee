"""The two forms of a recorded answer, document and events: checks that it is complete, and converts it."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from eugpt_cli.local.event_sequence import JSON_HEADERS, SSE_HEADERS, frame, sequence
from eugpt_cli.local.models import ApiError
from eugpt_cli.local.send import Reply

Verdict = Literal["complete", "failed", "cut"]

_TERMINAL = ("response.completed", "response.failed", "response.incomplete", "error")
_LINE_END = re.compile(rb"\r\n|\n|\r")


def is_stream(headers: Mapping[str, str]) -> bool:
    """Whether a body is an event stream."""
    return _content_type(headers) == "text/event-stream"


def verdict(reply: Reply, body: bytes) -> tuple[Verdict, str]:
    """(complete, failed or cut; why in words) of an answer and all of its body that arrived."""
    if not reply.whole:
        return "cut", "the answer broke off"
    if reply.status != 200:
        return "failed", f"HTTP {reply.status}"
    if is_stream(reply.headers):
        return _verdict_of_events(list(events_of(body)))
    document = _parsed(body)
    if not isinstance(document, dict) or not ({"output", "output_text"} & document.keys()):
        return "failed", "the answer is no response of the API"
    return _verdict_of_response(document)


def in_form(reply: Reply, body: bytes, stream: bool) -> Reply:
    """The answer as events if `stream`, otherwise as a document; an error response has one form."""
    if reply.status != 200 or is_stream(reply.headers) == stream or not reply.whole:
        return reply
    return _streamed(reply, body) if stream else _collected(reply, body)


def events_of(body: bytes) -> Iterator[dict[str, Any]]:
    """The JSON objects of an event stream (WHATWG's framing), those without a type left out."""
    data: list[bytes] = []
    for line in _LINE_END.split(body.removeprefix(b"\xef\xbb\xbf")):
        if line.startswith(b"data:"):
            data.append(line[5:].removeprefix(b" "))
        elif not line and data:
            event = _parsed(b"\n".join(data))
            data = []
            if isinstance(event, dict) and "type" in event:
                yield event


def _streamed(reply: Reply, body: bytes) -> Reply:
    document = _parsed(body)
    if not isinstance(document, dict):
        return reply
    headers = {**_without_type(reply.headers), **SSE_HEADERS}
    return Reply(reply.status, headers, [frame(event) for event in sequence(document)])


def _collected(reply: Reply, body: bytes) -> Reply:
    """The document that the service would have sent: the last response in the events, with their texts and items."""
    events = list(events_of(body))
    headers = {**_without_type(reply.headers), **JSON_HEADERS}
    last = next((event for event in reversed(events) if event["type"] in _TERMINAL), None)
    if last is None:
        return Reply(reply.status, headers, [], whole=False)
    if not isinstance(last.get("response"), dict):
        code, message = str(last.get("code") or "server_error"), str(last.get("message") or "the stream failed")
        return Reply(500, headers, [_document(ApiError(500, "server_error", code, message).envelope())])
    document = {"object": "response", **_created(events), **last["response"]}
    items = [event.get("item") for event in events if event["type"] == "response.output_item.done"]
    document["output"] = document.get("output") or items
    if not document.get("output_text"):
        document["output_text"] = _text_of_items(document["output"]) or _text_of_deltas(events)
    return Reply(reply.status, headers, [_document(document)])


def _created(events: list[dict[str, Any]]) -> dict[str, Any]:
    first = next((event.get("response") for event in events if event["type"] == "response.created"), None)
    return first if isinstance(first, dict) else {}


def _text_of_items(items: list[Any]) -> str:
    contents = [item.get("content") for item in items if isinstance(item, dict)]
    parts = [part for content in contents if isinstance(content, list) for part in content if isinstance(part, dict)]
    return "".join(part["text"] for part in parts if part.get("type") == "output_text" and _is_text(part.get("text")))


def _text_of_deltas(events: list[dict[str, Any]]) -> str:
    for kind, member in (("response.output_text.done", "text"), ("response.output_text.delta", "delta")):
        told = [event.get(member) for event in events if event["type"] == kind]
        if told:
            return "".join(text for text in told if isinstance(text, str))
    return ""


def _verdict_of_events(events: list[dict[str, Any]]) -> tuple[Verdict, str]:
    last = next((event for event in events if event["type"] in _TERMINAL), None)
    if last is None:
        return "cut", "the stream ended without a terminal event"
    if last["type"] != "response.completed":
        return "failed", f"the stream ended with {last['type']}"
    response = last.get("response")
    return _verdict_of_response(response if isinstance(response, dict) else {})


def _verdict_of_response(response: Mapping[str, Any]) -> tuple[Verdict, str]:
    status = response.get("status", "completed")
    if status != "completed" or response.get("error") or response.get("incomplete_details"):
        return "failed", f"the response is {json.dumps(status)[:40]}, or names an error"
    return "complete", ""


def _document(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _parsed(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _content_type(headers: Mapping[str, str]) -> str:
    found = next((value for name, value in headers.items() if name.lower() == "content-type"), "")
    return found.partition(";")[0].strip().lower()


def _without_type(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in ("content-type", "cache-control")}
