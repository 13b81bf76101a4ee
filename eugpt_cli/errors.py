"""The exit codes, and the tree of errors that carry them.

EugptError
├── Internal            1   a defect of ours
├── UsageError          2
├── LocalError         3?   this machine
│   ├── ConfigError    30
│   ├── InputError     31
│   ├── OutputError    32
│   └── Busy           33
├── StatusError     4? 5?   an HTTP status, or an error event that names one
├── Unreachable        60   the request was not sent
├── LostError          6?   the request was sent; its outcome is unknown
│   ├── TimedOut       61
│   └── Truncated      62
├── OutOfTime          61   --max-time has passed
├── NotTheApi          63
├── AnswerError        8?   the answer itself
│   ├── Failed         80
│   ├── Incomplete     81
│   └── Rejected       82
├── Partial            90   some items of a batch
└── Budget             91   a batch at its caller's own limit

Stopped             128+n   a signal; not an Exception, so that nothing on the way swallows it
"""

from enum import Enum
from typing import Any, ClassVar


class ExitCode(Enum):
    """One row of the table of exit codes: number, name, when, worth trying again."""

    OK = (0, "ok", "a complete answer", "")
    INTERNAL = (1, "internal", "a defect in eugpt", "no")
    USAGE = (2, "usage", "wrong option or nothing to send", "no")
    CONFIG = (30, "config", "settings, key, base URL or conversation name missing or invalid; nothing was sent", "no")
    INPUT = (31, "input", "stdin or a file unreadable or not UTF-8; nothing was sent", "no")
    OUTPUT = (32, "output", "stdout or a file cannot be written", "no")
    BUSY = (33, "busy", "the conversation is locked by another run", "yes")
    BAD_REQUEST = (40, "bad_request", "HTTP 400, and every 4xx that is not listed", "no")
    UNAUTHORIZED = (41, "unauthorized", "HTTP 401", "no")
    FORBIDDEN = (43, "forbidden", "HTTP 403", "no")
    NOT_FOUND = (44, "not_found", "HTTP 404: conversation or project", "no")
    QUOTA = (49, "quota", "HTTP 429", "when the quota resets")
    SERVER_ERROR = (50, "server_error", "HTTP 500, and every 5xx that is not listed", "yes")
    BAD_GATEWAY = (52, "bad_gateway", "HTTP 502", "yes")
    UNAVAILABLE = (53, "unavailable", "HTTP 503", "yes")
    GATEWAY_TIMEOUT = (54, "gateway_timeout", "HTTP 504", "yes")
    UNREACHABLE = (
        60,
        "unreachable",
        "the request was not sent: DNS, connection, TLS or proxy failed",
        "yes, except for a rejected certificate",
    )
    TIMEOUT = (61, "timeout", "the service was silent after the request was sent, or --max-time passed", "yes")
    TRUNCATED = (
        62,
        "truncated",
        "cut connection, empty body, a stream without a terminal event, damaged text, "
        "an answer before the request was complete",
        "yes",
    )
    NOT_THE_API = (
        63,
        "not_the_api",
        "a redirect, HTML, invalid JSON or framing, no text found, a response over the size limit",
        "no",
    )
    FAILED = (80, "failed", "a terminal error or response.failed that names no status above", "inspect first")
    INCOMPLETE = (81, "incomplete", "response.incomplete, or a response whose status is incomplete", "inspect first")
    REJECTED = (
        82,
        "rejected",
        "the answer failed the caller's own check (--extract, --schema, --check)",
        "inspect first",
    )
    PARTIAL = (90, "partial", "batch: some items failed", "--resume")
    BUDGET = (91, "budget", "batch: stopped at the caller's own limit (--max-items, --max-tokens)", "--resume")
    SIGHUP = (129, "sighup", "ended by SIGHUP", "")
    SIGINT = (130, "sigint", "ended by SIGINT (Ctrl-C)", "")
    SIGPIPE = (141, "sigpipe", "ended by SIGPIPE: the reader closed the pipe", "")
    SIGTERM = (143, "sigterm", "ended by SIGTERM", "")

    def __init__(self, number: int, label: str, when: str, again: str) -> None:
        self.number = number
        self.label = label
        self.when = when
        self.again = again


