"""Requests along one route: the key is added and masked, codings are undone, and a lane carries them."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from eugpt_cli.http.connection import KeptConnectionEnded
from eugpt_cli.http.lanes import lane_to
from eugpt_cli.http.preconnect import Preconnect
from eugpt_cli.http.response import Response
from eugpt_cli.http.route import Route, Target
from eugpt_cli.http.seam import Post
from eugpt_cli.http.silence import SilenceTimer
from eugpt_cli.text.redaction import redact, redact_raw_answer

REQUEST_TIMEOUT = 408


class Client:
    """Requests along one route; may be shared by threads. `keep` connections rest between requests.

    `early` is a connection that is being made already, for the first request.
    """

    def __init__(
        self, route: Route, key: str, *, connect_timeout: float, keep: int = 0, early: Preconnect | None = None
    ) -> None:
        self._key = key
        self._lane = lane_to(route, connect_timeout, keep, early)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._lane.close()

    def masked(self, text: str) -> str:
        """Text of the service without the key in it."""
        return redact(text, self._key)

    def masked_answer(self, answer: bytes) -> bytes:
        """An answer without the key in it, as rows have it."""
        return redact_raw_answer(answer, self._key)

    @contextmanager
    def send(
        self,
        target: Target,
        fields: Sequence[tuple[str, str]],
        body: bytes,
        silence: SilenceTimer,
        *,
        fresh: bool = False,
    ) -> Iterator[Response]:
        """Posts the body with these header fields and the key's, and yields the response.

        Raises Unreachable before the request is sent, LostError or NotTheApi after.

        A `fresh` connection has carried no other request, and carries none after this one: where the service is just
        closing one, the outcome of what is sent over it is unknown. Otherwise a 408, or an end, on a kept connection
        is taken for that closing, and the request is sent once more.
        """
        own = [("Authorization", f"Bearer {self._key}"), *fields, ("Accept-Encoding", "identity")]
        post = Post(target, own, body)
        with ExitStack() as stack:
            response = None if fresh else self._over_kept(post, silence, stack)
            response = response or stack.enter_context(self._lane.send(post, silence, fresh=True))
            if "content-encoding" in response.fields:
                from eugpt_cli.http.coding import decoded

                response = response._replace(chunks=decoded(response.fields, response.chunks))
            yield response

    def _over_kept(self, post: Post, silence: SilenceTimer, stack: ExitStack) -> Response | None:
        """None where the connection had carried another request, and brought no answer to this one."""
        try:
            response = stack.enter_context(self._lane.send(post, silence, fresh=False))
        except KeptConnectionEnded:
            return None
        if response.reused and response.status == REQUEST_TIMEOUT:
            stack.close()
            return None
        return response
