"""One thread's way with items: each to its row, at the pace that the service bears."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from copy import copy
from dataclasses import dataclass
from functools import partial
from threading import Event
from typing import TYPE_CHECKING

from eugpt_cli.api.exchange import DeliveryPolicy, annotate, deliver
from eugpt_cli.api.observer import Observer
from eugpt_cli.api.outcome import Outcome
from eugpt_cli.api.request import Request
from eugpt_cli.api.retry import RetryPolicy
from eugpt_cli.batch.items import Item
from eugpt_cli.batch.limiter import Limiter
from eugpt_cli.batch.rows import AnswerRecorder, MakeRow, Rows
from eugpt_cli.errors import (
    ConfigError,
    EugptError,
    InputError,
    LocalError,
    OutputError,
    Rejected,
    StatusError,
    Truncated,
)
from eugpt_cli.http.client import Client
from eugpt_cli.http.response import Response
from eugpt_cli.output.writers import encode
from eugpt_cli.text.digest import ByteDigest
from eugpt_cli.text.escapes import brief

if TYPE_CHECKING:
    from eugpt_cli.batch.item_journal import ItemJournal
    from eugpt_cli.run.checks import Checks

LONGEST_NAME = 60  # of an item in a line on standard error


@dataclass(frozen=True)
class WorkerContext:
    """What the workers share.

    `lock` keeps other processes out of a conversation, `turn_ended` is called with how a turn in it ended; `admit` says
    whether one more item may be asked, `ended` is called for each that has been, and `counted` for each that has its
    row; `tell` is given a line for each retry.
    """

    client: Client
    silence: float
    retry: RetryPolicy
    limiter: Limiter
    stopped: Event
    rows: Rows
    make_row: MakeRow
    lock: Callable[[str], AbstractContextManager[None]]
    turn_ended: Callable[[str, EugptError | None], None]
    journal: "ItemJournal | None"
    admit: Callable[[], bool]
    checks: "Checks | None"
    ended: Callable[[EugptError | None, Outcome], None]
    counted: Callable[[EugptError | None, float, Outcome], None]
    tell: Callable[[str], None] | None


class Worker(Observer):
    """Watches its own requests."""

    def __init__(self, context: WorkerContext) -> None:
        self._context = context
        self._policy = DeliveryPolicy(context.client, context.silence, context.retry, self, self._rest)
        self._slot: int | None = None
        self._item: Item | None = None
        self._fault: EugptError | None = None
        self._outcome = Outcome()
        self._answer = AnswerRecorder()

    def __call__(self, item: Item) -> None:
        """Raises LocalError: no other item can do better."""
        outcome = self._outcome = Outcome()
        self._answer = AnswerRecorder()
        fault = item.fault
        if item.request:
            if not self._context.admit():
                return
            self._item = item
            try:
                with self._turn(item.request):
                    if not self._begin():
                        return
                    self._ask(item.request, outcome)
            except (InputError, OutputError):
                raise
            except ConfigError as error:
                self._write(item, error)
                raise
            except EugptError as error:
                fault = error
            finally:
                self._end()
        self._write(item, fault)

    def _write(self, item: Item, fault: EugptError | None) -> None:
        context, outcome = self._context, self._outcome
        seconds = time.monotonic() - outcome.started
        outcome.answer = None if fault else ByteDigest(context.client.masked_answer(encode(self._answer.output)))
        try:
            context.rows.write(item, context.make_row(item, outcome, self._answer, fault, seconds))
        finally:
            if context.journal:
                context.journal.end(item, outcome, fault)
        context.counted(fault, seconds, outcome)

    def sending(self, request: Request, is_sent: Callable[[], bool]) -> None:
        if self._item and self._context.journal:
            self._context.journal.begin(self._item, self._outcome)
        if self._item and self._item.is_turn and self._outcome.attempts == 1:
            self._context.rows.mark(self._item, partial(self._unfinished, self._item, self._outcome))

    def _unfinished(self, item: Item, outcome: Outcome) -> bytes:
        return unfinished(self._context.make_row, item, outcome, "the run ended before the answer was complete")

    def answered(self, response: Response) -> None:
        self._context.limiter.open()

    def again(self, fault: EugptError, pause: float) -> None:
        self._fault = fault
        self._context.limiter.open()
        self._feel(fault)
        if self._context.tell and self._item:
            name = _name(self._item)
            message = brief(fault.message)
            self._context.tell(f"* item {name}: {fault.exit.label}: {message}; retrying in {pause:.1f} s")

    def _turn(self, request: Request) -> AbstractContextManager[None]:
        return self._context.lock(request.conversation_id) if request.conversation_id else nullcontext()

    def _ask(self, request: Request, outcome: Outcome) -> None:
        """Raises what became of the request; `ended` hears of it first, before others begin."""
        outcome.start()
        try:
            self._until_accepted(request, outcome)
        except LocalError:
            raise
        except EugptError as fault:
            self._context.ended(fault, outcome)
            raise
        self._context.ended(None, outcome)

    def _until_accepted(self, request: Request, outcome: Outcome) -> None:
        """As often as --again has it; a turn of a conversation once."""
        checks, this = self._context.checks, request
        left = checks.again if checks and not request.conversation_id else 0
        while True:
            try:
                self._deliver(this, outcome)
                self._check(checks, outcome)
                return
            except Rejected as fault:
                if not checks or not left or self._context.stopped.is_set():
                    raise
                checks.tell_again(fault, f"item {_name(self._item)}: " if self._item else "")
                this = checks.asked_again(request, self._answer.text, fault)
            left -= 1
            outcome.next_try()

    def _check(self, checks: "Checks | None", outcome: Outcome) -> None:
        """Raises what the checks say against the answer."""
        answer, item = self._answer, self._item
        if not checks or not item:
            return
        try:
            answer.accepted = checks.accept(answer.text, item.custom_id)
        except (Rejected, ConfigError) as fault:
            answer.is_refused = True
            outcome.stored = item.is_turn
            annotate(fault, outcome)
            raise

    def _deliver(self, request: Request, outcome: Outcome) -> None:
        try:
            deliver(request, self._policy, self._fresh, outcome, stored=request.conversation_id is not None)
        except LocalError:
            raise
        except EugptError as fault:
            self._feel(fault)
            self._turn_ended(request, fault)
            raise
        self._context.limiter.success()
        self._turn_ended(request, None)

    def _turn_ended(self, request: Request, fault: EugptError | None) -> None:
        if request.conversation_id:
            self._context.turn_ended(request.conversation_id, fault)

    def _fresh(self) -> AnswerRecorder:
        self._answer = AnswerRecorder()
        return self._answer

    def _begin(self) -> bool:
        """Waits for a slot; False if the run has been stopped."""
        self._slot = self._context.limiter.enter()
        return self._slot is not None

    def _end(self) -> None:
        if self._slot is not None:
            self._context.limiter.leave()
            self._slot = None

    def _rest(self, seconds: float) -> None:
        """The pause before another attempt takes no slot; a stopped run makes no other attempt."""
        self._end()
        if (self._context.stopped.wait(seconds) or not self._begin()) and self._fault:
            raise self._fault

    def _feel(self, fault: EugptError) -> None:
        if self._slot is not None and _pushes_back(fault):
            self._context.limiter.push_back(self._slot)


def _name(item: Item) -> str:
    """What an item is called in a line on standard error."""
    return brief(str(item.line if item.custom_id is None else item.custom_id), LONGEST_NAME)


def unfinished(make_row: MakeRow, item: Item, outcome: Outcome, message: str) -> bytes:
    """The row of a turn that may have been stored."""
    fault = Truncated(message)
    outcome = copy(outcome)
    outcome.stored = True
    annotate(fault, outcome)
    return make_row(item, outcome, AnswerRecorder(), fault, time.monotonic() - outcome.started)


def _pushes_back(fault: EugptError) -> bool:
    """Whether the service says that this is too much at once."""
    return isinstance(fault, StatusError) and (
        fault.status == 503 or (fault.status == 429 and fault.retry_after is not None)
    )
