"""Sends a reply with pauses and cuts: cleanly, by closing, by reset, or by silence."""

import asyncio
import re
import socket
import struct
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from aiohttp import web

_BLANK_LINE = re.compile(rb"\r\n\r\n|\n\n|\r\r")


class CutError(ConnectionResetError):
    """The connection was ended on purpose."""


class BrokenReplyError(Exception):
    """The source of a reply broke off: the reply must not look complete."""


@dataclass(frozen=True)
class Reply:
    """What answers a request. `whole` is False for a recording that broke off: its end closes the connection."""

    status: int
    headers: Mapping[str, str]
    pieces: Iterable[bytes] | AsyncIterable[bytes]
    whole: bool = True


@dataclass(frozen=True)
class SendManner:
    """How pieces are sent: seconds before the first and between two, and where and how the sending is cut."""

    delay: float = 0.0
    between: float = 0.0
    after_bytes: int | None = None
    after_pieces: int | None = None
    cut: str = "clean"

    @property
    def counts_events(self) -> bool:
        """Whether each piece must be one event."""
        return bool(self.between) or self.after_pieces is not None


@dataclass
class Delivery:
    """What of a response left this process: its status, bytes of the body, and how it ended.

    `left` is a client that was gone before all of it was handed to the system. After a clean cut the HTTP message is
    whole (`is_message`), though the answer in it is not.
    """

    status: int | None = None
    sent: int = 0
    ended: Literal["whole", "cut", "left"] = "left"
    is_message: bool = False


async def send(request: web.BaseRequest, reply: Reply, manner: SendManner, delivery: Delivery) -> web.StreamResponse:
    """Sends a reply piece by piece. Raises CutError where the connection ended on purpose."""
    await asyncio.sleep(manner.delay)
    response = web.StreamResponse(status=reply.status, headers=reply.headers)
    await response.prepare(request)
    delivery.status = reply.status
    left = manner.after_bytes
    sent = 0
    try:
        async for piece in _pieces(reply, manner):
            if sent == manner.after_pieces or left == 0:
                return await _cut(request, response, manner.cut, delivery)
            if sent:
                await asyncio.sleep(manner.between)
            allowed = piece if left is None else piece[:left]
            await response.write(allowed)
            delivery.sent += len(allowed)
            left = None if left is None else left - len(allowed)
            sent += 1
    except BrokenReplyError:
        return await _cut(request, response, "close", delivery)
    if not reply.whole:
        return await _cut(request, response, "close", delivery)
    if manner.after_pieces is not None or left is not None:
        return await _cut(request, response, manner.cut, delivery)
    if _unsent(request) == 0:
        delivery.ended = "whole"  # a client may hang up at the last event: it has received all of it
    await response.write_eof()
    delivery.ended = "whole"
    return response


async def raw(request: web.BaseRequest, data: bytes, manner: SendManner, delivery: Delivery) -> web.StreamResponse:
    """Sends bytes instead of an HTTP response, then ends the connection as `manner.cut` says; raises CutError."""
    await asyncio.sleep(manner.delay)
    if request.transport is None:
        raise ConnectionResetError
    request.transport.write(data[: manner.after_bytes])
    delivery.sent, delivery.ended = len(data[: manner.after_bytes]), "cut"
    if manner.cut == "silent":
        await asyncio.Event().wait()
    await _emptied(request.transport)
    _end(request.transport, manner.cut == "reset")
    raise CutError


async def _pieces(reply: Reply, manner: SendManner) -> AsyncIterator[bytes]:
    """The reply's pieces; a stream's events one by one where the manner counts them."""
    is_stream = reply.headers.get("Content-Type", reply.headers.get("content-type", "")).startswith("text/event-stream")
    held = b""
    async for piece in _awaited(reply.pieces):
        if not (is_stream and manner.counts_events):
            yield piece
            continue
        held += piece
        while end := _BLANK_LINE.search(held):
            yield held[: end.end()]
            held = held[end.end() :]
    if held:
        yield held


async def _awaited(pieces: Iterable[bytes] | AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    if isinstance(pieces, AsyncIterable):
        async for piece in pieces:
            yield piece
    else:
        for piece in pieces:
            yield piece


async def _cut(
    request: web.BaseRequest, response: web.StreamResponse, how: str, delivery: Delivery
) -> web.StreamResponse:
    delivery.ended = "cut"
    request.writer.send_headers()
    if how == "clean":
        await response.write_eof()
        delivery.is_message = True
        return response
    if how == "silent":
        await asyncio.Event().wait()
    if request.transport is not None:
        await _emptied(request.transport)
        _end(request.transport, how == "reset")
    raise CutError


def _unsent(request: web.BaseRequest) -> int | None:
    """Bytes that the system has not taken yet; None without a connection."""
    return None if request.transport is None else request.transport.get_write_buffer_size()


async def _emptied(transport: asyncio.Transport) -> None:
    """What was written must have left this process, or the end would overtake it."""
    while transport.get_write_buffer_size() and not transport.is_closing():
        await asyncio.sleep(0.01)


def _end(transport: asyncio.Transport, reset: bool) -> None:
    if reset:
        line: socket.socket = transport.get_extra_info("socket")
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
