"""Content codings: every cut of them, what is damaged, and how much memory one answer may take."""

import gzip
import tracemalloc
import zlib
from collections.abc import Callable, Iterable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eugpt_cli.errors import NotTheApi, Truncated
from eugpt_cli.http.coding import PIECE, decoded
from eugpt_cli.http.response import Fields


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


CODED: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "X-GZip": lambda data: gzip.compress(data[:3]) + gzip.compress(b"") + gzip.compress(data[3:]) + b"\0" * 7,
    "deflate": zlib.compress,
    "identity, deflate": raw_deflate,
    "identity": lambda data: data,
}


def undone(coding: str, pieces: Iterable[bytes]) -> bytes:
    return b"".join(decoded(Fields([(b"Content-Encoding", coding.encode())]), iter(pieces)))


@given(st.sampled_from(sorted(CODED)), st.binary(max_size=200), st.integers(1, 50))
def test_every_cut_gives_the_same(coding: str, data: bytes, size: int) -> None:
    whole = CODED[coding](data)
    assert undone(coding, [whole[at : at + size] for at in range(0, len(whole), size)]) == data


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
@given(st.binary(min_size=1, max_size=100), st.data())
def test_what_is_cut_is_truncated_and_what_is_damaged_never_passes(
    coding: str, data: bytes, draw: st.DataObject
) -> None:
    whole = CODED[coding](data)
    with pytest.raises(Truncated):
        undone(coding, [whole[: draw.draw(st.integers(1, len(whole) - 1))]])
    # without its header, two bytes, deflate is raw deflate, which has no checksum
    at = draw.draw(st.integers(2 if coding == "deflate" else 0, len(whole) - 1))
    changed = bytes([*whole[:at], whole[at] ^ draw.draw(st.integers(1, 255)), *whole[at + 1 :]])
    with suppress(NotTheApi, Truncated):  # gzip checks neither its time nor its name
        assert undone(coding, [changed]) == data


@pytest.mark.parametrize("coding", ["gzip, gzip", "gzip, identity, deflate", "br", "zstd", "deflate,br"])
def test_one_known_coding_is_undone_and_no_more(coding: str) -> None:
    with pytest.raises(NotTheApi):
        undone(coding, [gzip.compress(gzip.compress(b"x"))])


@pytest.mark.parametrize(("coding", "tail"), [("gzip", b"more"), ("deflate", b"\0"), ("deflate", b"more")])
def test_nothing_follows_the_end(coding: str, tail: bytes) -> None:
    for pieces in ([CODED[coding](b"x") + tail], [CODED[coding](b"x"), tail]):
        with pytest.raises(NotTheApi):
            undone(coding, pieces)


def test_nothing_at_all_is_nothing() -> None:
    assert [undone(coding, []) for coding in ("gzip", "deflate")] == [b"", b""]


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_a_small_answer_that_is_large_comes_in_pieces(coding: str) -> None:
    bomb = CODED[coding](bytes(100_000_000))
    fields = Fields([(b"Content-Encoding", coding.encode())])
    tracemalloc.start()
    try:
        assert sum(map(len, decoded(fields, iter([bomb])))) == 100_000_000
        assert tracemalloc.get_traced_memory()[1] < 6 * PIECE
    finally:
        tracemalloc.stop()
