from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from framework import Side, Urgency
from framework.model.market import DECI_CENT, TAPERED, WHOLE_CENT
from framework.model.units import price_of, to_e4
from framework.testing.builders import HOUR_US, MINUTE_US, NOW_US, book, market, position, snapshot
from plugins.time_exit import TimeExit


def closing_in(span_us, **levels):
    close = None if span_us is None else NOW_US + span_us
    return snapshot(market(close_us=close), **levels)


@pytest.mark.parametrize(
    ("left_us", "sells"),
    [(2 * MINUTE_US + 1, False), (2 * MINUTE_US, True), (1, True), (-MINUTE_US, True)],
)
def test_sells_from_a_time_before_the_close_on(left_us, sells):
    found = TimeExit(before_close="2m").signal_exit(position(), closing_in(left_us))

    assert (found is not None) is sells


def test_a_market_without_a_close_has_no_time_before_it():
    assert TimeExit(before_close="2m").signal_exit(position(), closing_in(None)) is None


@pytest.mark.parametrize(("held_us", "sells"), [(HOUR_US - 1, False), (HOUR_US, True)])
def test_sells_once_a_position_was_held_for_long_enough(held_us, sells):
    held = position(opened_us=NOW_US - held_us)

    found = TimeExit(before_close=None, after="1h").signal_exit(held, snapshot())

    assert (found is not None) is sells


def test_whichever_time_comes_first_counts():
    plugin = TimeExit(before_close="2m", after="1h")
    young, old = position(opened_us=NOW_US), position(opened_us=NOW_US - HOUR_US)

    assert plugin.signal_exit(young, closing_in(MINUTE_US)).reason.startswith("closes in 0:01:00")
    assert plugin.signal_exit(old, closing_in(HOUR_US)).reason.startswith("held for 1:00:00")
    assert plugin.signal_exit(young, closing_in(HOUR_US)) is None


def test_takes_the_bid_at_once_less_the_slippage():
    found = TimeExit(slippage="0.02").signal_exit(position(), closing_in(MINUTE_US))

    assert (found.limit, found.immediate) == (Decimal("0.90"), True)
    assert found.urgency is Urgency.TIME
    assert found.quantity is None


def test_sells_at_the_lowest_price_when_the_bid_is_within_the_slippage():
    found = TimeExit(slippage="0.05").signal_exit(
        position(), closing_in(MINUTE_US, yes=[("0.02", 9)])
    )

    assert found.limit == Decimal("0.01")


def test_rests_at_the_ask_where_that_is_asked():
    found = TimeExit(immediate=False).signal_exit(position(), closing_in(MINUTE_US))

    assert (found.limit, found.immediate) == (Decimal("0.93"), False)


def test_rests_just_above_the_bid_when_nobody_asks():
    alone = closing_in(MINUTE_US, no=[])

    assert TimeExit(immediate=False).signal_exit(position(), alone).limit == Decimal("0.93")


def test_there_is_no_price_above_the_highest_bid_to_rest_at():
    full = closing_in(MINUTE_US, yes=[("0.99", 9)], no=[])

    assert TimeExit(immediate=False).signal_exit(position(), full) is None


def test_sells_the_side_that_is_held():
    held = position(side=Side.NO, entry="0.05")

    assert TimeExit().signal_exit(held, closing_in(MINUTE_US)).limit == Decimal("0.05")
    assert TimeExit(immediate=False).signal_exit(held, closing_in(MINUTE_US)).limit == Decimal(
        "0.08"
    )


def test_a_missing_bid_or_a_book_that_is_not_valid_is_no_price():
    lost = book(yes=[("0.92", 5)], no=[("0.07", 5)])
    lost.invalidate("a gap")

    assert TimeExit().signal_exit(position(), closing_in(MINUTE_US, yes=[])) is None
    assert TimeExit().signal_exit(position(), closing_in(MINUTE_US, held=lost)) is None


@given(
    bid=st.integers(1, 9_999),
    slippage=st.integers(0, 2_000),
    grid=st.sampled_from([WHOLE_CENT, DECI_CENT, TAPERED]),
    side=st.sampled_from(Side),
    immediate=st.booleans(),
)
def test_a_price_is_on_the_grid_and_on_its_own_side_of_the_bid(
    bid, slippage, grid, side, immediate
):
    live = grid.at_or_below(bid, side)
    assume(live is not None)
    bids = {"yes": [], "no": [], side.value: [(price_of(live), 100)]}
    seen = snapshot(market(grid=grid, close_us=NOW_US), **bids)

    found = TimeExit(slippage=price_of(slippage), immediate=immediate).signal_exit(
        position(side=side), seen
    )

    assert found is not None or not immediate
    if found is not None:
        limit = to_e4(found.limit)
        assert grid.contains(limit, side)
        assert limit <= live if immediate else limit > live


def test_needs_a_time():
    with pytest.raises(ValidationError, match="needs before_close or after"):
        TimeExit(before_close=None)
