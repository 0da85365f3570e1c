from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.fees import OrderFees
from framework.model.fees import FeeTerms
from framework.model.units import Side, price_of
from plugins.kalshi.codec.cents_values import (
    acquired,
    count_e2,
    fee_e6,
    moment_us,
    of_side,
    price_e4,
    quote_e4,
    series_of,
)


@given(st.integers(1, 99))
def test_cents_become_exact_dollars(cents):
    assert price_of(price_e4(cents)) == Decimal(cents) / 100
    assert quote_e4(cents) == price_e4(cents)
    assert of_side(Side.NO, cents) == price_e4(100 - cents)


@pytest.mark.parametrize("cents", [-1, 101, 10_000])
def test_what_is_no_price_is_an_error(cents):
    with pytest.raises(ValueError, match="not a price"):
        price_e4(cents)


def test_a_count_is_whole_contracts_and_never_negative():
    assert count_e2(50) == 5_000
    with pytest.raises(ValueError, match="not a count"):
        count_e2(-1)


def test_seconds_and_milliseconds_are_told_apart():
    assert moment_us(1_234_567_890) == moment_us(1_234_567_890_000) == 1_234_567_890_000_000
    assert moment_us(None) is None


@pytest.mark.parametrize(
    ("ticker", "series"), [("KXHIGHNY-25JAN09", "KXHIGHNY"), ("KXBTC-26FEB09", "KXBTC"), ("A", "A")]
)
def test_the_first_part_of_a_ticker_is_the_series(ticker, series):
    assert series_of(ticker) == series


def test_selling_is_buying_the_other_outcome():
    assert acquired(Side.YES, "buy") is Side.YES
    assert acquired(Side.YES, "sell") is Side.NO


def test_a_told_fee_is_the_truth():
    assert fee_e6("0.0175", 5_000, 100, FeeTerms(), is_taker=True) == 17_500


@given(st.integers(1, 99), st.integers(1, 10_000), st.booleans())
def test_a_fee_that_is_not_told_is_that_of_an_orders_first_fill(cents, count, is_taker):
    terms = FeeTerms("quadratic_with_maker_fees", Decimal("0.5"))
    estimate = fee_e6(None, cents * 100, count * 100, terms, is_taker=is_taker)
    charge = OrderFees().charge(cents * 100, count * 100, is_taker=is_taker, terms=terms)

    assert estimate == charge.trade_fee_e6 + charge.rounding_e6
