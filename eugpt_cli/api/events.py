"""What the API says: events and documents as frozen records, and what their endings mean."""

import re
from codecs import BOM_UTF8
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from eugpt_cli.errors import EugptError, Failed, Incomplete, NotTheApi, StatusError

TERMINAL = frozenset({"response.completed", "response.failed", "response.incomplete", "error"})
DELTA = "response.output_text.delta"
DONE = "response.output_text.done"

Key = tuple[int, int]  # of a part: its output index and its content index

# Names that servers of this API shape give to an HTTP status (OpenAI's error codes and types, and their kin).
NAMED_STATUS = {
    "rate_limit_exceeded": 429,
    "rate_limit_error": 429,
    "rate_limit": 429,
    "insufficient_quota": 429,
    "quota_exceeded": 429,
    "too_many_requests": 429,
    "tokens": 429,
    "requests": 429,
    "authentication_error": 401,
    "invalid_api_key": 401,
    "unauthorized": 401,
    "permission_error": 403,
    "permission_denied": 403,
    "forbidden": 403,
    "not_found": 404,
    "not_found_error": 404,
    "model_not_found": 404,
    "bad_request": 400,
    "invalid_request": 400,
    "invalid_request_error": 400,
    "invalid_prompt": 400,
    "context_length_exceeded": 400,
    "conflict": 409,
    "unprocessable_entity": 422,
    "server_error": 500,
    "internal_error": 500,
    "internal_server_error": 500,
    "api_error": 500,
    "bad_gateway": 502,
    "service_unavailable": 503,
    "unavailable": 503,
    "overloaded": 503,
    "overloaded_error": 503,
    "server_overloaded": 503,
    "gateway_timeout": 504,
}
FAILED: Mapping[str | int, str] = {"failed": "has failed", "cancelled": "was cancelled"}
# Codes that are a status with a word before it: "HTTP_429", "status 503", "503"
STATUS_CODE = r"(?i:(?:http|status|error|code)[ _-]?)*([45][0-9]{2})"


class Event(NamedTuple):
    """One event: its `type` ("" if it names none), its fields, and its bytes as they came."""

    type: str
    fields: Mapping[str, Any]
    raw: bytes

    @property
    def length(self) -> int:
        return 1

    def lines(self) -> bytes:
        return one_line(self.raw)


def one_line(raw: bytes) -> bytes:
    """The bytes of a JSON value and a newline. Raises NotTheApi if they are not UTF-8, or begin with a BOM.

    Line ends inside are dropped, which JSON allows: they never stand in a string.
    """
    try:
        is_sound = not raw.startswith(BOM_UTF8) and raw.decode() is not None
    except UnicodeDecodeError:
        is_sound = False
    if not is_sound:
        raise NotTheApi("the service sent JSON that is not UTF-8")
    return raw.replace(b"\r", b"").replace(b"\n", b"") + b"\n"


class Envelope(NamedTuple):
    """What an error says of itself, in whichever of the known shapes."""

    message: str | None = None
    type: str | None = None
    code: str | int | None = None
    detail: Any = None

    def status(self) -> int | None:
        """The HTTP status that `code`, or else `type`, names."""
        return _status(self.code) or _status(self.type)


def parse(raw: bytes) -> Any:
    """JSON to objects. Raises NotTheApi."""
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        return _lenient(raw)


