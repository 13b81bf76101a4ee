"""Which text an answer has: the contract's rules for parts and their witnesses, as one object.

A stream says its text several times: in deltas, at the end of a part, at the end of an item, at the end of all. What it
says later completes what it said before, and may not contradict it.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from eugpt_cli.api.events import DELTA, Event, decode, key_of
from eugpt_cli.api.parts import PART, TEXT, Parts, beyond
from eugpt_cli.api.response_text import ResponseText, refusal_of, texts_of
from eugpt_cli.api.sequence import SequenceNumbers
from eugpt_cli.api.text_digest import TextDigest
from eugpt_cli.errors import Failed, NotTheApi, Truncated

if TYPE_CHECKING:
    from eugpt_cli.api.delta_runs import DeltaRun


class AnswerText:
    """The text of one answer. Feed it events with `read`, or a document; then ask for its end.

    To print text as it comes, print what `read` adds and then `rest`. To print all or nothing, make it with `keep` and
    print `whole`; `so_far` is what came of a text that is not whole, or that was rejected.
    """

    def __init__(self, *, keep: bool) -> None:
        self._keep = keep
        self._parts = Parts(keep=keep)
        self._numbers = SequenceNumbers()
        self._printed = TextDigest()
        self._refusal: str | None = None  # the words of one
        self._document: Mapping[str, Any] | None = None

    def document(self, document: Mapping[str, Any]) -> None:
        """The answer is a document."""
        self._document = document

    def read(self, events: "Iterable[Event | DeltaRun]", texts: list[str]) -> None:
        """Adds to `texts` what each event brings, in the order of arrival.

        Raises Truncated for text that contradicts what was said before, NotTheApi for a text that is no string.
        """
        for event in events:
            if isinstance(event, Event):
                text = self._of_event(event)
            elif self._numbers.follows(event):
                text = self._parts.add(event.key, event.text)
            else:
                self.read(map(decode, event.each), texts)
                continue
            texts.append(text)
            if not self._keep:
                self._printed.add(text)

    def rest(self, response: Mapping[str, Any]) -> str:
        """What is left to print of an answer that is complete.

        `response` is the one in `response.completed`, or the document. Raises Truncated for damaged text, NotTheApi
        where no text can be found, and Failed for a refusal.
        """
        if self._document is not None:
            return document_text(self._document)
        output = ResponseText(response)
        if not output.text:
            self._check_parts(output)
            if not self._parts.in_order:
                raise Truncated("the text is damaged: its parts arrived out of order")
            return ""
        return beyond(self._printed, output.text)

    def whole(self, response: Mapping[str, Any]) -> str:
        """The text of an answer that is complete. Takes and raises the same as `rest`."""
        if self._document is not None:
            return document_text(self._document)
        output = ResponseText(response)
        told = self._told()
        if not output.text:
            self._check_parts(output)
            return told
        digest = TextDigest()
        digest.add(told)
        beyond(digest, output.text)
        return output.text

    def so_far(self) -> str:
        """What came of a text that was kept."""
        return self._told() if self._document is None else ResponseText(self._document).text or ""

    def _told(self) -> str:
        return "".join(text for part in self._parts.all for text in part.kept or ())

    def _check_parts(self, output: ResponseText) -> None:
        """What matters only where the response at the end does not have the text."""
        if missing := self._numbers.missing:
            raise Truncated(f"the text is damaged: {missing}")
        if self._parts.is_doubtful:
            raise Truncated("the text is damaged: some of it may have arrived twice or out of order")
        refusal = self._refusal if output.refusal is None else output.refusal or self._refusal or ""
        if refusal is not None and not any(part.has_text for part in self._parts.all):
            raise _refused(refusal)
        if self._parts.is_mute or not (output.is_told or any(part.is_told for part in self._parts.all)):
            raise _no_text()

    def _of_event(self, event: Event) -> str:
        reader = self._readers.get(event.type)
        return reader(self, event) if self._numbers.is_new(event) and reader else ""

    def _delta(self, event: Event) -> str:
        return self._parts.add(key_of(event.fields), event.fields["delta"])

    def _text_done(self, event: Event) -> str:
        return self._parts.agree(event, TEXT, event.fields.get("text"))

    def _part_done(self, event: Event) -> str:
        item = {"type": "message", "content": [event.fields.get("part")]}
        self._refuse(refusal_of(item))
        return "".join([self._parts.agree(event, PART, text) for text in texts_of(item).values()])

    def _item_done(self, event: Event) -> str:
        item = event.fields.get("item")
        self._refuse(refusal_of(item))
        texts = texts_of(item)
        return self._parts.agree_item(event, texts) if texts else ""

    def _refusal_delta(self, event: Event) -> str:
        delta = event.fields.get("delta")
        self._refusal = (self._refusal or "") + (delta if isinstance(delta, str) else "")
        return ""

    def _refusal_done(self, event: Event) -> str:
        words = event.fields.get("refusal")
        self._refuse(words if isinstance(words, str) else "")
        return ""

    def _refuse(self, words: str | None) -> None:
        """A refusal whose words are empty is one, but says nothing against those that came."""
        if words is not None:
            self._refusal = words or self._refusal or ""

    _readers: ClassVar[Mapping[str, Callable[["AnswerText", Event], str]]] = {
        DELTA: _delta,
        "response.output_text.done": _text_done,
        "response.content_part.done": _part_done,
        "response.output_item.done": _item_done,
        "response.refusal.delta": _refusal_delta,
        "response.refusal.done": _refusal_done,
    }


def document_text(document: Mapping[str, Any]) -> str:
    """Raises NotTheApi where no text can be found, Failed for a refusal."""
    output = ResponseText(document)
    if output.refusal is not None and not output.text:
        raise _refused(output.refusal)
    if output.text is None:
        raise _no_text()
    return output.text


def _refused(words: str) -> Failed:
    return Failed(f"the model refused: {words}" if words else "the model refused")


def _no_text() -> NotTheApi:
    return NotTheApi("the answer's text cannot be found", hint="eugpt raw-events shows what the service sent")
