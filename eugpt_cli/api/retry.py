"""Whether a fault is worth another attempt, how long to wait for it, and the fault that an HTTP status means."""

import math
import os
import time
from collections.abc import Callable
from typing import NamedTuple

from eugpt_cli.api.events import envelope, parse
from eugpt_cli.errors import AnswerError, EugptError, LostError, NotTheApi, OutOfTime, StatusError, Unreachable
from eugpt_cli.http.response import Fields

HINTS = {
    401: "the key in EUGPT_API_KEY is mistyped or revoked; create another at chat.eugpt.ai (Settings → API Keys)",
    404: "check the base URL, and the id that -c or -p gives; without -c, the service starts anew",
    429: "the token limit is reached, and the service does not say when it resets; try again later",
}
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 8.0
LONGEST_NAMED_PAUSE = 60.0  # for a Retry-After where --max-time sets no bound


class RetryPolicy(NamedTuple):
    """How often to retry; `left` returns the seconds until --max-time, None without one."""

    retries: int
    unsafe: bool = False
    left: Callable[[], float | None] = lambda: None


def retry_delay(
    patience: RetryPolicy, fault: EugptError, *, attempts: int, stored: bool, emitted: bool, jitter: float
) -> float | None:
    """Seconds to wait before the next attempt, None to give up.

    `stored`: the turn goes into a conversation, so that sending it again may store it twice. `emitted`: part of the
    answer is out. `jitter`, from 0 to 1, is the share of the pause taken (full jitter, doubling).
    """
    if attempts > patience.retries or not _worth(fault, emitted, stored and not patience.unsafe):
        return None
    left = patience.left()
    named = fault.retry_after
    if named is None:
        wait = jitter * min(FIRST_PAUSE * 2 ** (attempts - 1), LONGEST_PAUSE)
        return wait if left is None or wait < left else None
    return named if fits(named, left) else None


def jitter() -> float:
    """A number from 0 to 1 that no other client has. The module `random` would cost every start a millisecond."""
    return int.from_bytes(os.urandom(4)) / (1 << 32)


def fits(named: float | None, left: float | None) -> bool:
    """Whether the service names a time to come back (Retry-After) which is within the run's."""
    return named is not None and named <= (LONGEST_NAMED_PAUSE if left is None else left)


def _worth(fault: EugptError, emitted: bool, guarded: bool) -> bool:
    """The table of the contract: what was not sent, or was turned away with a time, may always be sent again."""
    if isinstance(fault, Unreachable):
        return not fault.final
    if isinstance(fault, StatusError):
        return _is_turned_away(fault) or (fault.status >= 500 and not emitted and not guarded)
    return isinstance(fault, LostError) and not emitted and not guarded


def _is_turned_away(fault: StatusError) -> bool:
    """Whether the service has not taken the request, and says when to come back."""
    return not fault.in_stream and fault.status in (429, 503) and fault.retry_after is not None


def may_be_stored(fault: EugptError) -> bool:
    """Whether the service may have stored a turn that failed like this after it was sent."""
    if isinstance(fault, StatusError):
        return fault.in_stream or (fault.status >= 500 and not _is_turned_away(fault))
    if isinstance(fault, NotTheApi):
        return fault.http_status is None or fault.http_status < 300  # a redirect has taken nothing
    return isinstance(fault, LostError | OutOfTime | AnswerError)


def retry_after(value: str | None, now: float) -> float | None:
    """Seconds from a `Retry-After` header (RFC 9110, section 10.2.3: seconds or a date), None if unusable."""
    if value is None:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit() and len(value) <= 12:
        return float(value)
    from email.utils import parsedate_to_datetime

    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now)
    except (ValueError, TypeError, OverflowError):
        return None


def reset_hint(seconds: float, now: float) -> str:
    """When a quota resets, as a time and a distance."""
    minutes = math.ceil(seconds / 60)
    distance = f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
    try:
        moment = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(now + seconds))
    except (OverflowError, ValueError, OSError):
        return "the token limit is reached"
    return f"the token limit resets at {moment}, in {distance if minutes > 1 else f'{math.ceil(seconds)} s'}"


def status_fault(
    status: int, reason: str, media_type: str, fields: Fields, body: bytes, now: float
) -> StatusError | NotTheApi:
    """An HTTP answer that is no success, in the words of its envelope or of its status."""
    if 200 <= status < 300:
        return NotTheApi(
            "the service answered with a status other than 200",
            http_status=status,
            hint="check the base URL and the proxies on the way; 206 is only part of an answer, and 204 has no answer",
        )
    if not 400 <= status < 600:
        return NotTheApi(
            f"the service answered with a redirect or an unexpected status ({status})",
            http_status=status,
            hint="check the base URL",
        )
    named = envelope(_json(body)) if "json" in media_type or body[:1] in b"{[" else envelope(None)
    wait = retry_after(fields.get("retry-after"), now)
    plain = body.decode("utf-8", "replace") if media_type == "text/plain" else ""
    return StatusError(
        named.message or plain.strip() or reason or _phrase(status),
        status=status,
        http_status=status,
        hint=reset_hint(wait, now) if status == 429 and wait is not None else HINTS.get(status),
        type=named.type,
        code=named.code,
        detail=named.detail,
        retry_after=wait,
    )


def _json(body: bytes) -> object:
    try:
        return parse(body)
    except NotTheApi:
        return None


def _phrase(status: int) -> str:
    from http import HTTPStatus

    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "the service refused the request" if status < 500 else "the service failed"
