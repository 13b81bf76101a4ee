"""Connections that are made in a thread while the program still loads what will use them."""

import socket
import sys
import threading
import time

from eugpt_cli.http.connect_deadline import ConnectDeadline
from eugpt_cli.http.dial import dial, dial_tls
from eugpt_cli.http.route import Route
from eugpt_cli.system.interrupts import signals_blocked

# Any server waits longer than this for the first request. Loading takes a twentieth of it, on a slow machine half. A
# run that comes later has waited for its input or for another run; two more round trips are nothing beside that.
IDLE_SECONDS = 2.0
# So long the loading thread lets this one wait whenever a packet has arrived; by default it is 0.005.
TURN_SECONDS = 0.0005
_headstart: list["HeadStart"] = []


class Preconnect:
    """A connection that is under way; `when` says in -v when it was begun, if not just now."""

    when = ""

    def __init__(self, route: Route, seconds: float) -> None:
        self._route, self._seconds = route, seconds
        self._result: socket.socket | Exception | None = None
        self._ended = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()

    def take(self) -> socket.socket:
        """The socket, once it is there. Raises what `dial` raised."""
        self._ended.wait()
        if isinstance(self._result, socket.socket):
            return self._result
        assert self._result
        raise self._result

    def _run(self) -> None:
        try:
            self._result = self._dial()
        except Exception as error:
            self._result = error
        self._ended.set()

    def _dial(self) -> socket.socket:
        return dial(self._route, self._seconds)


class HeadStart(Preconnect):
    """One that is begun before it is certain that it is needed: unless claimed within IDLE_SECONDS, it is closed."""

    when = ", begun at the start"

    def __init__(self, route: Route, seconds: float) -> None:
        self._owned = threading.Lock()  # whoever acquires it uses the socket, or closes it
        super().__init__(route, seconds)

    def claim(self, route: Route, seconds: float) -> bool:
        """Whether it is just what would be begun now, and as good; the caller takes it then."""
        if (route, seconds) != (self._route, self._seconds) or not self._owned.acquire(blocking=False):
            return False
        if self._is_good():
            return True
        self._close()
        return False

    def _run(self) -> None:
        usual = sys.getswitchinterval()
        sys.setswitchinterval(TURN_SECONDS)
        super()._run()
        sys.setswitchinterval(usual)
        time.sleep(IDLE_SECONDS)
        if self._owned.acquire(blocking=False):
            self._close()

    def _dial(self) -> socket.socket:
        return dial_tls(self._route, ConnectDeadline(self._seconds))

    def _is_good(self) -> bool:
        """Whether it is still under way, can carry a request, or has failed, as another one begun now would."""
        if not isinstance(self._result, socket.socket):
            return True
        from eugpt_cli.http.connection import is_quiet, refused_certificate
        from eugpt_cli.http.tls import BLOCKED

        try:
            return is_quiet(self._result, BLOCKED)
        except OSError as error:
            refusal = refused_certificate(error)
            if refusal:
                self._close()
                self._result = refusal
            return refusal is not None

    def _close(self) -> None:
        if isinstance(self._result, socket.socket):
            self._result.close()


def begin(route: Route, seconds: float) -> None:
    """Connects to an https service in case that the run needs it. Raises ConfigError or Unreachable for certificates.

    The system's own certificates are loaded while the first packets travel. A file that was named may be wrong: nobody
    is called before it is read.
    """
    if route.trust.file or route.trust.bundle:
        _load_certificates(route)
    with signals_blocked():
        early = HeadStart(route, seconds)
    _load_certificates(route)
    _headstart.append(early)


def begun_or_new(route: Route, seconds: float) -> Preconnect:
    """The connection that was begun in time, if it fits; otherwise a new one. Call it with signals blocked."""
    while _headstart:
        early = _headstart.pop()
        if early.claim(route, seconds):
            return early
    return Preconnect(route, seconds)


def _load_certificates(route: Route) -> None:
    """In the thread that loads everything else: two of them would take turns."""
    from eugpt_cli.http import tls

    tls.tls_context(route.trust)
