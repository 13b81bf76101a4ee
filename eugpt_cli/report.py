"""What a run tells about itself: the error line as text or JSON, and the trailer of raw-events."""

import time
from dataclasses import dataclass, field
from typing import Any

from eugpt_cli.errors import EugptError, ExitCode, Stopped
from eugpt_cli.terminal import brief, dump


@dataclass
class Outcome:
    """The facts of one run, filled in as they become known; times in seconds, on the monotonic clock."""

    response_id: str | None = None
    conversation_id: str | None = None
    model: str | None = None
    status: str | None = None
    request_id: str | None = None
    http_status: int | None = None
    attempts: int = 0
    events: int = 0
    tools: list[str] = field(default_factory=list)
    usage: Any = None
    stored: bool = False  # an attempt has failed, and its turn may stand in the conversation all the same
    started: float = field(default_factory=time.monotonic)
    answered_at: float | None = None
    first_at: float | None = None

    def next_turn(self) -> None:
        """Another request begins; `started` stays the start of the run."""
        self.again()
        self.attempts = 0
        self.stored = False
        self.usage = self.conversation_id = None

    def again(self) -> None:
        """Forgets what a failed attempt told, but for what the next one does not change."""
        self.response_id = self.model = self.status = self.request_id = self.http_status = None
        self.answered_at = self.first_at = None
        self.events = 0
        self.tools = []
        self.attempts += 1


def error_text(error: EugptError) -> str:
    """`eugpt: KIND: message (HTTP 401)` and, where there is one, `hint: …`."""
    status = f" (HTTP {error.http_status})" if error.http_status else ""
    lines = [f"eugpt: {error.exit.label}: {brief(error.message)}{status}"]
    if error.hint:
        lines.append(f"hint: {error.hint}")
    return "\n".join(lines)


def error_json(error: EugptError) -> str:
    """The same as one JSON object, absent members null."""
    return dump({"error": error_fields(error)})


def error_fields(error: EugptError) -> dict[str, Any]:
    return {
        "kind": error.exit.label,
        "exit": error.exit.number,
        "message": brief(error.message),
        "http_status": error.http_status,
        "type": error.type,
        "code": error.code,
        "detail": error.detail,
        "retryable": error.exit.again.startswith("yes") and not error.final,
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


def meta(outcome: Outcome, end: EugptError | Stopped | None) -> dict[str, Any]:
    """The object of `--meta`; `seconds` counts from the start of the run: headers there, first event, end."""
    code = exit_code(end)
    return {
        "outcome": code.label,
        "exit": code.number,
        "response_id": outcome.response_id,
        "conversation_id": outcome.conversation_id,
        "request_id": outcome.request_id,
        "model": outcome.model,
        "status": outcome.status,
        "http_status": outcome.http_status,
        "attempts": outcome.attempts,
        "events": outcome.events,
        "tools": outcome.tools,
        "usage": outcome.usage,
        "seconds": {
            "answered": _since(outcome, outcome.answered_at),
            "first_event": _since(outcome, outcome.first_at),
            "total": _since(outcome, time.monotonic()),
        },
        "error": error_fields(end) if isinstance(end, EugptError) else None,
    }


def exit_code(end: EugptError | Stopped | None) -> ExitCode:
    if isinstance(end, Stopped):
        return next(code for code in ExitCode if code.number == 128 + end.signum)
    return end.exit if end else ExitCode.OK


def _since(outcome: Outcome, moment: float | None) -> float | None:
    return None if moment is None else round(moment - outcome.started, 3)
