"""When a batch ends before its input does: where going on is hopeless, and at the limits that the caller sets."""

from collections.abc import Callable
from threading import Lock

from eugpt_cli.api.outcome import Outcome
from eugpt_cli.api.retry import fits
from eugpt_cli.batch.statistics import tokens_of
from eugpt_cli.errors import Budget, ConfigError, EugptError, ExitCode, LocalError, StatusError, Unreachable, UsageError
from eugpt_cli.settings.records import BatchOptions

FEWEST = 10  # items that fail alike from the start before the run stops
ALIKE = frozenset("46")  # exits that tell of the request and of the connection; 5x is the service's, and passes
HINTS = {
    ExitCode.BAD_REQUEST: "check one item: eugpt batch --dry-run prints the requests, --curl prints commands",
    ExitCode.FORBIDDEN: "check what the key may use: the project, and the organisation's plan",
    ExitCode.TIMEOUT: "to wait longer, use --timeout SECONDS; to check the connection, run: eugpt doctor",
}
HINT = "check the base URL and the network: eugpt doctor"
RESUME = "to continue, run the same command with -o FILE --resume"


class StopRules:
    """Asked by the workers before each item and after it; `left` is the time until --max-time."""

    def __init__(self, options: BatchOptions, left: Callable[[], float | None]) -> None:
        self._options = options
        self._left = left
        self._lock = Lock()
        self._admitted = 0
        self._spent = 0  # tokens
        self._alike = 0  # items that have failed like the first, and nothing else has happened
        self._first: ExitCode | None = None

    def before(self) -> EugptError | None:
        """Why no other item may be asked; one more is counted."""
        options = self._options
        with self._lock:
            if options.max_items is not None and self._admitted >= options.max_items:
                return Budget(f"stopped by --max-items {options.max_items}; more items are left", hint=RESUME)
            if options.max_tokens is not None and self._spent >= options.max_tokens:
                return Budget(
                    f"stopped by --max-tokens {options.max_tokens} after {self._spent} tokens; more items are left",
                    hint=RESUME,
                )
            self._admitted += 1
        return None

    def after(self, fault: EugptError | None, outcome: Outcome) -> EugptError | None:
        """Why an item that ended so is the last one."""
        tokens = tokens_of(outcome.all_usage)
        with self._lock:
            self._spent += tokens or 0
        if fault is None:
            self._first = ExitCode.OK
            return self._no_usage() if tokens is None else None
        if isinstance(fault, UsageError | LocalError):  # nothing was sent
            return None
        return fault if self._is_hopeless(fault) else self._as_all(fault)

    def _no_usage(self) -> EugptError | None:
        if self._options.max_tokens is None:
            return None
        return ConfigError(
            "the service does not return token counts, so eugpt cannot apply --max-tokens",
            hint="to limit the number of items, use --max-items N",
        )

    def _is_hopeless(self, fault: EugptError) -> bool:
        """Whether every other request will fail like this one, for longer than the run can wait."""
        if isinstance(fault, StatusError):
            return fault.status == 401 or (fault.status == 429 and not fits(fault.retry_after, self._left()))
        return isinstance(fault, Unreachable) and fault.final

    def _as_all(self, fault: EugptError) -> EugptError | None:
        with self._lock:
            self._first = self._first or (fault.exit if str(fault.exit.number)[0] in ALIKE else ExitCode.OK)
            if fault.exit is not self._first:
                self._first = ExitCode.OK
                return None
            self._alike += 1
            if self._alike < max(self._options.jobs, FEWEST):
                return None
        reason = EugptError(
            f"all of the first {self._alike} items failed like this: {fault.message}",
            hint=fault.hint or HINTS.get(fault.exit, HINT),
            http_status=fault.http_status,
        )
        reason.exit = fault.exit
        return reason
