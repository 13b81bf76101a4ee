"""The facts of one run, as they become known."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eugpt_cli.text.digest import ByteDigest


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
    at: float = field(default_factory=time.time)  # when it started, in seconds since 1970
    body: bytes | None = None  # of the request, as the last attempt sent it
    answer: "ByteDigest | None" = None  # what was written of the answer, where somebody wants to know
    conversation_told: Callable[[], None] = lambda: None  # called once the service has named the conversation

    def learn_conversation(self, told: str | None) -> None:
        """The service has named the conversation, or has not; the first name counts."""
        if told and not self.conversation_id:
            self.conversation_id = told
            self.conversation_told()

    def again(self) -> None:
        """Forgets what a failed attempt told, but for what the next one does not change."""
        self.response_id = self.model = self.status = self.request_id = self.http_status = None
        self.answered_at = self.first_at = None
        self.events = 0
        self.tools = []
        self.attempts += 1
