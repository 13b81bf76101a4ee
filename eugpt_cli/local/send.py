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
    """The source of a reply broke off, so the reply must not look complete."""


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
    after_events: int | None = None
    cut: str = "clean"

    @property
    def counts_events(self) -> bool:
        """Whether the pieces of a stream must be its events."""
        return bool(self.between) or self.after_events is not None


@dataclass
class Delivery:
    """What was sent of a response: its status, bytes and events of the body, and how it ended.

    `events` counts those of a stream where the manner needs them. `left`: the client left before the system
    had taken all of it. After a clean cut the HTTP message is whole (`is_message`), though the answer in it is
    not. `cut_as_asked` and `paused` say whether the manner's cut, and its pause between events, had an effect.
    """

    status: int | None = None
    sent: int = 0
    events: int = 0
    ended: Literal["whole", "cut", "left"] = "left"
    is_message: bool = False
    cut_as_asked: bool = False
    paused: bool = False

    def has_reached(self, manner: SendManner) -> bool:
        """Whether the body has come to where the manner cuts it."""
        return self.sent == manner.after_bytes or self.events == manner.after_events


async def send(request: web.BaseRequest, reply: Reply, manner: SendManner, delivery: Delivery) -> web.StreamResponse:
    """Sends a reply piece by piece. Raises CutError where the connection ended on purpose.

    A body that ends before the place of the cut is sent whole; a document has no events.
    """
    await asyncio.sleep(manner.delay)
    response = web.StreamResponse(status=reply.status, headers=reply.headers)
    await response.prepare(request)
    delivery.status = reply.status
    counts = manner.counts_events and _is_stream(reply)
    begun = False
    try:
        async for piece in _events(reply) if counts else _awaited(reply.pieces):
            if delivery.has_reached(manner):
                return await _cut_as_asked(request, response, manner, delivery)
            if begun:
                await asyncio.sleep(manner.between if counts else 0)
                delivery.paused = counts
            allowed = piece if manner.after_bytes is None else piece[: manner.after_bytes - delivery.sent]
            await response.write(allowed)
            delivery.sent += len(allowed)
            delivery.events += counts
            begun = True
            if len(allowed) < len(piece):
                return await _cut_as_asked(request, response, manner, delivery)
    except BrokenReplyError:
        return await _cut(request, response, "close", delivery)
    if not reply.whole:
        return await _cut(request, response, "close", delivery)
    if delivery.has_reached(manner) and manner.cut != "clean":
        return await _cut_as_asked(request, response, manner, delivery)
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
    allowed = data[: manner.after_bytes]
    request.transport.write(allowed)
    delivery.sent, delivery.cut_as_asked = len(allowed), len(allowed) < len(data)
    delivery.ended = "cut" if delivery.cut_as_asked or manner.cut in ("reset", "silent") else "whole"
    if manner.cut == "silent":
        await asyncio.Event().wait()
    await _emptied(request.transport)
    _end(request.transport, manner.cut == "reset")
    raise CutError


def _is_stream(reply: Reply) -> bool:
    kind = reply.headers.get("Content-Type", reply.headers.get("content-type", ""))
    return kind.startswith("text/event-stream")


async def _events(reply: Reply) -> AsyncIterator[bytes]:
    """A stream's events one by one."""
    held = b""
    async for piece in _awaited(reply.pieces):
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


async def _cut_as_asked(
    request: web.BaseRequest, response: web.StreamResponse, manner: SendManner, delivery: Delivery
) -> web.StreamResponse:
    delivery.cut_as_asked = True
    return await _cut(request, response, manner.cut, delivery)


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
    """Waits until the system has taken what was written, so that the end does not overtake it."""
    while transport.get_write_buffer_size() and not transport.is_closing():
        await asyncio.sleep(0.01)


def _end(transport: asyncio.Transport, reset: bool) -> None:
    if reset:
        line: socket.socket = transport.get_extra_info("socket")
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
