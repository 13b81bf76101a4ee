"""The seam between the API and its transport: every lane sends a Post and yields a Response."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol

from eugpt_cli.http.response import Response
from eugpt_cli.http.route import Target
from eugpt_cli.http.silence import SilenceTimer

Pairs = list[tuple[str, str]]


class Post(NamedTuple):
    """What to send: target, body, and header fields without those that the lane adds (Host, Content-Length)."""

    target: Target
    fields: Pairs
    body: bytes


class Peer(NamedTuple):
    """Who answers at the other end of TLS: its version, and the certificate as `ssl` describes it."""

    version: str | None
    certificate: Mapping[str, Any]


class Lane(Protocol):
    """A way to one target. May be shared by threads."""

    def send(self, post: Post, silence: SilenceTimer, *, fresh: bool) -> AbstractContextManager[Response]:
        """Raises Unreachable before the request is sent, LostError or NotTheApi after; the chunks raise likewise.

        A `fresh` connection has carried no other request, and carries none after this one.
        """

    def close(self) -> None: ...
