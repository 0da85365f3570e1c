"""The events of the seeded world before the dice."""

from hypothesis import given
from hypothesis import strategies as st

from plugins.sandbox.worlds.plans import FEWEST, SERIES, Shape, plans


def test_what_is_always_there_comes_first_and_is_the_same():
    assert plans(1, FEWEST) == plans(2, FEWEST)
    assert plans(1, 240)[: len(plans(1, FEWEST))] == plans(1, FEWEST)


def test_a_larger_world_holds_the_smaller_one():
    assert plans(3, 500)[: len(plans(3, 100))] == plans(3, 100)


@given(st.integers(0, 1_000), st.integers(FEWEST, 600))
def test_every_plan_can_be_played(seed, markets):
    drawn = plans(seed, markets)
    series = {row.ticker for row in SERIES}

    assert len({plan.ticker for plan in drawn}) == len(drawn)
    assert sum(len(plan.outcomes) for plan in drawn) >= markets
    for plan in drawn:
        assert plan.series in series
        assert len(set(plan.outcomes)) == len(plan.outcomes)
        assert plan.opens_e3 < plan.closes_e3 <= 1_000
        for moment in (plan.pause_e3, plan.early_e3):
            assert moment is None or max(0, plan.opens_e3) < moment < plan.closes_e3
        assert plan.shape is not Shape.NESTED or len(plan.outcomes) > 1
