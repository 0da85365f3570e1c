from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.model.market import (
    DECI_CENT,
    MARKET_LIFE,
    TAPERED,
    WHOLE_CENT,
    Market,
    MarketStatus,
    PriceGrid,
    PriceRange,
    moment,
)
from framework.model.units import Side, complement

# By hand from the exchange's page on price levels: an order's price is above 0 and below 1.
CENTS = set(range(100, 10_000, 100))
DECI = set(range(10, 10_000, 10))
EDGES = {price for price in DECI if price <= 1_000 or price >= 9_000} | CENTS
CENTER_DECI_EDGE_CENTI = set(range(1, 100)) | set(range(100, 9_901, 10)) | set(range(9_901, 10_000))
ODD = PriceGrid((PriceRange(0, 300, 30), PriceRange(300, 10_000, 50)))
"""Not the same from both ends, so a NO price stands where no YES price does."""

GRIDS = [
    (WHOLE_CENT, CENTS),
    (DECI_CENT, DECI),
    (TAPERED, EDGES),
    (
        PriceGrid(
            (PriceRange(0, 100, 1), PriceRange(100, 9_900, 10), PriceRange(9_900, 10_000, 1))
        ),
        CENTER_DECI_EDGE_CENTI,
    ),
    (ODD, set(range(30, 300, 30)) | set(range(300, 10_000, 50))),
]
grids = st.sampled_from(GRIDS)
NAMES = ["whole-cent", "deci-cent", "tapered", "centi-edge", "odd"]


def _allowed(yes_prices, side):
    return yes_prices if side is Side.YES else {complement(price) for price in yes_prices}


class TestGrid:
    @pytest.mark.parametrize(("grid", "yes_prices"), GRIDS, ids=NAMES)
    @pytest.mark.parametrize("side", Side)
    def test_it_holds_exactly_the_prices_an_order_may_carry(self, grid, yes_prices, side):
        held = {price for price in range(-200, 10_201) if grid.contains(price, side)}

        assert held == _allowed(yes_prices, side)

    @given(grids, st.sampled_from(Side), st.integers(-200, 10_200))
    def test_at_or_below_is_the_highest_price_not_above(self, case, side, price):
        grid, yes_prices = case
        below = [p for p in _allowed(yes_prices, side) if p <= price]

        assert grid.at_or_below(price, side) == max(below, default=None)

    @given(grids, st.sampled_from(Side), st.integers(-200, 10_200))
    def test_at_or_above_is_the_lowest_price_not_below(self, case, side, price):
        grid, yes_prices = case
        above = [p for p in _allowed(yes_prices, side) if p >= price]

        assert grid.at_or_above(price, side) == min(above, default=None)

    @given(grids, st.sampled_from(Side), st.integers(-200, 10_200))
    def test_what_is_sold_goes_at_the_limit_or_below_or_else_at_the_lowest(self, case, side, limit):
        grid, yes_prices = case
        allowed = _allowed(yes_prices, side)
        below = [price for price in allowed if price <= limit]

        assert grid.to_sell_at(limit, side) == max(below, default=min(allowed))

    def test_nothing_is_sold_on_a_grid_without_a_price(self):
        assert PriceGrid(()).to_sell_at(5_000, Side.YES) is None

    @pytest.mark.parametrize(("grid", "yes_prices"), GRIDS, ids=NAMES)
    @pytest.mark.parametrize("side", Side)
    def test_a_price_on_it_is_its_own_neighbour(self, grid, yes_prices, side):
        for price in _allowed(yes_prices, side):
            assert grid.at_or_below(price, side) == grid.at_or_above(price, side) == price


