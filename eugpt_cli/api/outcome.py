"""The facts of one run, as they become known."""

import time
from dataclasses import dataclass, field
from typing import Any


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
