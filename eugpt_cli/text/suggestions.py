"""The known word that a mistyped one was meant to be, in the one wording for it."""

from collections.abc import Iterable

NEAR = 0.6  # of difflib's ratio; a suggestion that is far off misleads


def near_words(word: str, known: Iterable[str], *, most: int = 5, least: float = NEAR) -> list[str]:
    """The known words that are like it, the likest first."""
    from difflib import get_close_matches

    return get_close_matches(word, list(known), most, least)


def did_you_mean(word: str, known: Iterable[str], *, most: int = 1) -> str:
    """`; did you mean X?` to follow a message, or nothing where no known word is near."""
    found = near_words(word, known, most=most)
    return f"; did you mean {' or '.join(found)}?" if found else ""
