"""Which text an answer has."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from eugpt_cli.api.delta_runs import DeltaRun
from eugpt_cli.api.events import DONE, Event, list_of


class AnswerText:
    """The text of a stream: of its deltas or, where none comes, of the events that finalise its parts."""

    def __init__(self) -> None:
        self._deltas = False

    def of(self, events: Iterable[Event | DeltaRun]) -> Iterator[str]:
        """What the next events add to it. Raises NotTheApi at a delta that is not JSON, after those before it."""
        for event in events:
            for text in event.texts():
                self._deltas = self._deltas or text != ""
                yield text
            if event.type == DONE and not self._deltas and isinstance(whole := event.fields.get("text"), str):
                yield whole


def document_text(document: Mapping[str, Any]) -> str:
    """`output_text`, or the `output_text` parts of `output[].content[]` where a server leaves it out."""
    text = document.get("output_text")
    if text and isinstance(text, str):
        return text
    items = [item for item in list_of(document.get("output")) if isinstance(item, dict)]
    parts = [part for item in items for part in list_of(item.get("content")) if isinstance(part, dict)]
    texts = [part.get("text") for part in parts if part.get("type") == "output_text"]
    return "".join(text for text in texts if isinstance(text, str))
