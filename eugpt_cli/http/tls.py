"""TLS: whom to trust, as OpenSSL has it, who we are, and the handshake over a socket or over another TLS connection."""

import contextlib
import functools
import os
import ssl
import threading
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from eugpt_cli.errors import ConfigError, Unreachable
from eugpt_cli.http.connect_deadline import ConnectDeadline
from eugpt_cli.http.route import ClientCertificate, Trust

BLOCKED: tuple[type[OSError], ...] = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
PLAIN = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE")  # how OpenSSL tells of what is no TLS
NO_TLS = "the server does not use TLS; if it is on this machine, try http:// instead of https://"
BEGIN = b"-----BEGIN CERTIFICATE-----"
READ_SIZE = 1 << 16

T = TypeVar("T")
_one_at_a_time = threading.Lock()  # a second thread waits for the context of the first one, and makes none of its own


def tls_context(trust: Trust, identity: ClientCertificate | None = None) -> ssl.SSLContext:
    """Raises ConfigError for certificates that cannot be used, Unreachable where no authority is trusted at all."""
    with _one_at_a_time:
        return _made_context(trust, identity)


@functools.cache
def _made_context(trust: Trust, identity: ClientCertificate | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols(["http/1.1"])
    if trust.file:
        _load(context, trust.file, None)
    else:
        _load_store(context, trust)
    if identity:
        _identify(context, identity)
    return context


def _load(context: ssl.SSLContext, bundle: str | None, folder: str | None) -> None:
    try:
        context.load_verify_locations(bundle, folder)
    except (OSError, ValueError) as error:
        words = getattr(error, "strerror", None) or str(error)
        raise ConfigError(f"the certificates in {bundle or folder} cannot be used: {words.lower()}") from None


def _load_store(context: ssl.SSLContext, trust: Trust) -> None:
    """Bundle and folder. A folder costs nothing, a bundle tens of milliseconds; one that adds none is left out."""
    default = ssl.get_default_verify_paths()
    bundle, folders = trust.bundle or default.cafile, trust.folder or default.capath or ""
    hashed = [entry for folder in folders.split(os.pathsep) for entry in _hashed(folder)]
    if hashed:
        _load(context, None, folders)
    if bundle and not (hashed and _adds_none(bundle, hashed)):
        _load(context, bundle, None)
    if not hashed and not context.cert_store_stats()["x509_ca"]:
        places = " and ".join(filter(None, (bundle or default.openssl_cafile, folders or default.openssl_capath)))
        raise Unreachable(
            f"no certificates: this machine trusts no authority ({places})",
            final=True,
            hint="install the package ca-certificates, or give a bundle with --ca-file",
        )


def _hashed(folder: str) -> list[str]:
    """The certificates in a folder that OpenSSL finds there: HASH.N."""
    try:
        with os.scandir(folder or ".") as entries:
            return [entry.path for entry in entries if entry.name[-2:-1] == "." and entry.name[-1:].isdigit()]
    except OSError:
        return []


def _adds_none(bundle: str, hashed: list[str]) -> bool:
    """Whether every certificate of the bundle is also in the folder, by its very text."""
    try:
        with open(bundle, "rb") as file:
            texts = {part.split(b"-----END", 1)[0].strip() for part in file.read().split(BEGIN)[1:]}
        wanted = set(texts)
        for path in hashed:
            with open(path, "rb") as file:
                wanted -= {part.split(b"-----END", 1)[0].strip() for part in file.read().split(BEGIN)[1:]}
    except OSError:
        return False
    return bool(texts) and not wanted


def _identify(context: ssl.SSLContext, identity: ClientCertificate) -> None:
    """Nobody is asked for a passphrase."""

    def passphrase() -> NoReturn:
        raise ConfigError(
            f"the key in {identity.key or identity.path} needs a passphrase",
            hint="give a key without one: openssl pkey -in KEY -out PLAIN-KEY",
        )

    try:
        context.load_cert_chain(identity.path, identity.key, passphrase)
    except (OSError, ValueError) as error:
        missing = not isinstance(error, ssl.SSLError)
        words = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
        words = "it contains no certificate or no key, or they do not match" if not missing else words
        names = " and ".join(filter(None, identity))
        raise ConfigError(f"the client certificate {names} cannot be used: {words.lower()}") from None


class NestedTls:
    """TLS to the target inside the TLS to a proxy: what `wrap_socket` cannot do. Used as a socket is."""

    def __init__(self, outer: ssl.SSLSocket, context: ssl.SSLContext, host: bytes) -> None:
        self._outer = outer
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._unsent = b""
        self._tls = context.wrap_bio(self._in, self._out, server_hostname=host)
        self.settimeout, self.fileno, self.close = outer.settimeout, outer.fileno, outer.close
        self.getpeercert, self.version = self._tls.getpeercert, self._tls.version

    def do_handshake(self, before_read: Callable[[], None]) -> None:
        self._drive(self._tls.do_handshake, before_read)

    def recv(self, size: int) -> bytes:
        try:
            return self._drive(lambda: self._tls.read(size))
        except ssl.SSLZeroReturnError:
            return b""

    def send(self, data: memoryview) -> int:
        """What TLS has taken is not given back; if it cannot all leave now, the rest goes with the next call."""
        self._flush()
        sent = self._tls.write(data[:READ_SIZE])
        with contextlib.suppress(*BLOCKED):
            self._flush()
        return sent

    def _drive(self, step: Callable[[], T], before_read: Callable[[], None] = lambda: None) -> T:
        while True:
            try:
                result = step()
            except ssl.SSLWantReadError:
                self._flush()
                before_read()
                if data := self._outer.recv(READ_SIZE):
                    self._in.write(data)
                else:
                    self._in.write_eof()
            else:
                self._flush()
                return result

    def _flush(self) -> None:
        while self._unsent or self._out.pending:
            self._unsent = self._unsent or self._out.read()
            self._unsent = self._unsent[self._outer.send(self._unsent) :]


def secure(sock: Any, context: ssl.SSLContext, host: str, port: int, deadline: ConnectDeadline, who: str = "") -> Any:
    """TLS over a socket, or over TLS. Raises Unreachable, and closes the socket then."""
    missing = f"no TLS connection to {who}{host}:{port}"
    try:
        return _shaken(sock, context, host, lambda: sock.settimeout(deadline.left(missing)))
    except ssl.SSLCertVerificationError as error:
        problem = Unreachable(
            f"the certificate of {who}{host} was rejected: {error.verify_message.lower()}",
            final=True,
            hint="to trust a private authority, use --ca-file PATH",
        )
    except TimeoutError:
        problem = deadline.over(missing)
    except ssl.SSLError as error:
        words = (error.reason or str(error)).replace("_", " ").lower()
        problem = Unreachable(f"{missing}: {words}", hint=NO_TLS if error.reason in PLAIN else None)
    except OSError as error:
        problem = Unreachable(f"{missing}: {(error.strerror or str(error)).lower()}")
    except BaseException:
        sock.close()
        raise
    sock.close()
    raise problem


def _shaken(sock: Any, context: ssl.SSLContext, host: str, bound: Callable[[], None]) -> Any:
    """`bound` limits the next wait to the time that is left."""
    name = host.encode()  # a str makes Python load its idna codec
    bound()
    if not isinstance(sock, ssl.SSLSocket):
        return context.wrap_socket(sock, server_hostname=name)
    nested = NestedTls(sock, context, name)
    nested.do_handshake(bound)
    return nested