def _lenient(raw: bytes) -> Any:
    """Without a BOM, invalid UTF-8 as U+FFFD; lone surrogates, which orjson refuses, kept for the writer to join."""
    import json

    try:
        return json.loads(raw.decode("utf-8-sig", "replace"), parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise NotTheApi("the service sent invalid JSON") from None


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def decode(raw: bytes, name: str = "") -> Event:
    """One event's data, which came under an SSE name. Raises NotTheApi if it is no JSON object, or unsound.

    What has no `type` and says that something is wrong is taken for an `error`.
    """
    fields = parse(raw)
    if not isinstance(fields, dict):
        if name != "error":
            raise NotTheApi("the service sent an event that is not a JSON object")
        fields = {"detail": fields}
    kind = fields.get("type")
    if "type" not in fields or (kind is None and name == "error"):
        is_error = name == "error" or any(fields.get(member) is not None for member in ("error", "detail"))
        return Event("error" if is_error else "", fields, raw)
    if not isinstance(kind, str):
        raise NotTheApi("the service sent an event whose type is not a string")
    if kind == DELTA and not isinstance(fields.get("delta"), str):
        raise NotTheApi("the service sent a delta that is not a string")
    return Event(kind, fields, raw)


def key_of(fields: Mapping[str, Any]) -> Key | None:
    """Both indexes, if a delta or the end of a part has both. Raises NotTheApi for one that is not a number."""
    item, content = index_of(fields, "output_index"), index_of(fields, "content_index")
    return None if item is None or content is None else (item, content)


def index_of(fields: Mapping[str, Any], member: str) -> int | None:
    index = fields.get(member)
    if index is None or type(index) is int:
        return index
    raise NotTheApi(f"the service sent an {member} that is not a number")


def tool_of(item: Any) -> str | None:
    """The tool that an output item of type `…_call` names: its `name`, or else what its type says."""
    kind = item.get("type") if isinstance(item, dict) else None
    if not isinstance(kind, str) or not kind.endswith("_call"):
        return None
    name = item.get("name")
    return name if isinstance(name, str) and name else kind.removesuffix("_call")


def tools_of(document: Mapping[str, Any]) -> list[str]:
    """The tools that a document's items tell of, in order."""
    return [tool for item in list_of(document.get("output")) if (tool := tool_of(item))]


def envelope(body: Any) -> Envelope:
    """Reads `{"detail": …}`, `{"error": {…}}`, `{"error": "…"}` and the flat `{"message", "code"}`."""
    if not isinstance(body, dict):
        return Envelope()
    error, detail, message = (_shallow(body.get(name)) for name in ("error", "detail", "message"))
    inner = error if isinstance(error, dict) else detail if isinstance(detail, dict) else body
    kind = inner.get("type")
    code = inner.get("code")
    return Envelope(
        message=_message(error) or _message(detail) or _message(message),
        type=kind if isinstance(kind, str) and kind != "error" else None,
        code=code if isinstance(code, str | int) and not isinstance(code, bool) else None,
        detail=detail,
    )


def shallow(value: Any, levels: int = 32) -> bool:
    """Whether a value from elsewhere is nested at most `levels` deep, so that walking and writing it is safe."""
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return levels > 0 and all(shallow(part, levels - 1) for part in parts)


def _shallow(value: Any) -> Any:
    return value if shallow(value) else None


def _message(value: Any) -> str | None:
    """The first words in a string, an object with `message` or `msg`, or a list of such."""
    if isinstance(value, str):
        return value or None
    if isinstance(value, list):
        found = [_located(item) for item in value]
        return "; ".join(text for text in found if text) or None
    if isinstance(value, dict):
        return next(
            (m for m in map(_message, (value.get(k) for k in ("message", "msg", "detail", "error"))) if m), None
        )
    return None


def _located(item: Any) -> str | None:
    text = _message(item)
    where = item.get("loc") if isinstance(item, dict) else None
    return f"{'.'.join(map(str, where))}: {text}" if text and isinstance(where, list) else text


def _status(name: str | int | None) -> int | None:
    if isinstance(name, str):
        code = re.fullmatch(STATUS_CODE, name)
        name = int(code[1]) if code else NAMED_STATUS.get(name.lower())
    return name if name is not None and 400 <= name <= 599 else None


def list_of(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def response_of(event: Event) -> Mapping[str, Any]:
    """The whole response that a `response.*` event carries, empty if it carries none."""
    response = event.fields.get("response")
    return response if isinstance(response, dict) else {}


def fault_of_event(event: Event) -> EugptError | None:
    """What a terminal event means: None for a complete answer."""
    if event.type == "error":
        return _failure(envelope(event.fields), "the service ended the stream with an error")
    response = response_of(event)
    beside = [name for name in ("status", "error") if response.get(name) is None]
    response = {**response, **{name: event.fields.get(name) for name in beside}}
    if event.type != "response.completed":
        return fault_of_status(event.type.rpartition(".")[2], response)
    status = response.get("status")
    return fault_of_status("completed" if status is None else status, response)


def fault_of_document(document: Mapping[str, Any]) -> EugptError | None:
    """What a document's `status` means: None for a complete answer."""
    if document.get("status") is not None:
        return fault_of_status(document["status"], document)
    said = envelope(document)
    if said.message or said.code:
        return _failure(said, "the service answered with an error")
    return NotTheApi("the response has no status")


def fault_of_status(status: Any, response: Mapping[str, Any]) -> EugptError | None:
    """What the `status` of a response means, and what it says beside that."""
    status = status if isinstance(status, str | int) else "of no known form"
    if status in FAILED or (status == "completed" and response.get("error") is not None):
        return _failure(envelope(response), f"the response {FAILED.get(status, 'is completed and has an error')}")
    details = response.get("incomplete_details")
    if status == "completed" and details is None:
        return None
    reason = details.get("reason") if isinstance(details, dict) else details
    if isinstance(reason, str) and reason:
        return Incomplete(f"the answer is incomplete: {reason}")
    if status in ("completed", "incomplete"):
        return Incomplete("the answer is incomplete")
    return Incomplete(f"the response is not complete: its status is {status}")


def _failure(said: Envelope, otherwise: str) -> EugptError:
    facts: dict[str, Any] = {"type": said.type, "code": said.code, "detail": said.detail}
    status = said.status()
    if status is None:
        return Failed(said.message or otherwise, **facts)
    return StatusError(said.message or otherwise, status=status, in_stream=True, **facts)
