"""Candlesticks put together from trades and touches."""

from hypothesis import given
from hypothesis import strategies as st

from plugins.sandbox.core.candles import Candles

MINUTE = 60_000_000
ALL = (0, 10**18)


def closes(candles, minutes=1):
    return [candle.end_us // MINUTE for candle in candles.between("M", minutes, *ALL)]


def test_a_moment_belongs_to_the_minute_that_ends_with_it():
    candles = Candles()
    for at_us in (MINUTE, MINUTE + 1, 2 * MINUTE):
        candles.trade("M", at_us, 5_000, 100)

    assert closes(candles) == [1, 2]
    assert [c.volume_e2 for c in candles.between("M", 1, *ALL)] == [100, 200]


def test_a_candle_opens_where_the_last_one_closed_and_follows_the_touch():
    candles = Candles()
    candles.quote("M", 1, 4_000, 6_000, 0)
    candles.quote("M", 5 * MINUTE, 4_500, None, 300)
    first, second = candles.between("M", 1, *ALL)

    assert (first.bid.close_e4, second.bid.open_e4, second.bid.close_e4) == (4_000, 4_000, 4_500)
    assert (second.ask.low_e4, second.ask.close_e4) == (6_000, 10_000)
    assert second.interest_e2 == 300


def test_prices_have_a_mean_by_contracts_and_the_trade_before():
    candles = Candles()
    candles.trade("M", 1, 4_000, 100)
    candles.trade("M", 2, 7_000, 200)
    candles.trade("M", 2 * MINUTE, 1_000, 100)
    first, second = candles.between("M", 1, *ALL)

    assert (first.mean_e4, first.previous_e4) == (6_000, None)
    assert (first.price.low_e4, first.price.high_e4) == (4_000, 7_000)
    assert second.previous_e4 == 7_000


def test_silent_minutes_have_no_candle_and_silent_markets_none_at_all():
    candles = Candles()
    candles.quote("M", 1, None, None, 0)

    assert closes(candles) == [1]
    assert list(candles.between("N", 1, *ALL)) == []
    assert candles.last_before("N", 5) is None


def test_the_span_includes_both_its_ends():
    candles = Candles()
    for minute in (1, 2, 3, 4):
        candles.trade("M", minute * MINUTE, 1_000 * minute, 100)
    found = candles.between("M", 1, 2 * MINUTE, 3 * MINUTE)

    assert [candle.end_us // MINUTE for candle in found] == [2, 3]
    assert candles.last_before("M", 3 * MINUTE) == 2_000


@given(
    st.lists(
        st.tuples(st.integers(0, 300), st.integers(1, 9_999), st.integers(1, 500)), max_size=40
    )
)
def test_hours_are_what_their_minutes_add_up_to(trades):
    candles = Candles()
    trades = sorted(trades, key=lambda trade: trade[0])
    for minute, price, size in trades:
        candles.trade("M", minute * MINUTE, price, size)
    minutes, hours = (list(candles.between("M", length, *ALL)) for length in (1, 60))

    assert sum(hour.volume_e2 for hour in hours) == sum(size for _, _, size in trades)
    for hour in hours:
        parts = [m for m in minutes if hour.end_us - 60 * MINUTE < m.end_us <= hour.end_us]

        assert hour.price.open_e4 == parts[0].price.open_e4
        assert hour.price.close_e4 == parts[-1].price.close_e4
        assert hour.price.high_e4 == max(part.price.high_e4 for part in parts)
        assert hour.turnover_e6 == sum(part.turnover_e6 for part in parts)
