"""One request from checked body to finished response: who may see what, the answer, the turn to be stored."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import NAMESPACE_URL, UUID, uuid4, uuid5

from eugpt_cli.local.answers.corpus import Corpus, CorpusChunk
from eugpt_cli.local.answers.engine import AnswerContext, EngineAnswer, Passage, ToolUse, answer, passages
from eugpt_cli.local.answers.prose import count_tokens
from eugpt_cli.local.answers.reading import NamedText, bare, read, wrapped
from eugpt_cli.local.answers.web_folder import WebFolder
from eugpt_cli.local.api_keys import ApiKey
from eugpt_cli.local.models import (
    ApiError,
    ContentItem,
    CreateResponseRequest,
    FileCitation,
    InputFile,
    MessageItem,
    OutputItem,
    OutputText,
    ResponseObject,
    TokenUsage,
    ToolItem,
    UrlCitation,
    WebItem,
    invalid,
)
from eugpt_cli.local.quota import TokenQuota
from eugpt_cli.local.server_config import ServeError
from eugpt_cli.local.thread_store import StoredThread, StoredTurn, ThreadStore

MAX_FILE = 16 * 1024 * 1024
"""Bytes of a registered file that is read as input."""


@dataclass(frozen=True)
class _RequestInput:
    """A request's input by role: the last user message with its files, what came before it, and system texts."""

    text: str
    files: Sequence[NamedText]
    before: Sequence[tuple[str, str]]
    system: Sequence[str]


class ResponseService:
    """The API behind HTTP. `respond` may be called from any thread."""

    def __init__(
        self,
        store: ThreadStore,
        files: Mapping[str, Path],
        projects: Mapping[str, Corpus],
        web: WebFolder | None,
        quota: TokenQuota,
    ) -> None:
        self._store = store
        self._projects = projects
        self._web = web
        self._quota = quota
        self._files = {str(_uuid(key, "--file")): path for key, path in files.items()}
        for path in self._files.values():
            if not path.is_file():
                raise ServeError(f"no such file: {path}")

    def respond(self, request: CreateResponseRequest, key: ApiKey, scripted: str | None = None) -> ResponseObject:
        """Answers a request in the name of a key's user (with `scripted`, if given) and stores the turn.

        Raises the documented ApiErrors. Once this returns, the turn survives the end of the process.
        """
        thread = self._thread(request, key)
        corpus = self._project(request, key)
        said = self._said(request)
        instructions = request.instructions or "\n\n".join(said.system) or (thread.instructions if thread else None)
        spent = sum(count_tokens(text) for text in (instructions or "", said.text, *(file.text for file in said.files)))
        self._quota.check(self._store, key.user, spent, datetime.now(UTC))
        given = (
            EngineAnswer(scripted)
            if scripted is not None
            else answer(self._context(said, instructions, thread, corpus))
        )
        response = _response(request, UUID(thread.id) if thread else uuid4(), given, spent)
        earlier = said.before if thread is None else ()
        messages = [*earlier, ("user", wrapped(said.text, said.files)), ("assistant", given.text)]
        usage, day = response.usage, datetime.now(UTC).date().isoformat()
        tokens = usage.total_tokens if usage else 0
        self._store.commit(
            StoredTurn(str(response.conversation_id), key.user, thread is None, instructions, messages, day, tokens)
        )
        return response

    def _thread(self, request: CreateResponseRequest, key: ApiKey) -> StoredThread | None:
        if request.conversation_id is None:
            return None
        thread = self._store.thread(str(request.conversation_id), key.user)
        if thread is None:
            raise ApiError(404, "not_found_error", "conversation_not_found", "Conversation not found")
        return thread

    def _project(self, request: CreateResponseRequest, key: ApiKey) -> Corpus | None:
        if request.project_id is None:
            return None
        uuid = str(request.project_id)
        if uuid not in self._projects:
            raise ApiError(404, "not_found_error", "project_not_found", "Project not found")
        if key.projects is not None and uuid not in key.projects:
            raise ApiError(403, "permission_error", "not_a_member", "The user is not a member of this project")
        return self._projects[uuid]

    def _context(
        self, said: _RequestInput, instructions: str | None, thread: StoredThread | None, corpus: Corpus | None
    ) -> AnswerContext:
        known = [line.text for line in thread.summary] if thread else []
        known += [bare(text) for role, text in (*(thread.recent if thread else ()), *said.before) if role == "user"]
        web = self._web
        return AnswerContext(
            read(said.text, said.files),
            instructions or "",
            known,
            datetime.now(UTC),
            project=(lambda question: _found((c.path, c) for c in corpus.search(question))) if corpus else None,
            web=(lambda question: _found(web.search(question))) if web else None,
            fetch=web.fetch if web else None,
        )

    def _said(self, request: CreateResponseRequest) -> _RequestInput:
        items = [ContentItem(role=None, content=request.input)] if isinstance(request.input, str) else request.input
        messages = [(item.role or "user", *self._parts(item)) for item in items]
        system = [text for role, text, _ in messages if role in ("system", "developer")]
        spoken = [message for message in messages if message[0] not in ("system", "developer")] or messages
        mine = [n for n, (role, _, _) in enumerate(spoken) if role != "assistant"]
        last = mine[-1] if mine else len(spoken) - 1
        first = last
        while first > 0 and spoken[first - 1][0] != "assistant" and not spoken[first - 1][1].strip():
            first -= 1
        files = [document for _, _, documents in spoken[first : last + 1] for document in documents]
        before = [("assistant" if role == "assistant" else "user", text) for role, text, _ in spoken[:first]]
        return _RequestInput(spoken[last][1], files, before, system)

    def _parts(self, item: ContentItem) -> tuple[str, list[NamedText]]:
        if isinstance(item.content, str):
            return item.content, []
        texts = [part.text for part in item.content if not isinstance(part, InputFile)]
        files = [self._file(part.file_id) for part in item.content if isinstance(part, InputFile)]
        return "\n\n".join(texts), files

    def _file(self, file_id: UUID) -> NamedText:
        path = self._files.get(str(file_id))
        if path is None:
            raise ApiError(404, "not_found_error", "file_not_found", f"No file with the id {file_id}")
        try:
            with path.open("rb") as source:
                data = source.read(MAX_FILE)
            return NamedText(path.name, data.decode("utf-8-sig"), str(file_id))
        except (OSError, UnicodeDecodeError):
            raise invalid(f"The file {file_id} cannot be read as UTF-8 text", "file_unreadable") from None


