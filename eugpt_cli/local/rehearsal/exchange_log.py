"""`--journal FILE`: a line of JSON for each request and what answered it, so that a test can check what a script sent.

A line has `at`, `id`, `method`, `path`, `user_agent`, `body` (decoded), `ignored` (members of the body without effect),
`answered_by` (scenario, recording, upstream, engine or server), `scenario` (number of the table), `recording` (file),
`status`, `ended` (whole, cut or left), `bytes` and `seconds`.
"""

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

from eugpt_cli.local.rehearsal.key_mask import KeyMask
from eugpt_cli.local.send import Delivery
from eugpt_cli.local.server_config import OUTPUT_FAILED, ServeError, reason

MASK = b"eugpt_***"

AnsweredBy = Literal["scenario", "recording", "upstream", "engine", "server"]


@dataclass
class ExchangeRecord:
    """One request and its response. `answered_by` is `server` if the server itself refused it.

    `headers` are fields of every response to it.
    """

    method: str
    path: str
    remote: str
    user_agent: str
    id: str = field(default_factory=lambda: f"req_{uuid4().hex}")
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    begun: float = field(default_factory=time.monotonic)
    body: bytes | None = None
    ignored: Sequence[str] = ()
    answered_by: AnsweredBy = "server"
    scenario: int | None = None
    recording: str | None = None
    delivery: Delivery = field(default_factory=Delivery)
    headers: Mapping[str, str] = field(default_factory=dict)

    def access_line(self) -> str:
        """The line of `-v`: the status of a response that was sent as a whole HTTP message, otherwise how it ended."""
        sent = self.delivery
        outcome = sent.status if sent.is_message or sent.ended == "whole" else sent.ended
        ignored = f"; ignored: {_brief(self.ignored)}" if self.ignored else ""
        return f"{self.remote} {self.method} {self.path} {outcome} {self._seconds() * 1000:.0f} ms {self.id}{ignored}"

    def as_json(self) -> dict[str, Any]:
        """The members of a line of the journal."""
        return {
            "at": self.at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "id": self.id,
            "method": self.method,
            "path": self.path,
            "user_agent": self.user_agent,
            "body": None if self.body is None else _decoded(self.body),
            "ignored": list(self.ignored),
            "answered_by": self.answered_by,
            "scenario": self.scenario,
            "recording": self.recording,
            "status": self.delivery.status,
            "ended": self.delivery.ended,
            "bytes": self.delivery.sent,
            "seconds": round(self._seconds(), 3),
        }

    def _seconds(self) -> float:
        return time.monotonic() - self.begun


class ExchangeLog:
    """The file of `--journal`: each line is one write. Keys are masked."""

    def __init__(self, file: Path, keys: Sequence[KeyMask], note: Callable[[str], None]) -> None:
        self._file = file
        self._keys = keys
        self._note = note
        self.failed = False
        try:
            self._descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ServeError(f"cannot write the journal {file}: {reason(error)}", exit_code=OUTPUT_FAILED) from None

    def write(self, record: ExchangeRecord) -> None:
        """Appends a line; reports the first failure, and remembers it in `failed`."""
        line = json.dumps(record.as_json(), ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
        for key in self._keys:
            line = key.applied(line, MASK)
        try:
            if os.write(self._descriptor, line + b"\n") <= len(line):
                raise OSError(28, os.strerror(28))
        except OSError as error:
            if not self.failed:
                self._note(f"warning: cannot write the journal {self._file}: {reason(error)}")
            self.failed = True

    def close(self) -> None:
        """Closes the file."""
        os.close(self._descriptor)


def _decoded(body: bytes) -> Any:
    """The JSON value of a body; otherwise its text."""
    text = body.decode("utf-8", "replace")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _brief(names: Sequence[str]) -> str:
    """At most ten names, with control characters escaped."""
    shown = [json.dumps(name)[1:-1][:40] for name in names[:10]]
    return ", ".join([*shown, *(["…"] if len(names) > 10 else [])])
