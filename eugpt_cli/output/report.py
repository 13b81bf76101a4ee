"""The report of a run: the error line as text or JSON, and the trailer of raw-events."""

import time
from typing import Any

from eugpt_cli.api.outcome import Outcome
from eugpt_cli.errors import EugptError, ExitCode, Stopped, exit_of
from eugpt_cli.text.escapes import brief, dump


def error_text(error: EugptError) -> str:
    """Formats `eugpt: KIND: message (HTTP 401)` and, if the error has a hint, `hint: …`."""
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
        "hint": error.hint,
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
        "at": utc(outcome.at),
        "outcome": code.label,
        "exit": code.number,
        "response_id": outcome.response_id,
        "conversation_id": outcome.conversation_id,
        "request_id": outcome.request_id,
        "model": outcome.model,
        "status": outcome.status,
        "http_status": outcome.http_status,
        "attempts": outcome.all_attempts,
        "tries": outcome.tries,
        "events": outcome.events,
        "tools": outcome.tools,
        "usage": outcome.all_usage,
        **measures(outcome),
        "seconds": {
            "answered": _since(outcome, outcome.answered_at),
            "first_event": _since(outcome, outcome.first_at),
            "total": _since(outcome, time.monotonic()),
        },
        "error": error_fields(end) if isinstance(end, EugptError) else None,
    }


def measures(outcome: Outcome) -> dict[str, Any]:
    """Size and SHA-256 of the request's body, null where there was none, and of what was written of the answer."""
    from eugpt_cli.text.digest import ByteDigest

    request = None if outcome.body is None else ByteDigest(outcome.body)
    answer = outcome.answer or ByteDigest()
    return {
        "request_bytes": request and request.size,
        "request_sha256": request and request.hex,
        "answer_bytes": answer.size,
        "answer_sha256": answer.hex,
    }


def utc(moment: float) -> str:
    """Seconds since 1970 as RFC 3339 has them, in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))


def exit_code(end: EugptError | Stopped | None) -> ExitCode:
    if isinstance(end, Stopped):
        return exit_of(end.signum)
    return end.exit if end else ExitCode.OK


def _since(outcome: Outcome, moment: float | None) -> float | None:
    return None if moment is None else round(moment - outcome.started, 3)
