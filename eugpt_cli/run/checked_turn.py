"""One turn whose answer is checked: asked for again while it is rejected and tries are left, printed if accepted."""

from collections.abc import Callable
from typing import Any

from eugpt_cli.api.answer_text import AnswerText
from eugpt_cli.api.outcome import Outcome
from eugpt_cli.api.request import Request
from eugpt_cli.api.writer import Writer
from eugpt_cli.errors import EugptError, Rejected
from eugpt_cli.output.writers import TextWriter
from eugpt_cli.run.checks import Checks, asked_again
from eugpt_cli.run.prompt import Draft

Send = Callable[[Draft, Callable[[Any], Writer]], EugptError | None]  # delivers one request, retries included


def deliver(
    send: Send, draft: Draft, checks: Checks, outcome: Outcome, show: Callable[[str], None], *, partial: bool
) -> EugptError | None:
    """Shows the accepted answer; returns what went wrong. With `partial` it shows also what is not accepted."""
    this = draft
    for left in range(checks.again, -1, -1):
        collector = _Collector(partial)
        fault = send(this, collector)
        if fault is None:
            fault = _checked(checks, collector.text, outcome, show)
            if isinstance(fault, Rejected) and left:
                checks.tell_again(fault)
                this = _again(draft, collector.text, fault)
                outcome.next_try()
                continue
        if fault and partial:
            show(collector.text)
        return fault
    return None


def _checked(checks: Checks, answer: str, outcome: Outcome, show: Callable[[str], None]) -> EugptError | None:
    try:
        text = checks.accept(answer)
    except EugptError as fault:
        from eugpt_cli.api.exchange import annotate

        annotate(fault, outcome)
        return fault
    show(text)
    return None


class _Collector:
    """Makes the writer of each attempt, and has the text of the last."""

    def __init__(self, partial: bool) -> None:
        self._attempts: list[AnswerText] | None = [] if partial else None
        self._parts: list[bytes] = []

    def __call__(self, sink: Any) -> Writer:
        self._parts.clear()
        return TextWriter(self._parts.append, None, live=False, attempts=self._attempts)

    @property
    def text(self) -> str:
        return b"".join(self._parts).decode()


def _again(draft: Draft, answer: str, fault: Rejected) -> Draft:
    def drafted(**fields: Any) -> Request:
        return asked_again(draft(**fields), answer.removesuffix("\n"), fault)

    return drafted