class TestLife:
    def test_every_status_has_a_row(self):
        assert set(MARKET_LIFE) == set(MarketStatus)

    def test_the_way_of_a_market_without_trouble(self):
        way = [
            MarketStatus.INITIALIZED,
            MarketStatus.ACTIVE,
            MarketStatus.INACTIVE,
            MarketStatus.ACTIVE,
            MarketStatus.CLOSED,
            MarketStatus.ACTIVE,
            MarketStatus.CLOSED,
            MarketStatus.DETERMINED,
            MarketStatus.FINALIZED,
        ]

        assert all(after in MARKET_LIFE[before] for before, after in pairwise(way))

    def test_a_dispute_ends_in_the_old_result_or_an_amended_one(self):
        assert MarketStatus.DISPUTED in MARKET_LIFE[MarketStatus.DETERMINED]
        assert MARKET_LIFE[MarketStatus.DISPUTED] >= {MarketStatus.DETERMINED, MarketStatus.AMENDED}
        assert MarketStatus.FINALIZED in MARKET_LIFE[MarketStatus.AMENDED]

    def test_nothing_follows_the_final_result(self):
        assert MARKET_LIFE[MarketStatus.FINALIZED] == frozenset()

    def test_no_result_is_taken_back_into_trading(self):
        decided = {MarketStatus.DETERMINED, MarketStatus.DISPUTED, MarketStatus.AMENDED}
        trading = {MarketStatus.ACTIVE, MarketStatus.INACTIVE, MarketStatus.CLOSED}

        assert not any(MARKET_LIFE[status] & trading for status in decided)

    def test_a_status_never_follows_itself(self):
        known = set(MarketStatus) - {MarketStatus.UNKNOWN}

        assert not any(status in MARKET_LIFE[status] for status in known)


def market(**terms):
    given = {"ticker": "T", "event_ticker": "E", "status": MarketStatus.ACTIVE}
    return Market(**(given | terms))


class TestIsOpen:
    @pytest.mark.parametrize(("now", "is_open"), [(9, False), (10, True), (19, True), (20, False)])
    def test_only_inside_its_hours(self, now, is_open):
        assert market(open_us=10, close_us=20).is_open(now) is is_open

    @pytest.mark.parametrize("status", sorted(set(MarketStatus) - {MarketStatus.ACTIVE}))
    def test_only_when_active(self, status):
        assert market(status=status, open_us=10, close_us=20).is_open(15) is False

    def test_unknown_hours_do_not_bind(self):
        assert market().is_open(0)


class TestPayout:
    @pytest.mark.parametrize("pays", [0, 1, 2_500, 9_999, 10_000])
    def test_both_sides_share_one_dollar(self, pays):
        final = market(status=MarketStatus.FINALIZED, result="scalar", settlement_e4=pays)

        assert final.payout_e4(Side.YES) == pays
        assert final.payout_e4(Side.NO) == 10_000 - pays

    @pytest.mark.parametrize(
        "status", [MarketStatus.ACTIVE, MarketStatus.CLOSED, MarketStatus.DETERMINED]
    )
    def test_there_is_none_before_the_final_result(self, status):
        assert market(status=status).payout_e4(Side.YES) is None
        assert market(status=status, result="yes").payout_e4(Side.YES) is None

    @pytest.mark.parametrize(
        "status", [MarketStatus.DETERMINED, MarketStatus.DISPUTED, MarketStatus.AMENDED]
    )
    def test_a_value_that_can_still_be_disputed_is_not_a_payout(self, status):
        assert market(status=status, result="yes", settlement_e4=10_000).payout_e4(Side.YES) is None


class TestShown:
    def test_decimals_outside(self):
        some = market(yes_bid_e4=9150, yes_ask_e4=9200, volume_e2=1_234_550, open_interest_e2=100)

        assert (some.yes_bid, some.yes_ask) == (Decimal("0.915"), Decimal("0.92"))
        assert (some.volume, some.open_interest) == (Decimal("12345.5"), Decimal(1))

    def test_what_is_missing_is_none(self):
        bare = market()

        assert (bare.yes_bid, bare.yes_ask, bare.volume, bare.open_interest, bare.close_time) == (
            None,
        ) * 5

    def test_nothing_traded_is_not_unknown(self):
        assert market(volume_e2=0).volume == 0

    def test_it_can_not_be_changed(self):
        with pytest.raises(AttributeError):
            market().status = MarketStatus.CLOSED


class TestMoment:
    def test_it_is_utc(self):
        assert moment(1_768_478_400_000_000) == datetime(2026, 1, 15, 12, tzinfo=UTC)
        assert moment(0).tzinfo is UTC

    @given(st.integers(0, 4_102_444_800_000_000))
    def test_no_microsecond_is_lost(self, at_us):
        assert (moment(at_us) - moment(0)) // timedelta(microseconds=1) == at_us
