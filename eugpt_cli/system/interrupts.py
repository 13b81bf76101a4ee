"""SIGINT, SIGTERM and SIGHUP: when they raise Stopped, when they wait, and how the process dies by one."""

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from types import FrameType
from typing import NoReturn

from eugpt_cli.errors import Stopped
from eugpt_cli.system.alarm import Alarm

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
UNBLOCKED = (*SIGNALS, signal.SIGALRM, signal.SIGCHLD)
_at_end: dict[Callable[[], None], None] = {}


class Interrupts(Alarm):
    """Signals of the process; `signals` is entered once for a run, and again to wait for a second signal."""

    def __init__(self) -> None:
        super().__init__()
        self._received: list[int] = []

    @contextmanager
    def signals(self) -> Iterator[None]:
        """SIGINT, SIGTERM and SIGHUP raise Stopped in here; one that is ignored (nohup) stays ignored.

        What else a run needs of signals is as for a new session, whatever was inherited, and so it is for our children.
        """
        self._received.clear()
        before = {signum: signal.getsignal(signum) for signum in SIGNALS}
        for signum in SIGNALS:
            if before[signum] is not signal.SIG_IGN:
                signal.signal(signum, self._receive)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # where it is ignored, no child's status is kept for us
        self.start()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, UNBLOCKED)  # whoever began us may have held them back
        yield
        for signum in SIGNALS:
            signal.signal(signum, before[signum])

    def _receive(self, signum: int, frame: FrameType | None) -> None:
        reaction = REACTIONS[bool(self._received), signum in self._received]
        self._received.append(signum)
        reaction(signum)

    def signals_blocked(self) -> AbstractContextManager[None]:
        """Holds signals back: modules do not survive their exceptions while they load, and orjson crashes."""
        return signals_blocked()

    def pending_signal(self) -> Stopped | None:
        """The first signal since `signals` was entered, also if its exception was lost on the way."""
        return Stopped(self._received[0]) if self._received else None

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """SIGINT raises Stopped in here only, and once; afterwards it is ignored."""
        signal.signal(signal.SIGINT, _interrupt)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)

    def exec(self, path: str, arguments: Sequence[str]) -> NoReturn:
        """Another program takes the place of this one; an alarm would outlive us, and end it. Raises OSError."""
        self.stop()
        os.execv(path, [path, *arguments])  # noqa: S606

    def die(self, signum: int) -> None:
        """Ends the process by the signal itself, so that shells and their loops see it."""
        self.stop()
        run_at_end()
        with suppress(OSError):  # SIGKILL has no handler that could be taken away
            signal.signal(signum, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signum})
        os.kill(os.getpid(), signum)
        os._exit(128 + signum)


def at_end(action: Callable[[], None]) -> None:
    """Calls it, once, when the process ends by itself or by a signal that it handles."""
    _at_end[action] = None


def run_at_end() -> None:
    for action in _at_end:
        action()


def signals_blocked() -> AbstractContextManager[None]:
    """Holds signals back. A thread that is started in here never receives one: they are the main thread's."""
    return _blocked((*SIGNALS, signal.SIGALRM))


@contextmanager
def signals_held() -> Iterator[None]:
    """What a signal raises is raised only after it. Unlike a blocked one, it is not blocked in a process begun here."""
    received: list[int] = []
    if threading.current_thread() is not threading.main_thread():  # nothing is raised in the others
        yield
        return
    watched = (*SIGNALS, signal.SIGALRM)
    with _blocked(watched):
        handlers = {signum: handler for signum in watched if callable(handler := signal.getsignal(signum))}
        for signum in handlers:
            signal.signal(signum, lambda number, frame: received.append(number))
    try:
        yield
    finally:
        with _blocked(watched):
            for signum, handler in handlers.items():
                signal.signal(signum, handler)
        for number in received:
            signal.raise_signal(number)


@contextmanager
def _blocked(signals: Sequence[int]) -> Iterator[None]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _stop(signum: int) -> None:
    signal.setitimer(signal.ITIMER_REAL, 0)  # no method of ours is called here, see Alarm._ring
    raise Stopped(signum)


def _kill(signum: int) -> None:
    run_at_end()
    signal.signal(signum, signal.SIG_DFL)
    os.kill(os.getpid(), signum)


def _ignore(signum: int) -> None:
    """Some senders send two signals at once: the other one adds nothing."""


# What a signal does, by whether any came before it, and whether the same one did.
REACTIONS: dict[tuple[bool, bool], Callable[[int], None]] = {
    (False, False): _stop,
    (True, False): _ignore,
    (True, True): _kill,
}


def _interrupt(signum: int, frame: FrameType | None) -> None:
    signal.signal(signum, signal.SIG_IGN)
    raise Stopped(signum)
