"""One turn whose answer is checked: asked for again while it is rejected and tries are left, printed if accepted."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from eugpt_cli.api.answer_text import AnswerText
from eugpt_cli.api.outcome import Outcome
from eugpt_cli.api.request import Request
from eugpt_cli.api.writer import Writer
from eugpt_cli.errors import EugptError, Rejected
from eugpt_cli.output.writers import TextWriter
from eugpt_cli.run.checks import Checks, ended
from eugpt_cli.run.prompt import Draft

Send = Callable[[Draft, Callable[[Any], Writer]], None]  # delivers one request, retries included


@dataclass(frozen=True)
class CheckedTurn:
    """`show` prints a text; with `partial` also one that is not accepted. `stored`: the turn is in a conversation."""

    checks: Checks
    outcome: Outcome
    show: Callable[[str], None]
    partial: bool
    stored: bool

    def deliver(self, send: Send, draft: Draft) -> None:
        """Shows the accepted answer; with `partial` a rejected one, too. Raises what went wrong."""
        this = draft
        for left in range(self.checks.again, -1, -1):
            collector = _Collector(self.partial)
            try:
                send(this, collector)
                text = self._accepted(collector.text)
            except EugptError as fault:
                if not isinstance(fault, Rejected) or not left:
                    if self.partial:
                        self.show(collector.text)
                    raise
                self.checks.tell_again(fault)
                this = self._again(draft, collector.text, fault)
                self.outcome.next_try()
            else:
                self.show(ended(text))
                return

    def _accepted(self, answer: str) -> str:
        """Returns what to print of an answer. Raises Rejected, or ConfigError for a broken check."""
        try:
            return self.checks.accept(answer)
        except EugptError as fault:
            from eugpt_cli.api.exchange import annotate

            self.outcome.stored = self.stored
            annotate(fault, self.outcome)
            raise

    def _again(self, draft: Draft, answer: str, fault: Rejected) -> Draft:
        def drafted(**fields: Any) -> Request:
            return self.checks.asked_again(draft(**fields), answer.removesuffix("\n"), fault)

        return drafted


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
