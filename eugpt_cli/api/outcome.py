"""The facts of one run, as they become known."""

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eugpt_cli.text.digest import ByteDigest


class Outcome:
    """The facts of one run, filled in as they become known; times in seconds, on the monotonic clock.

    No dataclass: every start would spend most of a millisecond on making one.
    """

    response_id: str | None = None
    conversation_id: str | None = None  # the one that the service named, or else the one that was asked for
    asked: str | None = None
    model: str | None = None
    status: str | None = None
    request_id: str | None = None
    http_status: int | None = None
    attempts: int = 0
    events: int = 0
    usage: Any = None
    stored: bool = False  # an attempt has failed, and the service may have stored its turn
    answered_at: float | None = None
    first_at: float | None = None
    tries: int = 1
    earlier_attempts: int = 0  # of the tries before this one, whose answers were rejected
    earlier_usage: Any = None
    body: bytes | None = None  # of the request, as the last attempt sent it
    answer: "ByteDigest | None" = None  # what was written of the answer, where somebody wants to know

    def __init__(self) -> None:
        self.tools: list[str] = []
        self.conversation_told: Callable[[], None] = lambda: None  # called once the service has named the conversation
        self.start()

    def start(self) -> None:
        """It starts now, and not when this was made."""
        self.started = time.monotonic()
        self.at = time.time()  # in seconds since 1970

    @property
    def all_attempts(self) -> int:
        return self.earlier_attempts + self.attempts

    @property
    def all_usage(self) -> Any:
        return added(self.earlier_usage, self.usage)

    def next_try(self) -> None:
        """The answer was rejected and is asked for again, with as many retries as the first time."""
        self.earlier_attempts, self.earlier_usage = self.all_attempts, self.all_usage
        self.tries += 1
        self.attempts = 0
        self.usage = None

    def learn_conversation(self, answered: str | None) -> None:
        """The service has named the conversation, or has not; the first name counts."""
        if answered and self.conversation_id == self.asked:
            self.conversation_id = answered
            self.conversation_told()

    @property
    def is_elsewhere(self) -> bool:
        """Whether the service answered in another conversation than the one asked for."""
        answered, asked = self.conversation_id, self.asked
        return answered is not None and asked is not None and answered.lower() != asked.lower()

    def again(self) -> None:
        """Forgets what a failed attempt reported; `attempts` and the start of the run stay."""
        self.response_id = self.model = self.status = self.request_id = self.http_status = None
        self.answered_at = self.first_at = None
        self.events = 0
        self.tools = []
        self.attempts += 1


def added(usage: Any, more: Any) -> Any:
    """Two usages as one: numbers are added up, member by member, and of anything else the later counts."""
    if isinstance(usage, Mapping) and isinstance(more, Mapping):
        return {name: added(usage.get(name), more.get(name)) for name in {**usage, **more}}
    if _is_number(usage) and _is_number(more):
        return usage + more
    return usage if more is None else more


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
