"""The key in a stream, in whatever pieces it comes: never let through; everything else exact."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eugpt_cli.text.redaction import HELD_FROM, MASK, RedactingSink, redact_raw_answer

KEY = "eugpt_eugpt_abcab"


class Collected:
    terminal = False
    emitted = False

    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes) -> None:
        self.data += data

    def keep(self) -> None: ...

    def restart(self) -> None:
        self.data = b""

    def commit(self) -> None:
        pass

    def discard(self) -> None:
        pass


def through(pieces: list[bytes], key: str = KEY) -> bytes:
    sink = Collected()
    masked = RedactingSink(sink, key)
    for piece in pieces:
        masked.write(piece)
    masked.commit()
    return sink.data


def pieces_of(text: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({cut % (len(text) + 1) for cut in cuts} | {0, len(text)})
    return [text[a:b] for a, b in pairwise(places)]


HALVES = ["\\", "\\u006", "\\u0065", "\\u0"]  # of an escape, and a whole one
ALPHABET = st.sampled_from([KEY, KEY[:6], KEY[:7], KEY[:12], KEY[6:], KEY[:-1], "eugpt", "e", "_", "ab", " ", *HALVES])


@given(st.lists(ALPHABET, max_size=8).map("".join), st.lists(st.integers(0, 200), max_size=8))
def test_never_the_key_in_any_cut(text: str, cuts: list[int]) -> None:
    assert KEY.encode() not in through(pieces_of(text.encode(), cuts))
    assert KEY.encode() not in redact_raw_answer(text.encode(), KEY)


@given(st.text(alphabet="eugpt_abc \n", max_size=60), st.lists(st.integers(0, 60), max_size=8))
def test_everything_else_is_exact(text: str, cuts: list[int]) -> None:
    if KEY not in text:
        assert through(pieces_of(text.encode(), cuts)) == text.encode()


def test_a_key_is_replaced_by_the_mask() -> None:
    assert through([b"a " + KEY.encode() + b" b"]) == f"a {MASK} b".encode()
    assert through([b"a " + KEY[:-2].encode(), KEY[-2:].encode() + b" b"]) == f"a {MASK} b".encode()


@pytest.mark.parametrize("begun", ["\\u006", "\\\\u006", "\\u00", "\\u0", "\\u", "\\"])
def test_what_looks_like_half_an_escape_hides_no_key(begun: str) -> None:
    """Text has no escapes: after a backslash and u006, the key is the key."""
    whole = f"x {begun}{KEY} y".encode()
    for at in range(len(whole)):
        out = through([whole[:at], whole[at:]])
        assert KEY.encode() not in out
        assert out.endswith(f"{MASK} y".encode())
    assert through([whole]) == f"x {begun}{MASK} y".encode()
    assert redact_raw_answer(whole, KEY) == f"x {begun}{MASK} y".encode()


def test_what_is_cut_before_the_key_is_whole_stays() -> None:
    for end in range(len(KEY)):
        assert through([b"a " + KEY[:end].encode()]) == b"a " + KEY[:end].encode()


@pytest.mark.parametrize("word", ["test", "response", "fifteen_letters"])
def test_a_word_too_short_to_be_a_key_is_left_alone(word: str) -> None:
    assert through([f"this is a {word}".encode()], key=word) == f"this is a {word}".encode()


SLASHES = "eugpt_a/b+c/d=e/f"
CUTS = st.lists(st.integers(0, 200), max_size=8)


def spellings_of(character: str) -> list[str]:
    """How JSON may write it."""
    code = ord(character)
    return [character, f"\\u{code:04x}", f"\\u{code:04X}", *(["\\/"] if character == "/" else [])]


KEY_SPELLED = st.tuples(*(st.sampled_from(spellings_of(character)) for character in SLASHES)).map("".join)


@given(KEY_SPELLED, st.sampled_from([r"{\"a\":\"", r"\\u00e9\\\n", r"\/", "x", ""]), CUTS)
def test_the_key_is_masked_in_each_spelling_of_json(key: str, before: str, cuts: list[int]) -> None:
    out = through(pieces_of(f"{before}{key}\\u00e9".encode(), cuts), SLASHES).decode()
    assert out.startswith(before)
    emitted, mask, after = out[len(before) :].partition(MASK)
    assert (mask, after) == (MASK, "\\u00e9")
    assert key.startswith(emitted)
    assert len(json.loads(f'"{emitted}"')) < HELD_FROM


SPELLED = st.sampled_from([*"eugpt_a/b+c", "\\/", "\\u0065", "\\u007", "\\u", "\\", "\\\\", "eugpt_a/b+c/d=e", "\n"])


@given(st.lists(SPELLED, max_size=30).map("".join), CUTS)
def test_everything_else_is_exact_in_each_spelling(text: str, cuts: list[int]) -> None:
    assert through(pieces_of(text.encode(), cuts), SLASHES) == text.encode()


def test_a_new_attempt_starts_afresh() -> None:
    sink = Collected()
    masked = RedactingSink(sink, KEY)
    masked.write(KEY[:9].encode())
    masked.restart()
    masked.write(KEY[9:].encode())
    masked.commit()
    assert sink.data == KEY[9:].encode()
