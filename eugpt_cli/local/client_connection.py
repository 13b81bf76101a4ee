"""One client's connection: answers malformed HTTP with the envelope, and drops a client that stops reading."""

import asyncio
import json
import logging
from typing import Any

from aiohttp import web

from eugpt_cli.local.models import ApiError, invalid

LIMITS: dict[str, Any] = {
    "max_line_size": 8190,
    "max_field_size": 8190,
    "max_headers": 100,
    "lingering_time": 5.0,
    "access_log": None,
}

_SILENT = logging.getLogger("eugpt.local")
_SILENT.addHandler(logging.NullHandler())
_SILENT.propagate = False


class ClientConnection(web.RequestHandler):
    """aiohttp's protocol with limits. `patience`, in seconds, limits idling, slow sending and slow reading."""

    __slots__ = ("_held", "_patience", "_stalled")

    def __init__(self, manager: web.Server, *, loop: asyncio.AbstractEventLoop, patience: float) -> None:
        super().__init__(manager, loop=loop, keepalive_timeout=patience, logger=_SILENT, **LIMITS)
        self._patience = patience
        self._stalled: asyncio.TimerHandle | None = None
        self._held: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the transport: aiohttp drops it on closing, while unread bytes may keep the connection open."""
        super().connection_made(transport)
        self._held = self.transport

    def pause_writing(self) -> None:
        """Starts the clock: the client does not keep up."""
        super().pause_writing()
        self._stalled = self._loop.call_later(self._patience, self._abort)

    def resume_writing(self) -> None:
        """Stops the clock: the client reads again."""
        super().resume_writing()
        self._calm()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Stops the clock with the connection."""
        self._calm()
        self._held = None
        super().connection_lost(exc)

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """The envelope for malformed requests and for unexpected errors."""
        response = envelope(invalid("the request is not valid HTTP") if status == 400 else internal())
        response.force_close()
        return response

    def _abort(self) -> None:
        if self._held is not None:
            self._held.abort()

    def _calm(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None


def internal() -> ApiError:
    """The 500 of the API pages."""
    return ApiError(500, "server_error", "server_error", "Internal error during response generation")


def envelope(error: ApiError) -> web.Response:
    """An ApiError as its HTTP response."""
    return web.json_response(error.envelope(), status=error.status, headers=error.headers, dumps=_compact)


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
