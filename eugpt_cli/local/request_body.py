"""Reads the body of a request, within limits of size and time."""

import asyncio

from aiohttp import HttpVersion11, web

from eugpt_cli.local.models import ApiError, invalid

MAX_BODY = 32 * 1024 * 1024
"""The largest request body, in bytes."""


async def read_body(request: web.BaseRequest, patience: float) -> bytes:
    """The body, if all of it arrives within `patience` seconds; raises the 400, 408 or 413 ApiError."""
    body = bytearray()
    if (request.content_length or 0) > MAX_BODY:
        raise _too_large()
    await _invite(request)
    try:
        async with asyncio.timeout(patience):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > MAX_BODY:
                    raise _too_large()
    except TimeoutError:
        message = "The body did not arrive in time"
        raise ApiError(408, "invalid_request_error", "body_too_slow", message) from None
    except web.RequestPayloadError:
        raise invalid("The framing of the body does not match its headers") from None
    return bytes(body)


async def _invite(request: web.BaseRequest) -> None:
    """Sends 100 Continue to a client that waits for it (curl, with a large body)."""
    if request.version >= HttpVersion11 and request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0


def _too_large() -> ApiError:
    return ApiError(413, "invalid_request_error", "body_too_large", f"The body is over {MAX_BODY} bytes")
