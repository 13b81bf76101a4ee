"""The local server's configuration, and the exception for its user's mistakes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


class ServeError(Exception):
    """A problem that the user of `eugpt serve` can solve: one line, a hint, and the exit status if it has its own."""

    def __init__(self, message: str, hint: str | None = None, exit_code: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.exit_code = exit_code


OUTPUT_FAILED, NOT_FOUND, REJECTED = 32, 44, 82
"""Exit statuses of the server: a file that cannot be written, a missing recording, --strict."""


def reason(error: Exception) -> str:
    """Why something failed, in the system's words, without the path that the message around it names."""
    return error.strerror.lower() if isinstance(error, OSError) and error.strerror else str(error)


@dataclass(frozen=True)
class ServerConfig:
    """The options of `eugpt serve`.

    `patience` is in seconds: how long a client may take to send its request, to stay idle between two, and to read what
    it was sent. `projects` and `files` map UUIDs to paths. `interactive` says whether the notes are read on a terminal.
    """

    host: str = "127.0.0.1"
    port: int = 8399
    default_stream: bool = True
    key: str | None = None
    keys: Path | None = None
    state: Path | None = None
    projects: Mapping[str, Path] = field(default_factory=dict)
    web: Path | None = None
    files: Mapping[str, Path] = field(default_factory=dict)
    daily_tokens: int | None = None
    monthly_tokens: int | None = None
    scenario: Path | None = None
    record: Path | None = None
    upstream: str | None = None
    upstream_key: str | None = None
    ca_file: Path | None = None
    replay: Path | None = None
    journal: Path | None = None
    strict: bool = False
    cors: str | None = None
    verbose: bool = False
    interactive: bool = False
    patience: float = 20.0
