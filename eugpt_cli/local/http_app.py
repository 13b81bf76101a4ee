"""HTTP in front of the service: routes, bounded bodies, both modes of an answer, access lines."""

import asyncio
import functools
import json
import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from uuid import uuid4

from aiohttp import HttpVersion11, web

from eugpt_cli.local import send
from eugpt_cli.local.api_keys import Keyring
from eugpt_cli.local.client_connection import envelope, internal
from eugpt_cli.local.event_sequence import frame, sequence
from eugpt_cli.local.models import ApiError, ResponseObject, invalid, parse_request
from eugpt_cli.local.openapi import document
from eugpt_cli.local.rehearsal.recording import RecordedExchange, RecordingShelf
from eugpt_cli.local.rehearsal.scenario import Scenario, ScenarioStep
from eugpt_cli.local.rehearsal.upstream import Upstream
from eugpt_cli.local.service import ResponseService

MAX_BODY = 32 * 1024 * 1024
"""Bytes of a request body."""

JSON_HEADERS = {"Content-Type": "application/json"}
SSE_HEADERS = {"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache"}


@dataclass(frozen=True)
class Backends:
    """Who may answer, asked in this order: the script, the recordings, the upstream, the service itself."""

    service: ResponseService
    script: Scenario | None = None
    replay: RecordingShelf | None = None
    upstream: Upstream | None = None


class HttpApp:
    """Answers HTTP requests. `note` takes the access lines where they are wanted."""

    def __init__(
        self,
        backends: Backends,
        keys: Keyring,
        workers: Executor,
        *,
        default_stream: bool,
        patience: float,
        note: Callable[[str], None] | None,
    ) -> None:
        self._backends = backends
        self._keys = keys
        self._workers = workers
        self._default_stream = default_stream
        self._patience = patience
        self._note = note

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """One request to its response; every failure but a lost connection becomes an envelope."""
        request_id, begun = f"req_{uuid4().hex}", time.monotonic()
        path = request.rel_url.raw_path  # as it came: decoded, it could write control characters to a terminal
        status: int | str = "left"
        try:
            response = await self._answered(request, request_id)
            status = response.status
            return response
        except send.CutError:
            status = "cut"
            raise
        finally:
            if self._note:
                took = int((time.monotonic() - begun) * 1000)
                self._note(f"{request.remote} {request.method} {path} {status} {took} ms {request_id}")

    async def _answered(self, request: web.BaseRequest, request_id: str) -> web.StreamResponse:
        try:
            response = await self._routed(request, request_id)
        except ApiError as error:
            response = envelope(error)
        except (ConnectionError, asyncio.CancelledError):
            raise
        except Exception:
            response = envelope(internal())
        if not response.prepared:
            response.headers["x-request-id"] = request_id
        return response

    async def _routed(self, request: web.BaseRequest, request_id: str) -> web.StreamResponse:
        method, path = request.method, request.rel_url.raw_path
        if path == "/openapi.json":
            _allow(method, "GET, HEAD")
            return web.json_response(document())
        if path == "/v1/responses":
            _allow(method, "POST")
            return await self._respond(request, request_id)
        raise ApiError(404, "not_found_error", "unknown_path", f"No such path: {path}")

    async def _respond(self, request: web.BaseRequest, request_id: str) -> web.StreamResponse:
        script, step, body = self._backends.script, None, None
        if script:
            body = await self._body(request)
            step = script.next(_readable(body))
            if step and not step.is_ordinary:
                return await _scripted(request, script, step, request_id)
        key = self._keys.check(request.headers.get("Authorization"))
        if request.content_type != "application/json":
            raise invalid("Content-Type must be application/json", "unsupported_media_type")
        body = await self._body(request) if body is None else body
        if self._backends.replay:
            return await _replayed(request, self._backends.replay.next(body.decode("utf-8", "replace")))
        if self._backends.upstream:
            return await self._backends.upstream.respond(request, body)
        asked = parse_request(body, self._default_stream)
        respond = functools.partial(self._backends.service.respond, asked, key, step.text if step else None)
        response = await asyncio.get_running_loop().run_in_executor(self._workers, respond)
        return await _sent(request, response, asked.stream, step, request_id)

    async def _body(self, request: web.BaseRequest) -> bytes:
        body = bytearray()
        if (request.content_length or 0) > MAX_BODY:
            raise _too_large()
        await _invite(request)
        try:
            async with asyncio.timeout(self._patience):
                async for chunk in request.content.iter_any():
                    body += chunk
                    if len(body) > MAX_BODY:
                        raise _too_large()
        except TimeoutError:
            raise _refused(408, "body_too_slow", "The body did not arrive in time") from None
        except web.RequestPayloadError:
            raise invalid("The body is not framed as its headers say") from None
        return bytes(body)


async def _sent(
    request: web.BaseRequest, response: ResponseObject, stream: bool, step: ScenarioStep | None, request_id: str
) -> web.StreamResponse:
    """The server's own answer in the mode asked for, in the manner of a scenario's step if there is one."""
    if step is None and not stream:
        return web.Response(body=_document(response), content_type="application/json")
    headers = {
        "x-request-id": request_id,
        **(SSE_HEADERS if stream else JSON_HEADERS),
        **(step.headers if step else {}),
    }
    pieces = map(frame, sequence(response)) if stream else iter([_document(response)])
    return await send.send(request, 200, headers, pieces, _manner(step) if step else send.SendManner())


def _readable(body: bytes) -> str:
    """The body for matching, also as it reads without JSON's escapes."""
    text = body.decode("utf-8", "replace")
    try:
        return f"{text}\n{json.dumps(json.loads(text), ensure_ascii=False)}"
    except (ValueError, RecursionError):
        return text


def _document(response: ResponseObject) -> bytes:
    return response.model_dump_json().encode()


async def _scripted(
    request: web.BaseRequest, script: Scenario, step: ScenarioStep, request_id: str
) -> web.StreamResponse:
    if step.is_raw:
        return await send.raw(request, step.raw_bytes(), _manner(step))
    if step.recording is not None and step.cut_after_bytes is None and step.cut_after_events is None:
        return await _replayed(request, script.recordings[step.recording], step)
    status, headers, pieces = script.scripted(step)
    return await send.send(request, status, {"x-request-id": request_id, **headers}, pieces, _manner(step))


async def _replayed(
    request: web.BaseRequest, exchange: RecordedExchange, step: ScenarioStep | None = None
) -> web.StreamResponse:
    """A recording as it was: one that broke off breaks off again."""
    manner = send.SendManner(
        delay=step.delay if step else 0.0,
        between=step.delay_between if step else 0.0,
        after_pieces=None if exchange.whole else len(exchange.pieces),
        cut="close",
    )
    return await send.send(request, exchange.status, exchange.headers, exchange.pieces, manner)


def _manner(step: ScenarioStep) -> send.SendManner:
    return send.SendManner(step.delay, step.delay_between, step.cut_after_bytes, step.cut_after_events, step.cut)


async def _invite(request: web.BaseRequest) -> None:
    """Sends 100 Continue to a client that waits for it (curl, with a large body)."""
    if request.version >= HttpVersion11 and request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0


def _too_large() -> ApiError:
    return _refused(413, "body_too_large", f"The body is over {MAX_BODY} bytes")


def _refused(status: int, code: str, message: str) -> ApiError:
    return ApiError(status, "invalid_request_error", code, message)


def _allow(method: str, allowed: str) -> None:
    if method not in allowed.split(", "):
        message = f"Method {method} is not allowed here"
        raise ApiError(405, "invalid_request_error", "method_not_allowed", message, headers={"Allow": allowed})
