"""Text from standard input and files: exact bytes, checked as they come."""

import codecs
import os
from collections.abc import Iterable

from eugpt_cli.console import reason
from eugpt_cli.errors import ConfigError, InputError

BOM = b"\xef\xbb\xbf"
READ_SIZE = 1 << 20
KEY_LIMIT = 8192


def text(pieces: Iterable[bytes], source: str) -> str:
    """UTF-8 text without its BOM and without one trailing newline. Raises InputError with the byte offset."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    parts: list[str] = []
    offset = 0
    for piece in pieces:
        parts.append(_decode(decoder, piece, source, offset, final=False))
        offset += len(piece)
    parts.append(_decode(decoder, b"", source, offset, final=True))
    return "".join(parts).removeprefix("\ufeff").removesuffix("\n")


def _decode(decoder: codecs.IncrementalDecoder, piece: bytes, source: str, offset: int, *, final: bool) -> str:
    nul = piece.find(b"\0")
    held = len(decoder.getstate()[0])
    try:
        decoded = decoder.decode(piece if nul < 0 else piece[:nul], final)
    except UnicodeDecodeError as error:
        raise InputError(f"{source} is not UTF-8 at byte {offset - held + error.start}") from None
    if nul >= 0:
        raise InputError(f"{source} holds a NUL at byte {offset + nul}")
    return decoded


def read_text(path: str) -> str:
    """A text file. Raises InputError."""
    try:
        with open(path, "rb") as file:
            return text(iter(lambda: file.read(READ_SIZE), b""), path)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {reason(error)}") from None


def read_key(path: str) -> str:
    """The key in a file, without one trailing newline. Raises ConfigError."""
    try:
        with open(path, "rb") as file:
            return file.read(KEY_LIMIT).removesuffix(b"\n").removesuffix(b"\r").decode("latin-1")
    except OSError as error:
        raise ConfigError(f"the key file {path} cannot be read: {reason(error)}") from None


def exists(path: str) -> bool:
    return os.path.exists(path)
