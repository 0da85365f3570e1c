"""A moved world is the same world at another time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.model.events import (
    BookChanged,
    BookReplaced,
    MarketChanged,
    MarketListed,
    MarketSettled,
    TradePrinted,
)
from framework.testing.builders import HOUR_US, NOW_US
from plugins.sandbox.worlds.rebased import RebasedWorld
from plugins.sandbox.worlds.seeded import SeededWorld

pytestmark = pytest.mark.slow  # plays whole worlds

LATER_US = 86_400_000_000


def test_every_moment_moves_by_the_same_time(world):
    moved = RebasedWorld(world, NOW_US + LATER_US)
    first = next(moved.events())

    assert moved.start_us == NOW_US + LATER_US
    assert first.at_us == NOW_US + LATER_US
    assert first.market.open_us == NOW_US + LATER_US - HOUR_US
    assert first.market.close_us == NOW_US + LATER_US + HOUR_US


def test_an_unknown_end_stays_unknown(world):
    assert RebasedWorld(world, 0).end_us is None


def test_a_moved_world_keeps_its_series_and_groups(world):
    moved = RebasedWorld(world, 0)

    assert (moved.series, moved.event_groups) == (world.series, world.event_groups)


def test_the_planned_pauses_move_along():
    world = SeededWorld(1)
    moved = RebasedWorld(world, world.start_us + LATER_US)
    (before,), (after,) = world.pauses, moved.pauses

    assert (after.from_us - before.from_us, after.until_us - before.until_us) == (LATER_US,) * 2
    assert after.pause is before.pause


@given(start_us=st.integers(0, 4_000_000_000_000_000), seed=st.integers(0, 20))
def test_moving_there_and_back_changes_nothing(start_us, seed):
    world = SeededWorld(seed, 60_000_000)
    back = RebasedWorld(RebasedWorld(world, start_us), world.start_us)
    same = zip(world.events(), back.events(), strict=True)

    assert back.end_us == world.end_us
    assert all(event == returned for event, returned in same)


def test_every_kind_of_event_of_a_world_is_moved():
    world = SeededWorld(1)
    kinds = {type(event) for event in world.events()}

    assert kinds <= {
        BookChanged,
        BookReplaced,
        TradePrinted,
        MarketListed,
        MarketChanged,
        MarketSettled,
    }
