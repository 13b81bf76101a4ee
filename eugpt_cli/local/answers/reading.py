"""Separates the question of a request from the text that it is about."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from eugpt_cli.local.answers.languages import BULLETS, ORDERS, SUMMARY
from eugpt_cli.local.answers.prose import sentences

LONGEST_ORDER = 120
"""The longest paragraph, in characters, that orders a summary by mentioning one."""
_OPEN = re.compile(r'<file name="([^"\n]*)">\n?')
_CLOSE = "</file>"
LONGEST_QUESTION = 800
"""A longer text, in characters, is material and not a question."""
_GREEK_QUESTION = re.compile(r"[\u0370-\u03ff].*[;\u037e]$", re.S)
_HEAD = re.compile(r"^([^\n:]{3,200}):[ \t]+(?=\S)")


@dataclass(frozen=True)
class NamedText:
    """A text with the name that the answer cites, and its id if it is a registered file."""

    name: str
    text: str
    file_id: str = ""


@dataclass(frozen=True)
class UserMessage:
    """A user's message taken apart: `question` may be empty."""

    question: str
    statement: str
    material: Sequence[NamedText]


def read(text: str, attached: Sequence[NamedText] = ()) -> UserMessage:
    """Takes a message apart: `<file name="…">` blocks and attached files, the question, and the rest as its text."""
    around, files = _unwrapped(text)
    question, rest = _split(around.strip(), bool(files or attached))
    material = [*attached, *files]
    if rest and (question or _is_long(rest)):
        return UserMessage(question, "", [NamedText("", rest), *material])
    return UserMessage(question, rest, material)


def wrapped(text: str, attached: Sequence[NamedText]) -> str:
    """The message with its attached files inline, as a thread stores it."""
    return "\n\n".join([text, *(f'<file name="{file.name}">\n{file.text}\n{_CLOSE}' for file in attached)]).lstrip()


def bare(text: str) -> str:
    """The message without the marks around its files."""
    around, files = _unwrapped(text)
    return "\n\n".join([around, *(file.text for file in files)]).strip()


def _unwrapped(text: str) -> tuple[str, list[NamedText]]:
    """(the text around the file blocks, the files); a block without an end is ordinary text."""
    around, files, at = [], [], 0
    while (opening := _OPEN.search(text, at)) and (end := text.find(_CLOSE, opening.end())) >= 0:
        around.append(text[at : opening.start()])
        files.append(NamedText(opening.group(1) or "file", text[opening.end() : end].removesuffix("\n")))
        at = end + len(_CLOSE)
    return "".join([*around, text[at:]]), files


def _split(text: str, has_files: bool) -> tuple[str, str]:
    first, _, rest = text.partition("\n\n")
    if rest.strip():
        if asks(first):
            return first.strip(), rest.strip()
        before, _, last = text.rpartition("\n\n")
        return (last.strip(), before.strip()) if asks(last) and last.strip().endswith("?") else ("", text)
    head = _HEAD.match(text)
    if head and asks(head.group(1)) and len(text) - head.end() > 40:
        return head.group(1), text[head.end() :]
    if asks(text) or (has_files and len(text) <= LONGEST_QUESTION):
        return text, ""
    asked = not _is_long(text) and any(sentence.text.endswith("?") for sentence in sentences(text))
    return (text, "") if asked else ("", text)


def asks(text: str) -> bool:
    """Whether a paragraph reads as a question or an order."""
    stripped = text.strip()
    if not stripped or len(stripped) > LONGEST_QUESTION or stripped.startswith("#"):
        return False
    if stripped.endswith(("?", ":")) or _GREEK_QUESTION.search(stripped):
        return True
    if len(stripped) <= LONGEST_ORDER and (SUMMARY.search(stripped) or BULLETS.search(stripped)):
        return True
    return re.split(r"[\s,.!]", stripped.lower(), maxsplit=1)[0] in ORDERS


def _is_long(text: str) -> bool:
    return len(text) > 400 or len(sentences(text)) > 3
