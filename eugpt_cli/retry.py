"""Whether a fault is worth another attempt, and the message of a fault from an HTTP status."""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from eugpt_cli.errors import NotTheApi, StatusError
from eugpt_cli.events import envelope, parse

HINTS = {
    401: "check the key in EUGPT_API_KEY; keys are made in Settings → API Keys",
    404: "check the conversation or project id",
    429: "the token limit is reached; wait for it to reset",
}


def retry_after(value: str | None, now: float) -> float | None:
    """Seconds from a `Retry-After` header (RFC 9110, section 10.2.3: seconds or a date), None if unusable."""
    if value is None:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit() and len(value) <= 12:
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now)
    except (ValueError, TypeError, OverflowError):
        return None


def status_fault(
    status: int, reason: str, media_type: str, headers: Mapping[str, str], body: bytes, now: float
) -> StatusError | NotTheApi:
    """An HTTP answer that is no success, in the words of its envelope or of its status."""
    if status < 400:
        return NotTheApi(
            f"the service answered with a redirect or an unexpected status ({status})",
            http_status=status,
            hint="check the base URL",
        )
    told = envelope(_json(body)) if "json" in media_type or body[:1] in b"{[" else envelope(None)
    plain = body.decode("utf-8", "replace") if media_type == "text/plain" else ""
    return StatusError(
        told.message or plain.strip() or reason or _phrase(status),
        status=status,
        http_status=status,
        hint=HINTS.get(status),
        type=told.type,
        code=told.code,
        detail=told.detail,
        retry_after=retry_after(headers.get("retry-after"), now),
    )


def _json(body: bytes) -> object:
    try:
        return parse(body)
    except NotTheApi:
        return None


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "the service refused the request" if status < 500 else "the service failed"
