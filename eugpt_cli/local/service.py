"""Answers a checked request: permissions, the answer, and the stored turn."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID, uuid4

from eugpt_cli.local.answers.corpus import Corpus, CorpusChunk
from eugpt_cli.local.answers.engine import AnswerContext, EngineAnswer, Passage, answer, passages
from eugpt_cli.local.answers.instances import instance, schema_in
from eugpt_cli.local.answers.prose import count_tokens
from eugpt_cli.local.answers.reading import bare, read, wrapped
from eugpt_cli.local.answers.web_folder import WebFolder
from eugpt_cli.local.api_keys import ApiKey
from eugpt_cli.local.models import ApiError, CreateResponseRequest, OutputItem, ResponseObject, TokenUsage
from eugpt_cli.local.output_items import output_items
from eugpt_cli.local.quota import TokenQuota
from eugpt_cli.local.request_input import RequestInput, UploadedFiles, read_input
from eugpt_cli.local.thread_store import StoredThread, StoredTurn, ThreadStore


class ResponseService:
    """The API behind HTTP. `respond` may be called from any thread."""

    def __init__(
        self,
        store: ThreadStore,
        files: UploadedFiles,
        projects: Mapping[str, Corpus],
        web: WebFolder | None,
        quota: TokenQuota,
    ) -> None:
        self._store = store
        self._files = files
        self._projects = projects
        self._web = web
        self._quota = quota

    def respond(self, request: CreateResponseRequest, key: ApiKey, scripted: str | None = None) -> ResponseObject:
        """Answers a request for the user of a key (with `scripted`, if given) and stores the turn.

        Raises the documented ApiErrors, and sqlite3.Error where the turn cannot be stored. Once this returns, the turn
        survives the end of the process.
        """
        thread = self._thread(request, key)
        corpus = self._project(request, key)
        said = read_input(request, self._files, lambda item_id: self._recalled(item_id, key))
        instructions = request.instructions or "\n\n".join(said.system) or (thread.instructions if thread else None)
        spent = sum(count_tokens(text) for text in (instructions or "", said.text, *(file.text for file in said.files)))
        self._quota.check(self._store, key.user, spent, datetime.now(UTC))
        schema = schema_in(instructions or "")
        if scripted is not None:
            given = EngineAnswer(scripted)
        elif schema is not None:
            given = EngineAnswer(instance(schema, "\n".join([*(file.text for file in said.files), said.text])))
        else:
            given = answer(self._context(said, instructions, thread, corpus))
        items = output_items(given)
        response = _response(request, UUID(thread.id) if thread else uuid4(), given.text, items, spent)
        earlier = said.before if thread is None else ()
        messages = [*earlier, ("user", wrapped(said.text, said.files)), ("assistant", given.text)]
        self._store.commit(_turn(response, key.user, thread is None, instructions, messages))
        return response

    def _recalled(self, item_id: str, key: ApiKey) -> str:
        text = self._store.item_text(item_id, key.user)
        if text is None:
            raise ApiError(404, "not_found_error", "item_not_found", f"No output item with the id {item_id[:100]!r}")
        return text

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
        self, said: RequestInput, instructions: str | None, thread: StoredThread | None, corpus: Corpus | None
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


def _response(
    request: CreateResponseRequest, conversation: UUID, text: str, items: list[OutputItem], spent: int
) -> ResponseObject:
    written = count_tokens(text)
    return ResponseObject(
        id=uuid4(),
        created_at=int(datetime.now(UTC).timestamp() * 1000),
        status="completed",
        output=items,
        output_text=text,
        conversation_id=conversation,
        project_id=request.project_id,
        instructions=request.instructions,
        usage=TokenUsage(input_tokens=spent, output_tokens=written, total_tokens=spent + written),
    )


def _turn(
    response: ResponseObject, user: str, new: bool, instructions: str | None, messages: Sequence[tuple[str, str]]
) -> StoredTurn:
    return StoredTurn(
        conversation=str(response.conversation_id),
        user=user,
        new=new,
        instructions=instructions,
        messages=messages,
        items=[item.id for item in response.output],
        day=datetime.now(UTC).date().isoformat(),
        tokens=response.usage.total_tokens if response.usage else 0,
    )


def _found(chunks: Iterable[tuple[str, CorpusChunk]]) -> list[Passage]:
    """The sentences of named chunks."""
    found: list[Passage] = []
    for name, chunk in chunks:
        found += passages(name, f"{re.sub(r'[^a-zA-Z0-9]+', ' ', chunk.path)} {chunk.heading}", chunk.text, chunk.line)
    return found