STATUS_CODES = {
    401: ExitCode.UNAUTHORIZED,
    403: ExitCode.FORBIDDEN,
    404: ExitCode.NOT_FOUND,
    429: ExitCode.QUOTA,
    502: ExitCode.BAD_GATEWAY,
    503: ExitCode.UNAVAILABLE,
    504: ExitCode.GATEWAY_TIMEOUT,
}


def of_status(status: int) -> ExitCode:
    """The exit code of an HTTP status from 400 to 599."""
    return STATUS_CODES.get(status) or (ExitCode.SERVER_ERROR if status >= 500 else ExitCode.BAD_REQUEST)


class EugptError(Exception):
    """What went wrong, in words for the user, with everything the error line can tell.

    `message` is one lower-case line; `hint` the command that helps. The other facts are filled in by whoever
    knows them on the way up: `http_status`, `type`, `code` and `detail` as the server said them, `retry_after`
    in seconds, `final` if trying again cannot help as it may with others of its kind, `attempts` made, `request_id`
    and `conversation_id` as the server named them, `stored` if the service may have stored the turn although it failed.
    """

    kind: ClassVar[ExitCode] = ExitCode.INTERNAL
    exit: ExitCode

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        http_status: int | None = None,
        type: str | None = None,  # noqa: A002 - the envelope's own name
        code: str | int | None = None,
        detail: Any = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.http_status = http_status
        self.type = type
        self.code = code
        self.detail = detail
        self.retry_after = retry_after
        self.final = False
        self.stored = False
        self.attempts = 0
        self.request_id: str | None = None
        self.conversation_id: str | None = None
        self.exit = self.kind


class Internal(EugptError):
    """A defect of ours."""


class UsageError(EugptError):
    """A wrong option, or nothing to send."""

    kind = ExitCode.USAGE


class LocalError(EugptError):
    """This machine's problem; trying again does not help unless said otherwise."""


class ConfigError(LocalError):
    """A setting, the key, the base URL or a conversation name is missing or invalid."""

    kind = ExitCode.CONFIG


class InputError(LocalError):
    """Standard input or a file is unreadable or not UTF-8."""

    kind = ExitCode.INPUT


class OutputError(LocalError):
    """Standard output or a file cannot be written."""

    kind = ExitCode.OUTPUT


class Busy(LocalError):
    """The conversation is locked by another run."""

    kind = ExitCode.BUSY


class StatusError(EugptError):
    """An HTTP status, or an error event that names one (`in_stream`)."""

    def __init__(self, message: str, *, status: int, in_stream: bool = False, **facts: Any) -> None:
        super().__init__(message, **facts)
        self.status = status
        self.in_stream = in_stream
        self.exit = of_status(status)


class Unreachable(EugptError):
    """The request was provably not sent; `final` if by a rejected certificate."""

    kind = ExitCode.UNREACHABLE

    def __init__(self, message: str, *, final: bool = False, **facts: Any) -> None:
        super().__init__(message, **facts)
        self.final = final


class LostError(EugptError):
    """The request was sent and its outcome is unknown."""


class TimedOut(LostError):
    """Silence after sending."""

    kind = ExitCode.TIMEOUT


class OutOfTime(EugptError):
    """`--max-time` has passed."""

    kind = ExitCode.TIMEOUT


class Truncated(LostError):
    """The connection was cut, or the answer ended too early."""

    kind = ExitCode.TRUNCATED


class NotTheApi(EugptError):
    """What answered is not this API."""

    kind = ExitCode.NOT_THE_API


class AnswerError(EugptError):
    """The service answered, and the answer is not a complete one."""


class Failed(AnswerError):
    """A terminal error that names no status."""

    kind = ExitCode.FAILED


class Incomplete(AnswerError):
    """The answer was cut short by the service."""

    kind = ExitCode.INCOMPLETE


class Rejected(AnswerError):
    """The answer failed the caller's own check."""

    kind = ExitCode.REJECTED


class Partial(EugptError):
    """Some items of a batch have failed."""

    kind = ExitCode.PARTIAL


class Budget(EugptError):
    """A batch has reached the limit that its caller set, and items are left."""

    kind = ExitCode.BUDGET


class Stopped(BaseException):
    """A signal ends the run; the process dies by that signal once it has cleaned up.

    `fault` is what to print before, where the turn that it interrupted may have been stored.
    """

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.signum = signum
        self.fault: EugptError | None = None


def exit_of(signum: int) -> ExitCode:
    """The exit code of a process that this signal has ended."""
    return next(code for code in ExitCode if code.number == 128 + signum)