def _response(request: CreateResponseRequest, conversation: UUID, given: EngineAnswer, spent: int) -> ResponseObject:
    written = count_tokens(given.text)
    return ResponseObject(
        id=uuid4(),
        created_at=int(datetime.now(UTC).timestamp() * 1000),
        status="completed",
        output=_items(given),
        output_text=given.text,
        conversation_id=conversation,
        project_id=request.project_id,
        instructions=request.instructions,
        usage=TokenUsage(input_tokens=spent, output_tokens=written, total_tokens=spent + written),
    )


def _found(chunks: Iterable[tuple[str, CorpusChunk]]) -> list[Passage]:
    """The sentences of named chunks."""
    found: list[Passage] = []
    for name, chunk in chunks:
        found += passages(name, f"{re.sub(r'[^a-zA-Z0-9]+', ' ', chunk.path)} {chunk.heading}", chunk.text, chunk.line)
    return found


def _items(given: EngineAnswer) -> list[OutputItem]:
    part = OutputText(text=given.text, annotations=_citations(given))
    message = MessageItem(id=f"msg_{uuid4().hex}", status="completed", content=[part])
    return [*(_tool_item(use) for use in given.tools), message]


def _citations(given: EngineAnswer) -> list[FileCitation | UrlCitation]:
    """Each named source once, where the text names it."""
    found: list[FileCitation | UrlCitation] = []
    named: dict[str, Passage] = {}
    for source in given.sources:
        if source.name:
            named.setdefault(source.name, source)
    for name, source in named.items():
        at = given.text.rfind(name)
        if "://" in name:
            found.append(UrlCitation(url=name, title=name, start_index=at, end_index=at + len(name)))
        else:
            file_id = source.file_id or str(uuid5(NAMESPACE_URL, name))
            found.append(FileCitation(file_id=file_id, filename=name, index=at))
    return found


def _tool_item(use: ToolUse) -> OutputItem:
    if use.name == "web_search":
        sources = [{"type": "url", "url": url} for url in json.loads(use.output)]
        action = {
            "type": "search",
            "query": use.arguments["query"],
            "queries": [use.arguments["query"]],
            "sources": sources,
        }
        return WebItem(id=f"ws_{uuid4().hex}", status="completed", name=use.name, action=action)
    if use.name == "web_fetch":
        action = {"type": "open_page", "url": use.arguments["url"]}
        return WebItem(id=f"ws_{uuid4().hex}", status="completed", name=use.name, action=action)
    arguments = json.dumps(use.arguments, ensure_ascii=False)
    output = use.output if use.error is None else None
    return ToolItem(
        id=f"mcp_{uuid4().hex}", status="completed", name=use.name, arguments=arguments, output=output, error=use.error
    )


def _uuid(text: str, option: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise ServeError(f"{option}: {text!r} is not a UUID") from None
