"""The `input` of a request by role: the last user message with its files, the turns before it, the system texts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from eugpt_cli.local.answers.reading import NamedText
from eugpt_cli.local.models import (
    ApiError,
    ContentItem,
    CreateResponseRequest,
    InputFile,
    InputItem,
    ItemReference,
    invalid,
)
from eugpt_cli.local.server_config import ServeError

MAX_FILE = 16 * 1024 * 1024
"""The largest registered file that is read as input, in bytes."""

Recall = Callable[[str], str]
"""From the id of an earlier output item to its text (empty for a tool call); raises the 404 ApiError."""


@dataclass(frozen=True)
class RequestInput:
    """The last user message and its files, what came before it as (role, text), and system texts."""

    text: str
    files: Sequence[NamedText]
    before: Sequence[tuple[str, str]]
    system: Sequence[str]


@dataclass(frozen=True)
class _Spoken:
    """One input item: who said what, with which files."""

    role: str
    text: str
    files: Sequence[NamedText] = ()

    @property
    def is_system(self) -> bool:
        return self.role in ("system", "developer")

    @property
    def is_answer(self) -> bool:
        return self.role == "assistant"


class UploadedFiles:
    """The files of `--file UUID=PATH`, read when a request names them."""

    def __init__(self, paths: Mapping[str, Path]) -> None:
        self._paths = {_canonical(key): path for key, path in paths.items()}
        for path in self._paths.values():
            if not path.is_file():
                raise ServeError(f"no such file: {path}")

    def read(self, file_id: UUID) -> NamedText:
        """A file as text; raises the 404 ApiError for an unknown id, the 400 one for what is not UTF-8."""
        path = self._paths.get(str(file_id))
        if path is None:
            raise ApiError(404, "not_found_error", "file_not_found", f"No file with the id {file_id}")
        try:
            with path.open("rb") as source:
                data = source.read(MAX_FILE)
            return NamedText(path.name, data.decode("utf-8-sig"), str(file_id))
        except (OSError, UnicodeDecodeError):
            raise invalid(f"The file {file_id} cannot be read as UTF-8 text", "file_unreadable") from None


def read_input(request: CreateResponseRequest, files: UploadedFiles, recall: Recall) -> RequestInput:
    """Takes a request's input apart; skips tool calls of earlier answers.

    Messages of files alone right before the last user message belong to it: some clients send a message a file.
    """
    items = [ContentItem(role=None, content=request.input)] if isinstance(request.input, str) else request.input
    messages = [spoken for item in items for spoken in _spoken(item, files, recall)]
    system = [message.text for message in messages if message.is_system]
    turns = [message for message in messages if not message.is_system] or messages
    asked = [n for n, message in enumerate(turns) if not message.is_answer]
    last = asked[-1] if asked else len(turns) - 1
    first = last
    while first > 0 and not turns[first - 1].is_answer and not turns[first - 1].text.strip():
        first -= 1
    attached = [file for message in turns[first : last + 1] for file in message.files]
    before = [("assistant" if message.is_answer else "user", message.text) for message in turns[:first]]
    return RequestInput(turns[last].text, attached, before, system)


def _spoken(item: InputItem, files: UploadedFiles, recall: Recall) -> list[_Spoken]:
    if isinstance(item, ItemReference):
        text = recall(item.id)
        return [_Spoken("assistant", text)] if text else []
    if not isinstance(item, ContentItem):
        return []
    if isinstance(item.content, str):
        return [_Spoken(item.role or "user", item.content)]
    texts = [part.text for part in item.content if not isinstance(part, InputFile)]
    attached = [files.read(part.file_id) for part in item.content if isinstance(part, InputFile)]
    return [_Spoken(item.role or "user", "\n\n".join(texts), attached)]


def _canonical(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        raise ServeError(f"--file: {text!r} is not a UUID") from None
