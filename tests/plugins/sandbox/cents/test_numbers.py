"""Whole cents and whole contracts of a core that is finer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.model.market import (
    DECI_CENT,
    TAPERED,
    WHOLE_CENT,
    Market,
    MarketStatus,
    PriceGrid,
    PriceRange,
)
from plugins.sandbox.cents.numbers import (
    asked_cents,
    contracts,
    fee_cents,
    is_served,
    quoted_cents,
    rounded,
)

FIVES = PriceGrid((PriceRange(0, 10_000, 500),))


@pytest.mark.parametrize(
    ("grid", "served"), [(WHOLE_CENT, True), (FIVES, True), (DECI_CENT, False), (TAPERED, False)]
)
def test_only_grids_of_whole_cents_are_served(grid, served):
    market = Market(ticker="A", event_ticker="E", status=MarketStatus.ACTIVE, grid=grid)

    assert is_served(market) is served


@pytest.mark.parametrize(("given", "whole"), [(199, 1), (-199, -1), (99, 0), (-99, 0), (-100, -1)])
def test_counts_are_cut_towards_zero(given, whole):
    assert contracts(given) == whole


@pytest.mark.parametrize(("fee_e6", "cents"), [(0, 0), (1, 1), (10_000, 1), (10_001, 2)])
def test_fees_are_rounded_up(fee_e6, cents):
    assert fee_cents(fee_e6) == cents


def test_nobody_bids_zero_and_asks_a_dollar():
    assert (quoted_cents(None), asked_cents(None)) == (0, 100)
    assert (quoted_cents(9100), asked_cents(700)) == (91, 93)


def test_levels_are_rounded_down_and_put_together_without_empty_ones():
    levels = [(9_150, 5_000), (9_100, 5_050), (99, 10_000), (8_900, 99), (8_800, 100)]

    assert rounded(levels) == [(88, 1), (91, 100)]


@given(st.dictionaries(st.integers(1, 9_999), st.integers(1, 10**6)))
def test_a_ladder_never_promises_more_than_there_is(levels):
    ladder = rounded(levels.items())
    sizes = [size for _, size in ladder]

    assert sum(sizes) * 100 <= sum(levels.values())
    assert all(1 <= price <= 99 and size >= 1 for price, size in ladder)
    assert [price for price, _ in ladder] == sorted({price for price, _ in ladder})
