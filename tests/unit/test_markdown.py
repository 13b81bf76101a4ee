"""The styles of an answer on a screen: whatever the text and its pieces, no word of it is lost or told twice."""

import re
from collections import Counter

import pyte
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from eugpt_cli.chat.markdown import Markdown
from eugpt_cli.chat.screen import Styled
from tests.support.emulator import Screen

TOKENS = [
    "a",
    "b c",
    "日本",
    "é",
    "x" * 30,
    " ",
    "\n",
    "\n\n",
    "\t",
    "*",
    "**",
    "_",
    "`",
    "```",
    "```py\n",
    "~~~\n",
    "# ",
]
TOKENS += [
    "- ",
    "1. ",
    "> ",
    "|",
    "| a | b |\n",
    "|---|--:|\n",
    "---\n",
    "[l](http://u.v)",
    "[",
    "](",
    "\\",
    "~~",
    "1*2*3",
]


def emitted(pieces: list[str], size: tuple[int, int]) -> tuple[list[str], bool]:
    """The lines above and on the screen, and whether the cursor stands at the start of one."""
    screen = Screen(*size)
    screen.set_mode(pyte.modes.LNM)  # a terminal's driver makes a newline the start of a line
    styled = Styled(pyte.ByteStream(screen).feed, lambda: size, Markdown({"TERM": "xterm"}))
    for piece in pieces:
        if piece:
            styled.write(piece.encode())
    styled.commit()
    return screen.text(), screen.cursor.x == 0


def words(text: str) -> Counter[str]:
    return Counter(character for character in text if character.isalnum())


@settings(deadline=None)
@example(["x" * 12, "\n"], (11, 4))
@example(["~~~~b c\n", "a"], (80, 24))
@given(st.lists(st.sampled_from(TOKENS), max_size=40), st.sampled_from([(80, 24), (40, 10), (11, 4)]))
def test_no_word_is_lost_or_told_twice(pieces: list[str], size: tuple[int, int]) -> None:
    lines, at_start = emitted(pieces, size)
    assert words("".join(lines)) == words("".join(pieces))
    assert at_start


@settings(deadline=None)
@given(st.lists(st.text(st.characters(blacklist_categories=["Cc", "Cs", "Cf", "Mn", "Me"]), max_size=20), max_size=10))
def test_no_text_is_too_odd(pieces: list[str]) -> None:
    assert emitted(pieces, (40, 10))[1]


@pytest.mark.parametrize(
    "text", ["```\n" + "[" * 3000 + "\n```\n", "[" * 3000 + "\n", "*a" * 3000 + "\n", "|" * 3000 + "\n"]
)
def test_hostile_lines(text: str) -> None:
    lines, _ = emitted([text], (80, 24))
    assert words("".join(lines)) == words(text)


def bold(line: str) -> list[str]:
    """What is bold in a line."""
    return re.findall(r"\x1b\[1m(.*?)\x1b\[0m", Markdown({"TERM": "xterm"}).take(line, 80) or "")


@pytest.mark.parametrize(
    ("line", "styled"),
    [
        ("a**b**c", ["b"]),
        ("un**believ**able and **so on**ward", ["believ", "so on"]),
        ("**a**", ["a"]),
        ("2*3*4 and 2**3", []),
        ("x**n + y**m", []),
        ("2**n + 2**m", []),
        ("(a+b)**2 + (c)**(d)", []),
        ("f(**one, **two)", []),
    ],
)
def test_stars_inside_words_are_emphasis_and_in_products_are_not(line: str, styled: list[str]) -> None:
    assert bold(line) == styled
    if not styled:
        assert re.sub(r"\x1b\[\w+", "", Markdown({"TERM": "xterm"}).take(line, 80) or "") == f"{line}\n"
