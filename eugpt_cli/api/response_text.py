"""What the `output` of a response, and the items and parts in it, say of its text."""

from collections.abc import Mapping
from typing import Any

from eugpt_cli.api.events import list_of

UNSOUND = False  # stands for the text of what is not as the API has it
NO_TEXT = object()
WORDS_IN = ("message", "text", "output_text", None)  # types of items whose words are the answer's


class ResponseText:
    """The text of a whole response: `output_text`, or the `output_text` parts of `output[].content[]` in order.

    `text` is None where it cannot be found, which is not the same as an empty one. `refusal`: the words of one, which
    may be empty; None without one.
    """

    def __init__(self, response: Mapping[str, Any]) -> None:
        flat, items = response.get("output_text"), response.get("output")
        words = [refusal for item in list_of(items) if (refusal := refusal_of(item)) is not None]
        self.refusal = "".join(words) if words else None
        self.text = flat if isinstance(flat, str) else None
        if not self.text and isinstance(items, list):
            texts = [text for item in items for text in texts_of(item).values()]
            found = "".join(text for text in texts if isinstance(text, str))
            is_sound = all(text is None or isinstance(text, str) for text in texts)
            if is_sound and (found or not (None in texts or any(map(_hides_words, items)))):
                self.text = found

    @property
    def is_told(self) -> bool:
        return self.text is not None


def texts_of(item: Any) -> dict[int, Any]:
    """The `text` of each `output_text` part of an item by its index, whatever it is."""
    if not isinstance(item, dict):
        return {0: UNSOUND}
    kind, contents = item.get("type"), item.get("content")
    is_message = kind == "message" or not isinstance(kind, str)
    if not isinstance(contents, list):
        return {0: UNSOUND} if is_message and contents is not None else {}
    return {n: text for n, part in enumerate(contents) if (text := _text_of(part, is_message)) is not NO_TEXT}


def _text_of(part: Any, is_message: bool) -> Any:
    """A part of another type has no text, and only a message has to have sound parts."""
    kind = part.get("type") if isinstance(part, dict) else None
    if kind == "output_text":
        return part.get("text")
    return NO_TEXT if isinstance(kind, str) or not is_message else UNSOUND


def refusal_of(item: Any) -> str | None:
    """The words of the `refusal` parts of an item, None where it has none."""
    contents = list_of(item.get("content")) if isinstance(item, dict) else []
    parts = [part for part in contents if isinstance(part, dict) and part.get("type") == "refusal"]
    words = [word for part in parts for word in (part.get("refusal"), part.get("text")) if isinstance(word, str)]
    return "".join(words) if parts else None


def _hides_words(item: Any) -> bool:
    """Whether an item has text in a form that this API does not have."""
    kind = item.get("type") if isinstance(item, dict) else 0
    if kind not in WORDS_IN and not (isinstance(kind, str) and kind.endswith("message")):
        return False
    content = item.get("content")
    parts = [part for part in list_of(content) if isinstance(part, dict) and part.get("type") != "refusal"]
    bare = [part for part in [content, *list_of(content)] if isinstance(part, str)]
    return any([*bare, item.get("text"), *(part.get("text") for part in parts)])
