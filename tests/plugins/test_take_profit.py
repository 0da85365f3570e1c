from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from framework import Side, Urgency
from framework.model.market import DECI_CENT, TAPERED, WHOLE_CENT
from framework.model.units import price_of, to_e4
from framework.testing.builders import market, position, snapshot
from plugins.take_profit import TakeProfit


def seen(grid=WHOLE_CENT):
    return snapshot(market(grid=grid))


def test_rests_at_the_target():
    found = TakeProfit(target="0.98").signal_exit(position(entry="0.92"), seen())

    assert found.limit == Decimal("0.98")
    assert found.urgency is Urgency.TAKE_PROFIT
    assert not found.immediate
    assert found.quantity is None


def test_targets_99_cents_unless_told_otherwise():
    assert TakeProfit().signal_exit(position(entry="0.92"), seen()).limit == Decimal("0.99")


def test_targets_a_gain_over_the_entry():
    plugin = TakeProfit(target=None, gain="0.04")

    assert plugin.signal_exit(position(entry="0.92"), seen()).limit == Decimal("0.96")


@pytest.mark.parametrize(("gain", "limit"), [("0.03", "0.95"), ("0.05", "0.97")])
def test_takes_the_lower_of_target_and_gain(gain, limit):
    plugin = TakeProfit(target="0.97", gain=gain)

    assert plugin.signal_exit(position(entry="0.92"), seen()).limit == Decimal(limit)


def test_rounds_the_target_up_onto_the_grid():
    plugin = TakeProfit(target="0.9751")

    assert plugin.signal_exit(position(entry="0.92"), seen()).limit == Decimal("0.98")
    assert plugin.signal_exit(position(entry="0.92"), seen(DECI_CENT)).limit == Decimal("0.976")


@pytest.mark.parametrize(("entry", "sells"), [("0.9799", True), ("0.98", False), ("0.99", False)])
def test_a_target_at_or_below_the_entry_is_no_profit(entry, sells):
    found = TakeProfit(target="0.98").signal_exit(position(entry=entry), seen())

    assert (found is not None) is sells


def test_a_target_above_the_highest_price_is_held_to_settlement():
    plugin = TakeProfit(target="0.995")

    assert plugin.signal_exit(position(entry="0.92"), seen()) is None
    assert plugin.signal_exit(position(entry="0.92"), seen(TAPERED)).limit == Decimal("0.995")


def test_a_gain_that_leads_above_a_dollar_is_held_to_settlement():
    plugin = TakeProfit(target=None, gain="0.10")

    for side in Side:
        assert plugin.signal_exit(position(side=side, entry="0.92"), seen()) is None


def test_does_not_depend_on_the_book():
    quiet = snapshot(yes=[], no=[])

    assert TakeProfit().signal_exit(position(), quiet) == TakeProfit().signal_exit(
        position(), seen()
    )


@given(
    entry=st.integers(1, 9_999),
    target=st.integers(1, 9_999),
    grid=st.sampled_from([WHOLE_CENT, DECI_CENT, TAPERED]),
    side=st.sampled_from(Side),
)
def test_a_target_is_on_the_grid_and_above_the_entry(entry, target, grid, side):
    plugin = TakeProfit(target=price_of(target))

    found = plugin.signal_exit(position(side=side, entry=price_of(entry)), seen(grid))

    if found is None:
        assert target <= entry or grid.at_or_above(target, side) is None
    else:
        limit = to_e4(found.limit)
        assert grid.contains(limit, side)
        assert limit >= target > entry


def test_needs_a_target():
    with pytest.raises(ValidationError, match="needs target or gain"):
        TakeProfit(target=None)
