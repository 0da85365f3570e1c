from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from framework import MarketStatus, Side
from framework.fees import break_even
from framework.model.units import price_of
from framework.testing.builders import (
    HOUR_US,
    MINUTE_US,
    NOW_US,
    fill,
    market,
    portfolio_view,
    snapshot,
)
from strategies.high_probability import HighProbability

FLAT = portfolio_view()


def signal(seen, portfolio=FLAT, **settings):
    return HighProbability(**settings).signal_entry(seen, portfolio)


def quote(bid, ask, *, bid_size=500, ask_size=500, listed=None):
    """A book with this YES bid and ask."""
    return snapshot(listed, yes=[(bid, bid_size)], no=[(1 - Decimal(ask), ask_size)] if ask else [])


def after_leaving(minutes_ago):
    """A portfolio that bought and sold the market once."""
    return portfolio_view(
        fill("in", at_us=NOW_US - HOUR_US),
        fill("out", side=Side.NO, price="0.05", at_us=NOW_US - minutes_ago * MINUTE_US),
    )


def test_takes_the_ask_of_a_favourite():
    found = signal(quote("0.92", "0.93"))

    assert (found.side, found.limit, found.make) == (Side.YES, Decimal("0.93"), False)


def test_joins_the_bid_post_only_when_it_makes():
    found = signal(quote("0.92", "0.93"), entry="make")

    assert (found.side, found.limit, found.make) == (Side.YES, Decimal("0.92"), True)


@pytest.mark.parametrize(
    ("bid", "ask", "buys"), [("0.85", "0.86", True), ("0.8499", "0.86", False)]
)
def test_asks_for_a_bid_of_the_least_price(bid, ask, buys):
    assert (signal(quote(bid, ask)) is not None) is buys


@pytest.mark.parametrize(
    ("bid", "ask", "buys"),
    [
        ("0.891", "0.909", False),  # 0.018 of 0.90 is exactly the limit
        ("0.8911", "0.909", True),
        ("0.86", "0.88", False),
    ],
)
def test_asks_for_a_spread_below_a_fraction_of_the_mid(bid, ask, buys):
    assert (signal(quote(bid, ask), max_spread_ratio="0.02") is not None) is buys


@pytest.mark.parametrize(
    ("volume", "buys"), [("10000", True), ("9999.99", False), (None, False), (0, False)]
)
def test_asks_for_a_known_volume(volume, buys):
    seen = quote("0.92", "0.93", listed=market(volume=volume))

    assert (signal(seen, min_volume=10_000) is not None) is buys


@pytest.mark.parametrize(
    ("entry", "bid", "ask", "buys"),
    [
        ("take", "0.96", "0.97", True),
        ("take", "0.97", "0.98", False),
        ("make", "0.97", "0.98", True),
        ("make", "0.98", "0.99", False),
    ],
)
def test_never_pays_more_than_the_cap(entry, bid, ask, buys):
    assert (signal(quote(bid, ask), entry=entry, max_price="0.97") is not None) is buys


@pytest.mark.parametrize(
    ("entry", "bid_size", "ask_size", "buys"),
    [
        ("take", 1, 50, True),
        ("take", 900, "49.99", False),
        ("make", 50, 1, True),
        ("make", "49.99", 900, False),
    ],
)
def test_asks_for_depth_at_the_price_it_enters_at(entry, bid_size, ask_size, buys):
    seen = quote("0.92", "0.93", bid_size=bid_size, ask_size=ask_size)

    assert (signal(seen, entry=entry, min_depth=50) is not None) is buys


@pytest.mark.parametrize("ask", ["0.92", "0.91"])
def test_a_locked_or_crossed_book_has_no_spread(ask):
    assert signal(quote("0.92", ask)) is None


@pytest.mark.parametrize(("bids", "asks"), [([], [("0.07", 500)]), ([("0.92", 500)], [])])
def test_a_missing_side_is_never_enough(bids, asks):
    assert signal(snapshot(yes=bids, no=asks), side="both") is None


@pytest.mark.parametrize(
    "listed",
    [
        market(status=MarketStatus.INACTIVE),
        market(status=MarketStatus.UNKNOWN),
        market(close_us=NOW_US),
        market(open_us=NOW_US + 1),
    ],
)
def test_buys_in_open_markets_only(listed):
    assert signal(quote("0.92", "0.93", listed=listed)) is None


def test_enters_a_market_once():
    left = after_leaving(59)

    assert signal(quote("0.92", "0.93"), left) is None
    assert signal(quote("0.92", "0.93"), left, max_entries=2) is not None


@pytest.mark.parametrize(("minutes", "buys"), [(30, True), (29, False)])
def test_waits_after_an_exit(minutes, buys):
    found = signal(quote("0.92", "0.93"), after_leaving(minutes), max_entries=2, cooldown="30m")

    assert (found is not None) is buys


