"""What the `output` of a response, and the items and parts in it, say of its text."""

from collections.abc import Mapping
from typing import Any

from eugpt_cli.api.events import list_of

WORDS_IN = ("message", "text", "output_text", None)  # types of items whose words are the answer's


class ResponseText:
    """The text of a whole response: `output_text`, or the `output_text` parts of `output[].content[]` in order.

    `text` is None where it cannot be found, which is not the same as an empty one. `refusal`: the words of one.
    """

    def __init__(self, response: Mapping[str, Any]) -> None:
        flat, items = response.get("output_text"), response.get("output")
        contents = [item.get("content") for item in list_of(items) if isinstance(item, dict)]
        self.refusal = "".join(refusal_of(content) for content in contents)
        self.text = flat if isinstance(flat, str) else None
        if not self.text and isinstance(items, list):
            texts = [text for content in contents for text in texts_of(content).values()]
            found = "".join(text for text in texts if isinstance(text, str))
            is_strange = any(text is not None and not isinstance(text, str) for text in texts)
            if not is_strange and (found or not any(map(_hides_words, items))):
                self.text = found

    @property
    def is_told(self) -> bool:
        return self.text is not None


def texts_of(contents: Any) -> dict[int, Any]:
    """The `text` of each `output_text` part by its index, whatever it is."""
    parts = enumerate(list_of(contents))
    return {n: part.get("text") for n, part in parts if isinstance(part, dict) and part.get("type") == "output_text"}


def refusal_of(contents: Any) -> str:
    """The words of the `refusal` parts."""
    parts = [part for part in list_of(contents) if isinstance(part, dict) and part.get("type") == "refusal"]
    return "".join(words for part in parts if isinstance(words := part.get("refusal"), str))


def _hides_words(item: Any) -> bool:
    """Whether an item has text in a form that this API does not have."""
    if not isinstance(item, dict) or item.get("type") not in WORDS_IN:
        return False
    content = item.get("content")
    parts = [part for part in list_of(content) if isinstance(part, dict) and part.get("type") != "refusal"]
    texts = (content, item.get("text"), *(part.get("text") for part in parts), *list_of(content))
    return any(isinstance(text, str) and text for text in texts)
