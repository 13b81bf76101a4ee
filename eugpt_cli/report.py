"""What a run tells about itself: the error line as text or JSON, and the trailer of raw-events."""

from dataclasses import dataclass, field
from typing import Any

from eugpt_cli.errors import EugptError, ExitCode
from eugpt_cli.terminal import one_line

MASK = "eugpt_***"


@dataclass
class Outcome:
    """The facts of one run, filled in as they become known."""

    response_id: str | None = None
    conversation_id: str | None = None
    model: str | None = None
    status: str | None = None
    request_id: str | None = None
    http_status: int | None = None
    attempts: int = 0
    events: int = 0
    tools: list[str] = field(default_factory=list)


def redact(text: str, key: str | None) -> str:
    return text.replace(key, MASK) if key else text


def error_text(error: EugptError) -> str:
    """`eugpt: KIND: message (HTTP 401)` and, where there is one, `hint: …`."""
    status = f" (HTTP {error.http_status})" if error.http_status else ""
    lines = [f"eugpt: {error.exit.label}: {one_line(error.message)}{status}"]
    if error.hint:
        lines.append(f"hint: {error.hint}")
    return "\n".join(lines)


def error_json(error: EugptError) -> str:
    """The same as one JSON object, absent members null."""
    import orjson

    return orjson.dumps({"error": error_fields(error)}).decode()


def error_fields(error: EugptError) -> dict[str, Any]:
    return {
        "kind": error.exit.label,
        "exit": error.exit.number,
        "message": one_line(error.message),
        "http_status": error.http_status,
        "type": error.type,
        "code": error.code,
        "detail": error.detail,
        "retryable": error.exit.again.startswith("yes"),
        "retry_after": error.retry_after,
        "attempts": error.attempts,
        "request_id": error.request_id,
        "conversation_id": error.conversation_id,
    }


def trailer(outcome: Outcome, error: EugptError | None) -> dict[str, Any]:
    """The last line of `raw-events --trailer`."""
    code = error.exit if error else ExitCode.OK
    return {
        "type": "eugpt.end",
        "outcome": code.label,
        "exit": code.number,
        "response_id": outcome.response_id,
        "conversation_id": outcome.conversation_id,
        "events": outcome.events,
        "error": error_fields(error) if error else None,
    }
