"""`--record DIR --upstream URL`: forwards requests to the real service and records its answers."""

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp

from eugpt_cli.local.addresses import is_loopback
from eugpt_cli.local.models import ApiError
from eugpt_cli.local.rehearsal.answer_forms import verdict
from eugpt_cli.local.rehearsal.exchange_log import ExchangeRecord
from eugpt_cli.local.rehearsal.key_mask import KeyMask, KeyMasker
from eugpt_cli.local.rehearsal.recording import KEPT_HEADERS, RecordedExchange, next_number
from eugpt_cli.local.send import BrokenReplyError, Reply
from eugpt_cli.local.server_config import ServeError, reason

CONNECT_SECONDS = 10
"""Seconds to connect to the upstream."""
SILENCE_SECONDS = 600
"""Seconds that the upstream may be silent."""

Notes = Callable[[str], None]


@dataclass
class RecordingFolder:
    """The folder of numbered exchanges; no file contains `secrets`. With `only_answers`, it skips failures."""

    folder: Path
    secrets: tuple[KeyMask, ...]
    only_answers: bool
    note: Notes
    kept: Callable[[RecordedExchange], None] = lambda _: None
    failed: bool = False
    _number: int = field(init=False, default=1)

    def __post_init__(self) -> None:
        """Makes the folder; raises ServeError."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ServeError(f"cannot write recordings into {self.folder}: {reason(error)}") from None
        self._number = next_number(self.folder)

    def keep(self, exchange: RecordedExchange) -> str | None:
        """Writes an exchange and returns its file's name; None, with a note, for one that is not kept."""
        reply = Reply(exchange.status, exchange.headers, exchange.pieces, exchange.whole)
        state, why = verdict(reply, b"".join(exchange.pieces))
        if state == "cut" or (state == "failed" and self.only_answers):
            self.note(f"not recorded: {why}")
            return None
        try:
            file = exchange.save(self.folder, self._number, self.secrets)
        except OSError as error:
            self.failed = True
            self.note(f"warning: not recorded: {reason(error)}")
            return None
        self._number += 1
        self.note(f"recorded {file}")
        self.kept(RecordedExchange.load(file))
        return file.name


class Upstream:
    """The service to record. Its key is sent over https only, or to this machine."""

    def __init__(self, url: str, key: str | None, ca_file: Path | None, folder: RecordingFolder) -> None:
        self._url = _checked(url)
        if not key:
            raise ServeError("no key for the upstream", "export EUGPT_API_KEY with the key of the service to record")
        self._key = key
        self._mask = KeyMask(key)
        self._host = urlsplit(url).hostname or ""
        self._trust = _trust(ca_file)
        self._folder = folder
        self._passing: set[asyncio.Task[None]] = set()

    async def reply(self, headers: Mapping[str, str], body: bytes, record: ExchangeRecord) -> Reply:
        """Forwards a request; yields the reply's pieces as they arrive, and stores the recording before the last one.

        If the client leaves, the recording is still completed. Raises the 502 ApiError.
        """
        session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=SILENCE_SECONDS),
            trust_env=True,
        )
        try:
            sent = {
                "Authorization": f"Bearer {self._key}",
                "Content-Type": "application/json",
                "Accept": headers.get("Accept", "*/*"),
                "Accept-Encoding": "identity",
                "User-Agent": headers.get("User-Agent", "eugpt-local"),
            }
            answer = await session.post(self._url, data=body, headers=sent, allow_redirects=False, ssl=self._trust)
        except (aiohttp.ClientError, TimeoutError, ssl.SSLError) as error:
            await session.close()
            raise self._unreachable(error) from None
        except BaseException:
            self._folder.note("not recorded: the client left before the answer began")
            await session.close()
            raise
        kept = {name: self._mask.text(answer.headers[name]) for name in KEPT_HEADERS if name in answer.headers}
        pieces: asyncio.Queue[bytes | None] = asyncio.Queue()
        exchange = RecordedExchange(body.decode("utf-8", "replace"), answer.status, kept, [], whole=False)
        task = asyncio.create_task(self._pass(session, answer, exchange, pieces, record))
        self._passing.add(task)
        task.add_done_callback(self._passing.discard)
        return Reply(answer.status, kept, _until_end(pieces))

    async def close(self, seconds: float) -> None:
        """Waits some seconds for exchanges in flight; does not record those that are still incomplete."""
        if self._passing:
            _, late = await asyncio.wait(self._passing, timeout=seconds)
            for task in late:
                self._folder.note("not recorded: the server ended first")
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    async def _pass(
        self,
        session: aiohttp.ClientSession,
        answer: aiohttp.ClientResponse,
        exchange: RecordedExchange,
        pieces: asyncio.Queue[bytes | None],
        record: ExchangeRecord,
    ) -> None:
        """Reads the answer to its end; None in `pieces` says that it broke off, an empty piece that it ended."""
        whole = False
        masker = KeyMasker(self._mask)

        def put(piece: bytes) -> None:
            if piece:
                exchange.pieces.append(piece)
                pieces.put_nowait(piece)

        async with session, answer:
            with suppress(aiohttp.ClientError, TimeoutError):
                while piece := await answer.content.readany():
                    put(masker.feed(piece))
                whole = True
            put(masker.rest())
        seen = RecordedExchange(exchange.request, exchange.status, exchange.headers, exchange.pieces, whole)
        record.recording = self._folder.keep(seen)
        pieces.put_nowait(b"" if whole else None)

    def _unreachable(self, error: Exception) -> ApiError:
        return ApiError(502, "server_error", "bad_gateway", f"The upstream cannot be reached: {self._why(error)}")

    def _why(self, error: Exception) -> str:
        if isinstance(error, aiohttp.ClientConnectorCertificateError):
            words = getattr(error.certificate_error, "verify_message", "") or str(error.certificate_error)
            hint = "to trust a private authority, use --ca-file PATH"
            return f"the certificate of {self._host} was rejected: {words.lower()}; {hint}"
        if isinstance(error, aiohttp.ClientSSLError):
            return f"no TLS connection to {self._host}: {_last_words(error)}"
        number = error.os_error.errno if isinstance(error, aiohttp.ClientConnectorError) else None
        return os.strerror(number).lower() if number and number > 0 else _last_words(error)


async def _until_end(pieces: asyncio.Queue[bytes | None]) -> AsyncIterator[bytes]:
    while piece := await pieces.get():
        yield piece
    if piece is None:
        raise BrokenReplyError


def _checked(url: str) -> str:
    """The URL of the service's responses."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
        raise ServeError("--upstream: not a base URL", "write it in the form https://chat.eugpt.ai/v1")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ServeError("--upstream: eugpt sends the key only over https or to this machine")
    base = url.rstrip("/")
    return f"{base}/responses" if parts.path.strip("/") else f"{base}/v1/responses"


def _trust(ca_file: Path | None) -> ssl.SSLContext | bool:
    if ca_file is None:
        return True
    try:
        return ssl.create_default_context(cafile=str(ca_file))
    except OSError as error:
        raise ServeError(f"--ca-file: the certificates in {ca_file} cannot be used: {reason(error)}") from None


def _last_words(error: Exception) -> str:
    return " ".join(str(error).split())[:200].lower() or type(error).__name__
