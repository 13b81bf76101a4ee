"""Undoes one content coding, gzip or deflate, in pieces of limited size."""

import zlib
from collections.abc import Iterator

from eugpt_cli.errors import NotTheApi, Truncated
from eugpt_cli.http.response import Fields

PIECE = 1 << 20  # bytes that one step may make
GZIP, ZLIB, RAW = 31, 15, -15  # zlib's names for what stands around the compressed data


def decoded(fields: Fields, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The body as it was before it was coded. Raises NotTheApi or Truncated, once it is asked for."""
    codings = [coding for coding in fields.tokens("content-encoding") if coding != "identity"]
    if not codings:
        return chunks
    if codings in (["gzip"], ["x-gzip"]):
        return _members(chunks)
    if codings == ["deflate"]:
        return _deflated(chunks)
    return _refused(codings)


def _refused(codings: list[str]) -> Iterator[bytes]:
    many = "in several codings" if len(codings) > 1 else "in an unknown coding"
    raise NotTheApi(f"the answer cannot be decoded: it is {many}")
    yield b""


def _members(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """gzip, RFC 1952: one member after the other; zeros may fill up the end."""
    inflater = None
    for data in chunks:
        while data:
            if inflater is None:
                data = data.lstrip(b"\0")
                if not data:
                    break
                inflater = zlib.decompressobj(GZIP)
            yield from _inflated(inflater, data)
            data = inflater.unused_data
            if inflater.eof:
                inflater = None
    if inflater:
        raise _unfinished()


def _deflated(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Decodes zlib's format (RFC 9110, section 8.4.1.2); some servers send raw deflate instead."""
    inflater = None
    begin = b""
    for data in chunks:
        if inflater is None:
            begin += data
            if len(begin) < 2:
                continue
            data = begin
            inflater = zlib.decompressobj(ZLIB if _is_zlib(begin) else RAW)
        if inflater.eof:
            raise NotTheApi("the answer cannot be decoded: there is data after its end")
        yield from _inflated(inflater, data)
        if inflater.unused_data:
            raise NotTheApi("the answer cannot be decoded: there is data after its end")
    if begin and not (inflater and inflater.eof):
        raise _unfinished()


def _is_zlib(begin: bytes) -> bool:
    return begin[0] & 0x0F == 8 and (begin[0] << 8 | begin[1]) % 31 == 0


def _inflated(inflater: "zlib._Decompress", data: bytes) -> Iterator[bytes]:
    try:
        while True:
            piece = inflater.decompress(data, PIECE)
            data = inflater.unconsumed_tail
            if piece:
                yield piece
            if inflater.eof or (not data and len(piece) < PIECE):
                return
    except zlib.error:
        raise NotTheApi("the answer cannot be decoded: it does not match its Content-Encoding") from None


def _unfinished() -> Truncated:
    return Truncated("the compressed answer ended too early")
