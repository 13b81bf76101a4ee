"""Sends bytes with pauses and cuts: cleanly, by closing, by reset, or by silence."""

import asyncio
import socket
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from aiohttp import web


class CutError(ConnectionResetError):
    """The connection was ended on purpose."""


@dataclass(frozen=True)
class SendManner:
    """How pieces are sent: seconds before the first and between two, and where and how the sending is cut."""

    delay: float = 0.0
    between: float = 0.0
    after_bytes: int | None = None
    after_pieces: int | None = None
    cut: str = "clean"


async def send(
    request: web.BaseRequest,
    status: int,
    headers: Mapping[str, str],
    pieces: Iterable[bytes],
    manner: SendManner,
) -> web.StreamResponse:
    """Sends a response piece by piece."""
    await asyncio.sleep(manner.delay)
    response = web.StreamResponse(status=status, headers=headers)
    await response.prepare(request)
    left = manner.after_bytes
    for sent, piece in enumerate(pieces):
        if sent == manner.after_pieces or left == 0:
            return await _cut(request, response, manner.cut)
        if sent:
            await asyncio.sleep(manner.between)
        await response.write(piece if left is None else piece[:left])
        left = None if left is None else max(left - len(piece), 0)
    if manner.after_pieces is not None or left is not None:
        return await _cut(request, response, manner.cut)
    await response.write_eof()
    return response


async def raw(request: web.BaseRequest, data: bytes, manner: SendManner) -> web.StreamResponse:
    """Sends bytes instead of an HTTP response, then ends the connection as `manner.cut` says."""
    await asyncio.sleep(manner.delay)
    if request.transport is None:
        raise ConnectionResetError
    request.transport.write(data[: manner.after_bytes])
    if manner.cut == "silent":
        await asyncio.Event().wait()
    await _emptied(request.transport)
    _end(request.transport, manner.cut == "reset")
    raise CutError


async def _cut(request: web.BaseRequest, response: web.StreamResponse, how: str) -> web.StreamResponse:
    request.writer.send_headers()
    if how == "clean":
        await response.write_eof()
        return response
    if how == "silent":
        await asyncio.Event().wait()
    if request.transport is not None:
        await _emptied(request.transport)
        _end(request.transport, how == "reset")
    raise CutError


def abandon(request: web.BaseRequest) -> CutError:
    """Ends the connection at once, in the middle of a response; the exception says so to the caller."""
    if request.transport is not None:
        request.transport.abort()
    return CutError()


async def _emptied(transport: asyncio.Transport) -> None:
    """What was written must have left this process, or the end would overtake it."""
    while transport.get_write_buffer_size() and not transport.is_closing():
        await asyncio.sleep(0.01)


def _end(transport: asyncio.Transport, reset: bool) -> None:
    if reset:
        line: socket.socket = transport.get_extra_info("socket")
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
