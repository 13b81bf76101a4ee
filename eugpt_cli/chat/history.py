"""What the user has said in a conversation before, kept for the arrow keys: a file each, a JSON string a line."""

import os
from collections.abc import Callable

import orjson

from eugpt_cli.system.files import ensure_folder

KEPT = 1000


class MessageHistory:
    """`locate` returns the file, once the conversation has an id. Entries that cannot be written are dropped."""

    def __init__(self, locate: Callable[[], str | None]) -> None:
        self._locate = locate
        self._waiting: list[str] = []

    def entries(self) -> list[str]:
        """The last messages, the oldest first."""
        path = self._locate()
        try:
            with open(path or os.devnull, "rb") as file:
                return [text for line in file.read().splitlines() if (text := _text(line))][-KEPT:]
        except OSError:
            return []

    def add(self, text: str) -> None:
        self._waiting.append(text)

    def save(self) -> None:
        """Appends the new messages, if the conversation has an id."""
        path = self._locate()
        if not path or not self._waiting:
            return
        lines = b"".join(orjson.dumps(text) + b"\n" for text in self._waiting)
        self._waiting.clear()
        try:
            ensure_folder(os.path.dirname(path))
            descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.write(descriptor, lines)
            finally:
                os.close(descriptor)
        except OSError:
            return


def _text(line: bytes) -> str | None:
    try:
        text = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return text if isinstance(text, str) else None
