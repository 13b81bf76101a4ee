"""Who answers a request: a table of the scenario, a recording, the upstream, or the server itself, in this order."""

import asyncio
import functools
import json
import sqlite3
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from eugpt_cli.local.api_keys import ApiKey, Keyring
from eugpt_cli.local.event_sequence import JSON_HEADERS, SSE_HEADERS, frame, sequence
from eugpt_cli.local.models import ApiError, ResponseObject, invalid, parse_request
from eugpt_cli.local.rehearsal.answer_forms import is_stream
from eugpt_cli.local.rehearsal.exchange_log import ExchangeRecord
from eugpt_cli.local.rehearsal.recording import RecordingShelf
from eugpt_cli.local.rehearsal.scenario import Scenario, ScenarioStep
from eugpt_cli.local.rehearsal.upstream import Upstream
from eugpt_cli.local.request_body import read_body
from eugpt_cli.local.send import Reply, SendManner, raw, send
from eugpt_cli.local.service import ResponseService


@dataclass(frozen=True)
class Backends:
    """The possible sources of an answer."""

    service: ResponseService
    scenario: Scenario | None = None
    shelf: RecordingShelf | None = None
    upstream: Upstream | None = None


class Responder:
    """Answers POST /v1/responses. `patience` is in seconds, how long a body may take to arrive.

    With `reads_all`, a body is read before anything is checked, so that the journal holds what was refused too.
    """

    def __init__(
        self,
        backends: Backends,
        keys: Keyring,
        workers: Executor,
        *,
        default_stream: bool,
        patience: float,
        reads_all: bool,
        note: Callable[[str], None],
    ) -> None:
        self._backends = backends
        self._keys = keys
        self._workers = workers
        self.default_stream = default_stream
        self._patience = patience
        self._reads_all = reads_all or backends.scenario is not None
        self._note = note

    async def respond(self, request: web.BaseRequest, record: ExchangeRecord) -> web.StreamResponse:
        """Sends the answer to a request, and notes its source in `record`. Raises ApiError before anything is sent."""
        if self._reads_all:
            record.body = await read_body(request, self._patience)
        step = self._step(record)
        if step and step.is_raw:
            return await raw(request, step.raw_bytes(), step.manner, record.delivery)
        reply = await self._reply(request, record, step)
        headers = {**record.headers, **reply.headers, **(step.headers if step else {})}
        if step is None and isinstance(reply.pieces, list) and reply.whole and not is_stream(reply.headers):
            return web.Response(status=reply.status, headers=headers, body=b"".join(reply.pieces))
        manner = step.manner if step else SendManner()
        return await send(request, Reply(reply.status, headers, reply.pieces, reply.whole), manner, record.delivery)

    def settle(self, record: ExchangeRecord) -> None:
        """Tells the scenario how a response that it shaped was sent."""
        if self._backends.scenario and record.scenario is not None:
            self._backends.scenario.settle(record.scenario, record.delivery)

    def _step(self, record: ExchangeRecord) -> ScenarioStep | None:
        if self._backends.scenario is None:
            return None
        found = self._backends.scenario.next((record.body or b"").decode("utf-8", "replace"))
        if found is None:
            return None
        record.scenario, step = found
        if not step.is_ordinary:
            record.answered_by = "scenario"
        return step

    async def _reply(self, request: web.BaseRequest, record: ExchangeRecord, step: ScenarioStep | None) -> Reply:
        if step and self._backends.scenario and not step.is_ordinary:
            return self._backends.scenario.reply(step, self._wants_stream(record.body or b""))
        key = self._keys.check(request.headers.get("Authorization"))
        if request.content_type != "application/json":
            raise invalid("Content-Type must be application/json", "unsupported_media_type")
        if record.body is None:
            record.body = await read_body(request, self._patience)
        passed_on = None
        if step is None or (step.text is None and step.conversation_id is None):
            passed_on = await self._from_elsewhere(request, record, record.body)
        return passed_on or await self._own(record, record.body, key, step)

    async def _from_elsewhere(self, request: web.BaseRequest, record: ExchangeRecord, body: bytes) -> Reply | None:
        """The reply of a recording, or of the upstream where there is none; None if there is neither source."""
        shelf, upstream = self._backends.shelf, self._backends.upstream
        if shelf:
            stream, text = self._wants_stream(body), body.decode("utf-8", "replace")
            found = shelf.find(text, stream)
            if found:
                record.answered_by, record.recording = "recording", found.name
                return found.reply(stream)
            if upstream is None:
                raise shelf.missed(text)
        if upstream:
            record.answered_by = "upstream"
            return await upstream.reply(request.headers, body, record)
        return None

    async def _own(self, record: ExchangeRecord, body: bytes, key: ApiKey, step: ScenarioStep | None) -> Reply:
        """The server's own answer, with the text and the conversation that a scenario gives it."""
        asked, record.ignored = parse_request(body, self.default_stream)
        work = functools.partial(self._backends.service.respond, asked, key, step.text if step else None)
        try:
            response = await asyncio.get_running_loop().run_in_executor(self._workers, work)
        except sqlite3.Error as error:
            self._note(f"warning: the turn cannot be stored: {error}")
            message = f"The turn cannot be stored: {error}"
            raise ApiError(500, "server_error", "storage_failed", message) from None
        record.answered_by = "scenario" if step and step.text is not None else "engine"
        document = _document(response, step)
        if asked.stream:
            return Reply(200, SSE_HEADERS, map(frame, sequence(document)))
        return Reply(200, JSON_HEADERS, [json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()])

    def _wants_stream(self, body: bytes) -> bool:
        try:
            value = json.loads(body)
        except (ValueError, RecursionError):
            return self.default_stream
        stream = value.get("stream") if isinstance(value, dict) else None
        return stream if isinstance(stream, bool) else self.default_stream


def _document(response: ResponseObject, step: ScenarioStep | None) -> dict[str, Any]:
    """The response as JSON, in the conversation that the scenario names (empty: none is named)."""
    document = response.model_dump(mode="json")
    if step and step.conversation_id is not None:
        document["conversation_id"] = step.conversation_id
        if not step.conversation_id:
            del document["conversation_id"]
    return document