def test_says_its_numbers_and_its_break_even():
    found = signal(quote("0.92", "0.93"))

    assert found.break_even == break_even(Decimal("0.93"), Decimal(50)) > found.limit
    assert found.reason == (
        "YES bid 0.92 ask 0.93, 500 at 0.93, volume 20000, "
        f"earns if it wins more often than {found.break_even}"
    )


def test_counts_the_makers_fee_when_it_makes():
    free = signal(quote("0.92", "0.93"), entry="make")
    charged = market(fee_type="quadratic_with_maker_fees")

    assert free.break_even == free.limit
    assert signal(quote("0.92", "0.93", listed=charged), entry="make").break_even > free.limit


def test_gives_the_entry_its_lifetime():
    assert signal(quote("0.92", "0.93")).good_for is None
    assert signal(quote("0.92", "0.93"), good_for="90s").good_for == timedelta(seconds=90)


def test_repeats_its_signal_on_the_same_quote():
    plugin, seen = HighProbability(), quote("0.92", "0.93")

    assert plugin.signal_entry(seen, FLAT) == plugin.signal_entry(seen, FLAT)


@pytest.mark.parametrize(
    ("side", "yes_favourite", "no_favourite"),
    [("yes", Side.YES, None), ("no", None, Side.NO), ("both", Side.YES, Side.NO)],
)
def test_buys_the_chosen_outcomes_only(side, yes_favourite, no_favourite):
    found = [signal(seen, side=side) for seen in (quote("0.92", "0.93"), quote("0.07", "0.08"))]

    assert [each and each.side for each in found] == [yes_favourite, no_favourite]


DEEPER = st.lists(st.tuples(st.integers(1, 99).map(price_of), st.integers(1, 200)), max_size=3)


@given(
    likely=DEEPER,
    longshot=DEEPER,
    favourite=st.integers(8_400, 9_900),
    spread=st.integers(1, 300),
    entry=st.sampled_from(["take", "make"]),
)
def test_a_mirrored_book_gives_the_mirrored_signal(likely, longshot, favourite, spread, entry):
    bids = [*likely, (price_of(favourite), 100)]
    asks = [*longshot, (price_of(max(1, 10_000 - favourite - spread)), 100)]
    settings = {"entry": entry, "max_price": "0.98"}

    buys_yes = signal(snapshot(yes=bids, no=asks), side="yes", **settings)
    buys_no = signal(snapshot(yes=asks, no=bids), side="no", **settings)

    assert (buys_yes is None) == (buys_no is None)
    if buys_yes is not None:
        assert (buys_yes.side, buys_no.side) == (Side.YES, Side.NO)
        assert buys_yes.limit == buys_no.limit
        assert buys_yes.break_even == buys_no.break_even
        assert buys_yes.reason == buys_no.reason.replace("NO ", "YES ")


@pytest.mark.parametrize(("bid", "code"), [("0.80", None), ("0.79", "price"), (None, "price")])
def test_follows_markets_a_little_below_its_price(bid, code):
    plugin = HighProbability(min_price="0.85", watch_below="0.05")

    refusal = plugin.filter_market(market(yes_bid=bid))

    assert (refusal and refusal.code) == code


@pytest.mark.parametrize(("ask", "code"), [("0.20", None), ("0.21", "price"), (None, "price")])
def test_follows_the_no_side_by_the_yes_ask(ask, code):
    plugin = HighProbability(side="no", min_price="0.85", watch_below="0.05")

    refusal = plugin.filter_market(market(yes_bid="0.10", yes_ask=ask))

    assert (refusal and refusal.code) == code


def test_follows_either_favourite_when_it_buys_both():
    plugin = HighProbability(side="both")

    assert plugin.filter_market(market(yes_bid="0.92", yes_ask="0.93")) is None
    assert plugin.filter_market(market(yes_bid="0.07", yes_ask="0.08")) is None
    refusal = plugin.filter_market(market(yes_bid="0.50", yes_ask=None))
    assert refusal.message == "best bid 0.50, none is below 0.80"


@pytest.mark.parametrize(("volume", "code"), [(10_000, None), (9_999, "volume"), (None, "volume")])
def test_follows_markets_with_a_known_volume(volume, code):
    refusal = HighProbability().filter_market(market(volume=volume))

    assert (refusal and refusal.code) == code


@pytest.mark.parametrize(
    "settings",
    [
        {"min_price": 85},
        {"min_price": 0.85},
        {"min_price": "0.4999"},
        {"min_price": "0.95", "max_price": "0.90"},
        {"max_spread_ratio": "0"},
        {"side": "maybe"},
        {"entry": "market"},
        {"cooldown": 30},
    ],
)
def test_refuses_settings_that_make_no_sense(settings):
    with pytest.raises(ValidationError):
        HighProbability(**settings)
