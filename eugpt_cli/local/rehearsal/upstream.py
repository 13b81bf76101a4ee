"""`--record DIR --upstream URL`: pass requests on to the real service and keep what came back."""

import ipaddress
import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web

from eugpt_cli.local import send
from eugpt_cli.local.models import ApiError
from eugpt_cli.local.rehearsal.recording import KEPT_HEADERS, RecordedExchange, next_number
from eugpt_cli.local.server_config import ServeError, reason

_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=600)


class Upstream:
    """The service behind, asked with its own key. `key` never reaches a file."""

    def __init__(self, url: str, key: str | None, folder: Path, local_key: str, note: Callable[[str], None]) -> None:
        self._url = _checked(url)
        if not key:
            raise ServeError("no key for the upstream", "export EUGPT_API_KEY with the key of the service to record")
        self._key = key
        self._secrets = (key, local_key)
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ServeError(f"cannot write recordings into {folder}: {reason(error)}") from None
        self._folder = folder
        self._number = next_number(folder)
        self._note = note

    async def respond(self, request: web.BaseRequest, body: bytes) -> web.StreamResponse:
        """Passes a request on and its answer back as it comes; the whole exchange becomes a recording."""
        headers = {
            "Authorization": f"Bearer {self._key}",
            "Content-Type": "application/json",
            "Accept": request.headers.get("Accept", "*/*"),
            "Accept-Encoding": "identity",
            "User-Agent": request.headers.get("User-Agent", "eugpt-local"),
        }
        async with aiohttp.ClientSession(timeout=_TIMEOUT, trust_env=True) as session:
            try:
                answer = await session.post(self._url, data=body, headers=headers, allow_redirects=False)
            except (aiohttp.ClientError, TimeoutError) as error:
                raise _unreachable(error) from None
            async with answer:
                return await self._passed_on(request, body, answer)

    async def _passed_on(
        self, request: web.BaseRequest, body: bytes, answer: aiohttp.ClientResponse
    ) -> web.StreamResponse:
        kept = {name: answer.headers[name] for name in KEPT_HEADERS if name in answer.headers}
        response = web.StreamResponse(status=answer.status, headers=kept)
        await response.prepare(request)
        pieces: list[bytes] = []
        while (piece := await _next(answer)) is not None and piece:
            pieces.append(piece)
            await response.write(piece)
        self._keep(
            RecordedExchange(body.decode("utf-8", "replace"), answer.status, kept, pieces, whole=piece is not None)
        )
        if piece is None:
            raise send.abandon(request)
        await response.write_eof()
        return response

    def _keep(self, exchange: RecordedExchange) -> None:
        try:
            file = exchange.save(self._folder, self._number, self._secrets)
        except OSError as error:
            self._note(f"warning: not recorded: {reason(error)}")
            return
        self._number += 1
        self._note(f"recorded {file}")


def _checked(url: str) -> str:
    """The URL of the service's responses; the key goes over https or to this machine only."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
        raise ServeError("--upstream: not a base URL", "it looks like https://chat.eugpt.ai/v1")
    if parts.scheme == "http" and not _is_here(parts.hostname):
        raise ServeError("--upstream: the key is sent over https only, or to this machine")
    base = url.rstrip("/")
    return f"{base}/responses" if parts.path.strip("/") else f"{base}/v1/responses"


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def _next(answer: aiohttp.ClientResponse) -> bytes | None:
    """The next piece of the upstream's body; empty at its end, None where it broke off."""
    try:
        return await answer.content.readany()
    except (aiohttp.ClientError, TimeoutError):
        return None


def _unreachable(error: Exception) -> ApiError:
    number = error.os_error.errno if isinstance(error, aiohttp.ClientConnectorError) else None
    why = os.strerror(number).lower() if number and number > 0 else type(error).__name__
    return ApiError(502, "server_error", "bad_gateway", f"The upstream cannot be reached: {why}")
