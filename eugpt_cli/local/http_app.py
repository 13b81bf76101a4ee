"""HTTP in front of the service: routes, error envelopes, CORS, access lines and the journal."""

import asyncio
from collections.abc import Callable

from aiohttp import web

from eugpt_cli.local.client_connection import envelope, internal
from eugpt_cli.local.cross_origin import origin_headers, preflight
from eugpt_cli.local.models import ApiError
from eugpt_cli.local.openapi import document
from eugpt_cli.local.rehearsal.exchange_log import ExchangeLog, ExchangeRecord
from eugpt_cli.local.responder import Responder

RESPONSES = "/v1/responses"


class HttpApp:
    """Answers HTTP requests. `note` gets a line for each problem and, with `verbose`, for each request."""

    def __init__(
        self,
        responder: Responder,
        note: Callable[[str], None],
        *,
        verbose: bool,
        log: ExchangeLog | None,
        origin: str | None,
    ) -> None:
        self._responder = responder
        self._note = note
        self._verbose = verbose
        self._log = log
        self._cors = origin_headers(origin)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answers one request; every failure except a lost connection becomes an envelope."""
        path = request.rel_url.raw_path  # as it came: decoded, it could write control characters to a terminal
        agent = request.headers.get("User-Agent", "")
        record = ExchangeRecord(request.method, path, str(request.remote), agent)
        record.headers = {"x-request-id": record.id, **self._cors}
        try:
            return await self._answered(request, record)
        finally:
            self._responder.settle(record)
            if self._verbose:
                self._note(record.access_line())
            if self._log and path == RESPONSES:
                self._log.write(record)

    async def _answered(self, request: web.BaseRequest, record: ExchangeRecord) -> web.StreamResponse:
        try:
            response = await self._routed(request, record)
        except ApiError as error:
            response = envelope(error)
        except (ConnectionError, asyncio.CancelledError):
            raise
        except Exception as error:
            words = " ".join(f"{type(error).__name__}: {error}".split())[:300]
            self._note(f"warning: a defect in eugpt serve, answered with 500 ({record.id}): {words}")
            response = envelope(internal())
        if not response.prepared:
            response.headers.update(record.headers)
            body = response.body if isinstance(response, web.Response) else None
            record.delivery.status, record.delivery.ended = response.status, "whole"
            record.delivery.sent = len(body) if isinstance(body, bytes) else 0
        return response

    async def _routed(self, request: web.BaseRequest, record: ExchangeRecord) -> web.StreamResponse:
        if record.path == "/openapi.json":
            _allow(request.method, "GET, HEAD")
            return web.json_response(document(self._responder.default_stream))
        if record.path == RESPONSES:
            if self._cors and request.method == "OPTIONS":
                return preflight(request)
            _allow(request.method, "POST")
            return await self._responder.respond(request, record)
        raise ApiError(404, "not_found_error", "unknown_path", f"No such path: {record.path}")


def _allow(method: str, allowed: str) -> None:
    if method not in allowed.split(", "):
        message = f"Method {method} is not allowed here"
        raise ApiError(405, "invalid_request_error", "method_not_allowed", message, headers={"Allow": allowed})
