"""Chooses the lane of a route: direct without proxy and client certificate, otherwise httpx."""

from eugpt_cli.http.dial import dial
from eugpt_cli.http.preconnect import Preconnect, begun_or_new
from eugpt_cli.http.route import Route
from eugpt_cli.http.seam import Lane, Peer


def lane_to(route: Route, connect_timeout: float, keep: int = 0, early: Preconnect | None = None) -> Lane:
    """Raises ConfigError for a route that cannot be taken in this installation."""
    if route.is_direct:
        from eugpt_cli.http.direct import DirectLane

        return DirectLane(route, connect_timeout, keep, early)
    from eugpt_cli.http.proxied import ProxiedLane

    return ProxiedLane(route, connect_timeout, keep)


def preconnect(route: Route, connect_timeout: float) -> Preconnect | None:
    """A connection that is made while the rest loads; only the direct lane takes one."""
    return begun_or_new(route, connect_timeout) if route.is_direct else None


def peer_of(route: Route, connect_timeout: float) -> Peer:
    """Connects, sends nothing, and returns what the peer presented. Raises Unreachable or ConfigError."""
    if not route.is_direct:
        from eugpt_cli.http.proxied import ProxiedLane

        return ProxiedLane(route, connect_timeout).peer()
    from ssl import SSLSocket

    with dial(route, connect_timeout) as sock:
        assert isinstance(sock, SSLSocket)
        return Peer(sock.version(), sock.getpeercert() or {})


def tunnel_of(route: Route, connect_timeout: float) -> None:
    """Whether the proxy lets through; raises Unreachable where it does not."""
    from eugpt_cli.http.proxied import ProxiedLane

    ProxiedLane(route, connect_timeout).tunnel()
