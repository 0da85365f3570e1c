from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from framework.errors import ExchangeError
from plugins.kalshi.codec import Drift
from plugins.kalshi.codec.bodies import read
from plugins.kalshi.markets.candles import Candle, CandleReads, Period

START = datetime(2026, 1, 15, 12, tzinfo=UTC)
START_S = 1_768_478_400
LIVE = "/series/S/markets/A/candlesticks"
ARCHIVED = "/historical/markets/A/candlesticks"


def candle(end_s=START_S + 60, money="_dollars", count="_fp", **more):
    quotes = ("open", "low", "high", "close")
    return {
        "end_period_ts": end_s,
        "yes_bid": {f"{name}{money}": "0.3300" for name in quotes},
        "yes_ask": {f"{name}{money}": "1.0000" for name in quotes},
        "price": {f"{name}{money}": "0.3400" for name in (*quotes, "mean", "previous")},
        f"volume{count}": "28.74",
        f"open_interest{count}": "100.00",
        **more,
    }


@pytest.fixture
def reads(read_rest, codec):
    def reads(test):
        async def main(rest, run):
            return await test(CandleReads(rest, codec.drift))

        return read_rest(main)

    return reads


def test_a_candle_holds_exact_prices_and_no_quote_where_nobody_quoted():
    found = read(candle(), Candle, "A", Drift())

    assert (found.yes_bid.open, found.yes_ask.close) == (Decimal("0.33"), None)
    assert (found.price.mean, found.volume) == (Decimal("0.34"), Decimal("28.74"))
    assert found.end == START + timedelta(minutes=1)


@pytest.mark.parametrize("price", [None, {}, {"open_dollars": None, "previous_dollars": "0.11"}])
def test_a_period_without_trades_has_no_prices(price):
    found = read(candle(price=price), Candle, "A", Drift())

    assert found.price is None or found.price.open is None


def test_the_candle_before_the_first_one_tells_only_the_price_until_then():
    row = {"end_period_ts": 60, "price": {"previous_dollars": "0.1100"}}

    found = read(row, Candle, "A", Drift())

    assert (found.price.previous, found.volume, found.yes_bid.open) == (Decimal("0.11"), None, None)


def test_a_markets_candles_are_asked_for_in_parts_without_overlap(reads, server):
    server.always("GET", LIVE, {"ticker": "A", "candlesticks": [candle()]})

    async def main(candles):
        end = START + timedelta(minutes=12_000)
        return [c async for c in candles.of_market("S", "A", START, end, latest_before=True)]

    assert len(reads(main)) == 3
    asked = [seen.query for seen in server.asked("GET", LIVE)]
    spans = [(int(query["start_ts"]) - START_S, int(query["end_ts"]) - START_S) for query in asked]
    assert spans == [(0, 299_999), (300_000, 599_999), (600_000, 720_000)]
    assert [query.get("include_latest_before_start") for query in asked] == ["true", None, None]
    assert {query["period_interval"] for query in asked} == {"1"}


def test_a_market_of_the_archive_is_read_there_and_comes_out_alike(reads, server):
    archived = [candle(money="", count=""), "no candle"]
    server.always("GET", ARCHIVED, {"ticker": "A", "candlesticks": archived})

    async def main(candles):
        end = START + timedelta(hours=1)
        return [c async for c in candles.of_market("S", "A", START, end, Period.HOUR)]

    assert reads(main) == [read(candle(), Candle, "A", Drift())]


def test_a_market_that_is_nowhere_is_an_error(reads):
    async def main(candles):
        with pytest.raises(ExchangeError, match="check it"):
            [c async for c in candles.of_market("S", "A", START, START)]

    reads(main)


def test_a_refusal_is_not_taken_for_an_archived_market(reads, server):
    server.always("GET", LIVE, (400, {"msg": "too many"}))

    async def main(candles):
        with pytest.raises(ExchangeError, match="too many"):
            [c async for c in candles.of_market("S", "A", START, START)]

    reads(main)
    assert server.asked("GET", ARCHIVED) == []


def test_an_events_candles_go_on_where_the_exchange_stopped(reads, server):
    path = "/series/S/events/E/candlesticks"
    page = {"market_tickers": ["A", "B"], "market_candlesticks": [[candle()], []]}
    server.then("GET", path, {**page, "adjusted_end_ts": START_S + 1_000})
    server.then("GET", path, {**page, "adjusted_end_ts": START_S + 3_600})

    async def main(candles):
        return await candles.of_event("S", "E", START, START + timedelta(hours=1))

    found = reads(main)
    assert {ticker: len(rows) for ticker, rows in found.items()} == {"A": 2, "B": 0}
    assert [seen.query["start_ts"] for seen in server.asked("GET", path)] == [
        str(START_S),
        str(START_S + 1_001),
    ]


def test_many_markets_are_asked_for_within_the_limits_of_a_batch(reads, server):
    path = "/markets/candlesticks"
    server.always(
        "GET", path, {"markets": [{"market_ticker": "M-0", "candlesticks": [candle()]}, None]}
    )

    async def main(candles):
        tickers = [f"M-{n}" for n in range(150)]
        return await candles.of_markets(tickers, START, START + timedelta(minutes=150))

    assert len(reads(main)["M-0"]) == 3
    asked = [seen.query for seen in server.asked("GET", path)]
    sizes = [len(query["market_tickers"].split("%2C")) for query in asked]
    minutes = [(int(query["end_ts"]) - int(query["start_ts"])) // 60 + 1 for query in asked]
    assert sizes == [100, 100, 50]
    assert all(size * length <= 10_050 for size, length in zip(sizes, minutes, strict=True))


def test_a_candle_that_can_not_be_read_fails_by_market_and_moment(reads, server, codec):
    bad = candle(volume_fp="many")
    server.always("GET", LIVE, {"ticker": "A", "candlesticks": [bad, candle()]})

    async def main(candles):
        return [c async for c in candles.of_market("S", "A", START, START)]

    assert len(reads(main)) == 1
    assert codec.drift.failures[0].startswith(f"Candle A at {START_S + 60}: ")
