"""Files: text read with its bytes exact and checked, folders made, and writes that reach the disk."""

import codecs
import contextlib
import os
import stat
import sys
from collections.abc import Hashable, Iterable, Iterator, Mapping

from eugpt_cli.errors import ConfigError, InputError
from eugpt_cli.system.streams import reason

BOM = b"\xef\xbb\xbf"
READ_SIZE = 1 << 20
KEY_LIMIT = 8192
LINE_LIMIT = 256 * 1024 * 1024
UPLOAD = "upload it at chat.eugpt.ai and give its id with --file-id UUID"
KINDS = {
    b"%PDF": f"it is a PDF; {UPLOAD}, or send its text: pdftotext {{}} - | eugpt ask PROMPT",
    b"PK\x03\x04": f"it is an Office document or an archive; {UPLOAD}, or send its text: pandoc -t plain {{}}",
    b"\x89PNG": f"it is an image; {UPLOAD}",
    b"\xff\xd8\xff": f"it is an image; {UPLOAD}",
    b"GIF8": f"it is an image; {UPLOAD}",
    b"\xff\xfe": "it is UTF-16; convert it: iconv -f UTF-16 -t UTF-8 {} | eugpt ask PROMPT",
    b"\xfe\xff": "it is UTF-16; convert it: iconv -f UTF-16 -t UTF-8 {} | eugpt ask PROMPT",
}
OTHER_ENCODING = "if it is text in Latin-1 (for others, change -f): iconv -f ISO-8859-1 -t UTF-8 {} | eugpt ask PROMPT"


def to_disk(fd: int) -> None:
    """Waits until the disk has what was written to fd: on macOS fsync(2) only hands it to the drive. Raises OSError."""
    if sys.platform == "darwin":
        import fcntl

        with contextlib.suppress(OSError):  # not every file system knows it
            fcntl.fcntl(fd, fcntl.F_FULLFSYNC)
            return
    os.fsync(fd)


def text(read_chunks: Iterable[bytes], source: str) -> str:
    """Decodes UTF-8 and drops a BOM and one trailing newline. Raises InputError with the byte offset."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    parts: list[str] = []
    offset = 0
    for piece in read_chunks:
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
        raise InputError(f"{source} contains a NUL at byte {offset + nul}")
    return decoded


def read_text(path: str) -> str:
    """Reads a text file. Raises InputError, whose hint says what to do with a file of another kind."""
    try:
        return text(read_chunks(path), path)
    except InputError as error:
        with contextlib.suppress(OSError, ValueError), open(path, "rb") as file:
            error.hint = _hint(path, file.read(8))
        raise


def _hint(path: str, start: bytes) -> str:
    import shlex

    hint = next((hint for magic, hint in KINDS.items() if start.startswith(magic)), OTHER_ENCODING)
    return hint.format(shlex.quote(path))


def read_chunks(path: str) -> Iterator[bytes]:
    """Yields the bytes of a file, up to 1 MiB at a time. Raises InputError."""
    try:
        with open(path, "rb", buffering=0) as file:
            while piece := file.read(READ_SIZE):
                yield piece
    except OSError as error:
        raise InputError(f"{path} cannot be read: {reason(error)}") from None
    except ValueError:  # of names separated by NULs, for one
        raise InputError(f"{path!r} cannot be read: the name contains a NUL") from None


def lines(read_chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yields lines without their ends. A chunk that ends no line is kept and never scanned again: time stays linear."""
    held: list[bytes] = []
    size = 0
    for piece in read_chunks:
        first, *others = piece.split(b"\n")
        held.append(first)
        size += len(first)
        if size > LINE_LIMIT:
            raise InputError("a line of the input is over the size limit")
        if others:
            yield b"".join(held)
            held = [others.pop()]
            size = len(held[0])
            yield from others
    if last := b"".join(held):
        yield last


def read_key(path: str) -> str:
    """Reads a key from a file, without one trailing LF or CRLF. Raises ConfigError."""
    try:
        with open(path, "rb") as file:
            key = file.read(KEY_LIMIT + 1)
    except OSError as error:
        raise ConfigError(f"the key file {path} cannot be read: {reason(error)}") from None
    if len(key) > KEY_LIMIT:
        raise ConfigError(f"the key file {path} contains more than a key")
    return key.removesuffix(b"\n").removesuffix(b"\r").decode("latin-1")


def size(path: str) -> int:
    """The size of a regular file in bytes, 0 for anything else."""
    with contextlib.suppress(OSError):
        facts = os.stat(path)
        return facts.st_size if stat.S_ISREG(facts.st_mode) else 0
    return 0


def identity(path: str | int) -> Hashable:
    """A value equal for two names (or descriptors) of one regular file, existing or not; None for anything else."""
    try:
        facts = os.stat(path)
    except OSError:
        with contextlib.suppress(OSError):  # of a relative path in a folder that is gone
            return os.path.realpath(path) if isinstance(path, str) else None
        return None
    except ValueError:  # a name holds no NUL
        return None
    return (facts.st_dev, facts.st_ino) if stat.S_ISREG(facts.st_mode) else None


def exists(path: str) -> bool:
    return os.path.exists(path)


def expand(path: str, environ: Mapping[str, str]) -> str:
    """Expands `~/` in a path from the configuration file."""
    return os.path.join(environ.get("HOME", "/"), path[2:]) if path.startswith("~/") else path


def ensure_folder(folder: str) -> str:
    """Creates a folder and those above it, each with mode 0700, and returns it. Raises OSError."""
    with contextlib.suppress(FileExistsError):
        try:
            os.mkdir(folder, 0o700)
        except FileNotFoundError:
            os.mkdir(os.path.join(ensure_folder(os.path.dirname(folder)), os.path.basename(folder)), 0o700)
    return folder
