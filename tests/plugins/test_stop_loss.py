from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from framework import Side, Urgency
from framework.model.market import DECI_CENT, TAPERED, WHOLE_CENT, PriceGrid, PriceRange
from framework.model.units import price_of, to_e4
from framework.testing.builders import book, market, position, snapshot
from plugins.stop_loss import StopLoss

GRIDS = st.sampled_from([WHOLE_CENT, DECI_CENT, TAPERED])


def at(bid, *, side=Side.YES, grid=WHOLE_CENT):
    bids = {"yes": [(bid, 100)], "no": []} if side is Side.YES else {"yes": [], "no": [(bid, 100)]}
    return snapshot(market(grid=grid), **bids)


@pytest.mark.parametrize(("bid", "sells"), [("0.77", False), ("0.76", True), ("0.75", True)])
def test_sells_from_exactly_the_trigger_downwards(bid, sells):
    found = StopLoss(trigger="0.95").signal_exit(position(entry="0.80"), at(bid))

    assert (found is not None) is sells


@pytest.mark.parametrize(("bid", "sells"), [("0.83", False), ("0.82", True)])
def test_sells_from_exactly_a_fall_in_dollars_downwards(bid, sells):
    plugin = StopLoss(trigger=None, trigger_drop="0.10")

    assert (plugin.signal_exit(position(entry="0.92"), at(bid)) is not None) is sells


@pytest.mark.parametrize(
    ("trigger", "drop", "sells"),
    [("0.95", "0.50", True), ("0.50", "0.10", True), ("0.50", "0.50", False)],
)
def test_either_trigger_is_enough(trigger, drop, sells):
    plugin = StopLoss(trigger=trigger, trigger_drop=drop)

    assert (plugin.signal_exit(position(entry="0.92"), at("0.80")) is not None) is sells


def test_compares_with_the_exact_average_price():
    # Three contracts for 2.5001 dollars: 0.95 of the average is 0.791698..., above a bid of 0.79.
    held = position(entry="0.83", quantity=1)
    averaged = type(held)(
        ticker=held.ticker,
        side=held.side,
        quantity_e2=300,
        cost_e6=2_500_100,
        strategy=None,
        opened_us=0,
    )

    assert StopLoss().signal_exit(averaged, at("0.80")) is None
    assert StopLoss().signal_exit(averaged, at("0.79")).limit == Decimal("0.77")


def test_sells_at_once_and_with_a_stops_urgency():
    found = StopLoss().signal_exit(position(entry="0.92"), at("0.80"))

    assert found.immediate
    assert found.urgency is Urgency.STOP
    assert found.quantity is None


def test_prices_from_the_live_bid_when_the_market_has_gapped():
    found = StopLoss(slippage="0.02").signal_exit(position(entry="0.92"), at("0.40"))

    assert found.limit == Decimal("0.38")


def test_prices_from_the_entry_when_that_is_lower():
    plugin = StopLoss(trigger="0.99", price_fraction="0.50", slippage="0.01")

    found = plugin.signal_exit(position(entry="0.92"), at("0.90"))

    assert found.limit == Decimal("0.46")


def test_rounds_the_limit_down_onto_the_grid():
    plugin = StopLoss(trigger="0.99", price_fraction="0.90", slippage="0")

    found = plugin.signal_exit(position(entry="0.93"), at("0.90"))  # 0.90 of 0.93 is 0.837

    assert found.limit == Decimal("0.83")


def test_sells_at_the_lowest_price_when_the_bid_is_within_the_slippage():
    found = StopLoss(slippage="0.05").signal_exit(position(), at("0.02"))

    assert found.limit == Decimal("0.01")


def test_watches_the_bid_of_the_side_that_is_held():
    held = position(side=Side.NO, entry="0.92")

    assert StopLoss().signal_exit(held, at("0.92", side=Side.NO)) is None
    assert StopLoss().signal_exit(held, at("0.50", side=Side.NO)).limit == Decimal("0.48")


def test_a_missing_bid_is_no_price_to_sell_at():
    assert StopLoss().signal_exit(position(), snapshot(yes=[])) is None


def test_a_book_that_is_not_valid_is_no_price_to_sell_at():
    lost = book(yes=[("0.10", 5)])
    lost.invalidate("a gap")

    assert StopLoss().signal_exit(position(), snapshot(held=lost)) is None
    crossed = snapshot(yes=[("0.40", 5)], no=[("0.60", 5)])
    assert StopLoss().signal_exit(position(), crossed) is None


def test_gives_no_price_that_the_grid_does_not_have():
    coarse = PriceGrid((PriceRange(5_000, 9_000, 1_000),))

    assert StopLoss().signal_exit(position(), at("0.30", grid=coarse)) is None


def test_repeats_itself_until_the_position_is_gone():
    plugin, held = StopLoss(), position(entry="0.92")

    first, again = (plugin.signal_exit(held, at("0.60")) for _ in range(2))

    assert first == again
    assert plugin.signal_exit(held, at("0.50")).limit < first.limit


def test_names_bid_and_entry_in_its_reason():
    found = StopLoss().signal_exit(position(entry="0.92"), at("0.80"))

    assert found.reason == "bid 0.80 is at or below 0.95 of entry 0.92"


@given(
    entry=st.integers(1, 9_999),
    quantity=st.integers(1, 100_000),
    bid=st.integers(1, 9_999),
    slippage=st.integers(0, 2_000),
    fraction=st.integers(1, 100),
    grid=GRIDS,
    side=st.sampled_from(Side),
)
def test_a_stop_is_on_the_grid_and_never_above_the_bid(
    entry, quantity, bid, slippage, fraction, grid, side
):
    live = grid.at_or_below(bid, side)
    assume(live is not None)
    plugin = StopLoss(
        trigger="0.95", price_fraction=Decimal(fraction) / 100, slippage=price_of(slippage)
    )
    held = position(side=side, entry=price_of(entry), quantity=Decimal(quantity) / 100)

    found = plugin.signal_exit(held, at(price_of(live), side=side, grid=grid))

    assert (found is not None) == (live * 100 <= entry * 95)
    if found is not None:
        limit, lowest = to_e4(found.limit), grid.at_or_above(1, side)
        assert grid.contains(limit, side)
        assert limit <= live
        assert limit == lowest or limit <= min(live - slippage, entry * fraction // 100)


def test_needs_a_trigger():
    with pytest.raises(ValidationError, match="needs trigger or trigger_drop"):
        StopLoss(trigger=None)
