"""A throw-away certificate authority for the tests, and a CONNECT proxy to reach its servers through."""

import contextlib
import socket
import ssl
import subprocess
import threading
from pathlib import Path
from typing import Any

import trustme

from tests.support.rawserver import Script


class Authority:
    """Its certificate is in `file`, and in `folder` under the hashed name that OpenSSL looks for.

    `client` is the certificate of a client and its key.
    """

    def __init__(self, folder: Path) -> None:
        self._ca = trustme.CA()
        self.file = str(folder / "ca.pem")
        self.folder = str(folder)
        self._ca.cert_pem.write_to_path(self.file)
        self.client = str(folder / "client.crt+key")
        self._ca.issue_cert("client@example.org").private_key_and_cert_chain_pem.write_to_path(self.client)
        subprocess.run(["openssl", "rehash", self.folder], check=True, capture_output=True)

    def server(self, *names: str, wants_client: bool = False, **dates: Any) -> ssl.SSLContext:
        """What a server needs to show a certificate for these names, valid between `not_before` and `not_after`."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._ca.issue_cert(*names, **dates).configure_cert(context)
        if wants_client:
            context.verify_mode = ssl.CERT_REQUIRED
            self._ca.configure_trust(context)
        return context

    def issue(self, folder: Path, *names: str) -> tuple[str, str]:
        """The files of a certificate for these names and of its key."""
        issued, paths = self._ca.issue_cert(*names), (folder / f"{names[0]}.crt", folder / f"{names[0]}.key")
        issued.cert_chain_pems[0].write_to_path(paths[0])
        issued.private_key_pem.write_to_path(paths[1])
        return str(paths[0]), str(paths[1])


def tunnel(port: int) -> Script:
    """What a proxy plays that connects every CONNECT to this port of the loopback, wherever it was meant to go."""

    def script(client: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", port)) as server:
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=pump, args=(server, client), daemon=True)
            back.start()
            pump(client, server)
            back.join(30)

    return script


def pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
