"""One thread's way with items: each to its row, at the pace that the service bears."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from threading import Event

from eugpt_cli.batch.items import Item
from eugpt_cli.batch.pace import Pace
from eugpt_cli.batch.rows import Answer, MakeRow, Rows
from eugpt_cli.batch.tally import Tally
from eugpt_cli.errors import Busy, EugptError, LocalError, StatusError, Truncated
from eugpt_cli.exchange import Way, complete, deliver
from eugpt_cli.report import Outcome
from eugpt_cli.request import Request
from eugpt_cli.retry import Patience, fits
from eugpt_cli.transport import Client
from eugpt_cli.watch import Watch


@dataclass(frozen=True)
class Shop:
    """What the workers share.

    `lock` keeps other processes out of a conversation; `ended` is called for each item, `tell` is given a line for
    each retry.
    """

    client: Client
    silence: float
    patience: Patience
    pace: Pace
    stopped: Event
    rows: Rows
    make_row: MakeRow
    tally: Tally
    lock: Callable[[str], AbstractContextManager[None]]
    ended: Callable[[EugptError | None], None]
    tell: Callable[[str], None] | None


class Worker(Watch):
    """Watches its own requests."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._way = Way(shop.client, shop.silence, shop.patience, self, self._rest)
        self._slot: int | None = None
        self._item: Item | None = None
        self._fault: EugptError | None = None
        self._outcome = Outcome()
        self._answer = Answer()

    def __call__(self, item: Item) -> None:
        """Raises LocalError: no other item can do better."""
        outcome = self._outcome = Outcome()
        fault = item.fault
        self._answer = Answer()
        if item.request:
            self._item = item
            try:
                with self._turn(item.request):
                    if not self._begin():
                        return
                    outcome.started = time.monotonic()
                    fault = self._ask(item.request, outcome)
            except Busy as busy:
                fault = busy
            finally:
                self._end()
        seconds = time.monotonic() - outcome.started
        self._shop.rows.write(item, self._shop.make_row(item, outcome, self._answer, fault, seconds))
        self._shop.tally.count(fault, seconds, outcome.usage)
        self._shop.ended(fault)

    def sending(self, request: Request) -> None:
        if self._item and request.conversation_id:
            self._shop.rows.begin(self._item, partial(self._unfinished, self._item, self._outcome))

    def _unfinished(self, item: Item, outcome: Outcome) -> bytes:
        outcome.stored = True
        fault = Truncated("the run ended before the answer was complete")
        complete(fault, outcome)
        return self._shop.make_row(item, outcome, Answer(), fault, time.monotonic() - outcome.started)

    def again(self, fault: EugptError, pause: float) -> None:
        self._fault = fault
        self._feel(fault)
        if self._shop.tell and self._item:
            name = self._item.line if self._item.custom_id is None else self._item.custom_id
            self._shop.tell(f"* item {name}: {fault.exit.label}: {fault.message}; trying again in {pause:.1f} s")

    def _turn(self, request: Request) -> AbstractContextManager[None]:
        return self._shop.lock(request.conversation_id) if request.conversation_id else nullcontext()

    def _ask(self, request: Request, outcome: Outcome) -> EugptError | None:
        try:
            deliver(request, self._way, self._fresh, outcome, stored=request.conversation_id is not None)
        except LocalError:
            raise
        except EugptError as fault:
            self._feel(fault)
            return fault
        self._shop.pace.success()
        return None

    def _fresh(self) -> Answer:
        self._answer = Answer()
        return self._answer

    def _begin(self) -> bool:
        """Waits for a slot; False if the run has been stopped."""
        self._slot = self._shop.pace.enter()
        return self._slot is not None

    def _end(self) -> None:
        if self._slot is not None:
            self._shop.pace.leave()
            self._slot = None

    def _rest(self, seconds: float) -> None:
        """The pause before another attempt takes no slot; a stopped run makes no other attempt."""
        self._end()
        if (self._shop.stopped.wait(seconds) or not self._begin()) and self._fault:
            raise self._fault

    def _feel(self, fault: EugptError) -> None:
        if self._slot is not None and _pushes_back(fault):
            self._shop.pace.push_back(self._slot)


def _pushes_back(fault: EugptError) -> bool:
    """Whether the service says that this is too much at once."""
    return isinstance(fault, StatusError) and (
        fault.status == 503 or (fault.status == 429 and fault.retry_after is not None)
    )


def is_quota(fault: EugptError, left: float | None) -> bool:
    """Whether the service will turn away every other request too, for longer than the run can wait."""
    return isinstance(fault, StatusError) and fault.status == 429 and not fits(fault.retry_after, left)
