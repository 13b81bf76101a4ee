"""Numbers for names: as a dict would give them, also where many names want the same slot."""

from hypothesis import given
from hypothesis import strategies as st

from eugpt_cli.batch.name_index import NameIndex

names = st.integers(0, 2**64 - 1) | st.integers(0, 3).map(lambda high: high << 62) | st.integers(0, 50)


@given(st.lists(names, max_size=3000))
def test_it_is_a_dict(given_names: list[int]) -> None:
    index, model = NameIndex(), dict[int, int]()
    for name in given_names:
        assert index.find(name) == model.get(name)
        assert index.add(name) == model.setdefault(name, len(model))
    assert [index.find(name) for name in model] == list(model.values())
    assert list(index.names) == list(model)


def test_many_names_find_room() -> None:
    index = NameIndex()
    names = [number * 0x9E3779B97F4A7C15 % 2**64 for number in range(100_000)]
    assert [index.add(name) for name in names] == list(range(len(names)))
    assert [index.find(name) for name in names] == list(range(len(names)))
    assert index.find(1) is None
