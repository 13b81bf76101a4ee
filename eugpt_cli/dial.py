"""A name to a connected socket: look-up, TCP and TLS, each within the time to connect. Nothing is sent yet."""

import contextlib
import os
import socket
import ssl
import threading
import time
from typing import Any

from eugpt_cli.errors import Unreachable
from eugpt_cli.settings import Target


def dial(target: Target, seconds: float, cafile: str | None = None) -> socket.socket:
    """A socket to the target, with TLS for https. Raises Unreachable within `seconds`."""
    until = time.monotonic() + seconds
    sock = _connect(target, until)
    if target.scheme == "http":
        return sock
    try:
        sock.settimeout(_left(until, target))
        return trust(cafile).wrap_socket(sock, server_hostname=target.host)
    except ssl.SSLCertVerificationError as error:
        sock.close()
        raise Unreachable(
            f"the certificate of {target.host} was rejected: {error.verify_message}", final=True
        ) from None
    except TimeoutError:
        sock.close()
        raise Unreachable(f"no TLS connection to {target.host} within {seconds:g} s") from None
    except OSError as error:
        sock.close()
        raise Unreachable(f"no TLS connection to {target.host}: {error.strerror or error}") from None


def trust(cafile: str | None) -> ssl.SSLContext:
    """The system's trust store; SSL_CERT_FILE and SSL_CERT_DIR are OpenSSL's own and honoured by it.

    A hashed folder is preferred to a bundle, which costs tens of milliseconds to parse.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols(["http/1.1"])
    paths = ssl.get_default_verify_paths()
    named = os.environ.keys() & {paths.openssl_cafile_env, paths.openssl_capath_env}
    if cafile:
        context.load_verify_locations(cafile)
    elif not named and paths.capath and _has_certificates(paths.capath):
        context.load_verify_locations(capath=paths.capath)
    else:
        context.set_default_verify_paths()
    return context


def _has_certificates(folder: str) -> bool:
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        return any(entry.name.endswith(".0") for entry in entries)
    return False


def _left(until: float, target: Target) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise Unreachable(f"no connection to {target.host}:{target.port} in time")
    return left


def _connect(target: Target, until: float) -> socket.socket:
    addresses = _resolve(target, until)
    problem = "no address"
    for n, (family, kind, proto, _, address) in enumerate(addresses):
        sock = socket.socket(family, kind, proto)
        try:
            sock.settimeout(_left(until, target) / (len(addresses) - n))
            sock.connect(address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return sock
        except TimeoutError:
            problem = "no answer in time"
        except OSError as error:
            problem = (error.strerror or str(error)).lower()
        except BaseException:
            sock.close()
            raise
        sock.close()
    raise Unreachable(f"no connection to {target.host}:{target.port}: {problem}")


def _resolve(target: Target, until: float) -> list[Any]:
    """getaddrinfo in a thread: it can neither be interrupted nor bounded otherwise."""
    found: list[Any] = []
    failure: list[OSError] = []

    def look_up() -> None:
        try:
            # bytes, because a str host makes Python load its idna codec
            found.extend(socket.getaddrinfo(target.host.encode(), target.port, type=socket.SOCK_STREAM))
        except OSError as error:
            failure.append(error)

    worker = threading.Thread(target=look_up, daemon=True)
    worker.start()
    worker.join(_left(until, target))
    if failure:
        raise Unreachable(f"no address for {target.host}: {(failure[0].strerror or '').lower()}")
    if worker.is_alive():
        raise Unreachable(f"no address for {target.host} in time")
    return found
