"""The order of a step's visits: each chunk once, and measured before it is moved."""

from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from paripassu.optim.steps import schedule as schedules


@given(
    sizes=st.lists(
        st.sampled_from([0, 1, 7, schedules.CHUNK, schedules.CHUNK + 1, 9 * schedules.CHUNK]), max_size=9
    ),
    is_global=st.booleans(),
    threads=st.integers(1, 64),
)
def test_every_chunk_is_advanced_and_then_moved(sizes, is_global, threads):
    """Before a run is moved, all that is measured with it has been given to a thread: none waits forever."""
    with patch.object(schedules, "RUN", 4 * schedules.CHUNK):
        order = schedules.schedule(
            tuple(sizes), threads, is_global=is_global, rescales=True, updates_state=True
        )
    assert sum(order.chunks[:, 2]) == sum(sizes)
    advanced, moved = set(), set()
    for what, first, last in order.visits.tolist():
        chunks = set(range(first, last))
        assert sum(order.chunks[first:last, 2]) <= 4 * schedules.CHUNK + schedules.CHUNK
        if what == schedules.ADVANCE:
            assert not chunks & advanced
            advanced |= chunks
        else:
            assert what == schedules.MOVE
            assert not chunks & moved
            for unit in order.chunks[first:last, 3]:
                assert set(range(order.units[unit], order.units[unit + 1])) <= advanced
            moved |= chunks
    assert advanced == moved == set(range(len(order.chunks)))
