"""The threads of a batch, and the main thread, which only waits: signals reach it where they can do no harm."""

from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Event, Lock, Thread

from eugpt_cli.batch.item_queue import ItemQueue
from eugpt_cli.batch.items import Item
from eugpt_cli.batch.limiter import Limiter
from eugpt_cli.errors import EugptError

BEAT = 0.25  # seconds

Job = Callable[[Item], None]


class Workers:
    """Runs a job for each item in so many threads. `beat` is called by the main thread now and then.

    `stopping` is called when no more items are begun.
    `verdict` is why the run was stopped, if that was somebody's fault; `fault` is what broke a job.
    """

    def __init__(
        self, queue: ItemQueue, limiter: Limiter, beat: Callable[[], None], stopping: Callable[[], None]
    ) -> None:
        self._queue = queue
        self._limiter = limiter
        self._beat = beat
        self._stopping = stopping
        self._bell: SimpleQueue[None] = SimpleQueue()  # in C: an exception of a signal leaves no lock behind
        self._lock = Lock()
        self._alive = 0
        self.stopped = Event()
        self.stop_reason: EugptError | None = None
        self.fault: BaseException | None = None

    def run(self, size: int, make_job: Callable[[], Job]) -> None:
        """Until every item has ended, or, stopped, until those under way have. Raises `fault` at once."""
        self._alive = size
        for _ in range(size):
            Thread(target=self._work, args=(make_job(),), daemon=True).start()
        self.wait()

    def wait(self) -> None:
        while not self.fault and not self._is_over():
            with suppress(Empty):
                self._bell.get(timeout=BEAT)
            self._beat()
        if self.fault:
            raise self.fault

    def stop(self, stop_reason: EugptError | None = None) -> None:
        """No new items, and no other attempts."""
        self.stop_reason = self.stop_reason or stop_reason
        self.stopped.set()
        self._queue.stop()
        self._limiter.stop()
        self._stopping()
        self._bell.put(None)

    def _is_over(self) -> bool:
        return self._alive == 0 or (self.stopped.is_set() and self._queue.running == 0)

    def _work(self, job: Job) -> None:
        try:
            while item := self._take():
                try:
                    job(item)
                finally:
                    self._queue.done(item)
                    if self.stopped.is_set():
                        self._bell.put(None)
        except BaseException as fault:
            self.fault = self.fault or fault
            self.stop()
        finally:
            with self._lock:
                self._alive -= 1
            self._bell.put(None)

    def _take(self) -> Item | None:
        """The next item; an input that cannot be read any further ends the run like its end."""
        try:
            return self._queue.take()
        except EugptError as fault:
            self.stop(fault)
            return None
