"""A mapping in many small dictionaries is a mapping, and its dictionaries stay small."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ksef_mock.state.shards import Shards

#: Steps of hundreds of keys each: added, or taken out.
STEPS = st.lists(st.tuples(st.booleans(), st.integers(0, 5), st.integers(1, 600)), max_size=12)


@given(STEPS)
def test_it_holds_what_a_dictionary_holds(steps: list[tuple[bool, int, int]]) -> None:
    shards: Shards[str, int] = Shards()
    model: dict[str, int] = {}
    for is_added, start, number in steps:
        for each in range(start * 100, start * 100 + number):
            key = f"key-{each}"
            if is_added:
                shards[key] = model[key] = each
            else:
                assert shards.pop(key) == model.pop(key, None)
    assert dict(shards.items()) == model
    assert sorted(shards) == sorted(model)
    assert len(shards) == len(model)
    assert [shards.get(f"key-{each}") for each in range(1_100)] == [
        model.get(f"key-{each}") for each in range(1_100)
    ]
    for key in model:
        assert shards[key] == model[key]
        del shards[key]
    assert len(shards) == 0


def test_no_dictionary_grows_large() -> None:
    shards: Shards[str, int] = Shards()
    for number in range(50_000):
        shards[f"20261126-EE-{number:010X}"] = number
    assert max(map(len, shards._shards)) < 1_000
    assert [shards.get(f"20261126-EE-{number:010X}") for number in range(50_000)] == list(range(50_000))
    shards.clear()
    assert len(shards) == 0
    assert shards.get("20261126-EE-0000000000") is None
