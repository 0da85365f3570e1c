"""Candlesticks as the exchange serves them, live and from the archive."""

import pytest

from framework.model.events import BookChanged, MarketSettled, TradePrinted
from framework.model.market import Settlement
from framework.model.units import Side
from framework.testing.builders import NOW_US

MINUTE = 60
NOW_S = NOW_US // 1_000_000
SPAN = f"start_ts={NOW_S - 3_600}&end_ts={NOW_S + 7_200}&period_interval=1"
MARKET = "/series/KXT/markets/KXT-E-A/candlesticks"


def printed(seconds, price=9_100, ticker="KXT-E-A"):
    return TradePrinted(
        at_us=NOW_US + seconds * 1_000_000,
        ticker=ticker,
        trade_id=f"t{seconds}",
        yes_price_e4=price,
        quantity_e2=200,
        taker_side=None,
    )


def candles(door, line):
    status, body = door.ask(f"GET {line}", signed=False)

    assert status == 200, body
    return body


def test_a_minute_shows_touch_trades_and_volume(door):
    rise = BookChanged(
        at_us=NOW_US + 70_000_000, ticker="KXT-E-A", side=Side.YES, price_e4=9_100, change_e2=5
    )
    door.happen(printed(65), rise)
    first, second = candles(door, f"{MARKET}?{SPAN}")["candlesticks"]

    assert (first["end_period_ts"], second["end_period_ts"]) == (NOW_S, NOW_S + 120)
    assert first["price"]["close_dollars"] == second["price"]["previous_dollars"] == "0.9200"
    assert second["price"]["mean_dollars"] == "0.9100"
    assert (second["yes_bid"]["open_dollars"], second["yes_bid"]["close_dollars"]) == (
        "0.9000",
        "0.9100",
    )
    assert second["yes_ask"]["close_dollars"] == "0.9200"
    assert (second["volume_fp"], second["open_interest_fp"]) == ("2.00", "0.00")


def test_a_period_without_trades_names_only_the_price_before(door):
    rise = BookChanged(
        at_us=NOW_US + 70_000_000, ticker="KXT-E-A", side=Side.YES, price_e4=9_100, change_e2=5
    )
    door.happen(rise)
    silent = candles(door, f"{MARKET}?{SPAN}")["candlesticks"][-1]

    assert silent["price"] == {"previous_dollars": "0.9200"}
    assert silent["volume_fp"] == "0.00"


def test_the_latest_before_the_start_is_put_in_front(door):
    door.happen(printed(300))
    late = f"start_ts={NOW_S + 200}&end_ts={NOW_S + 900}&period_interval=1"
    first, second = candles(door, f"{MARKET}?{late}&include_latest_before_start=true")[
        "candlesticks"
    ]

    assert first == {
        "end_period_ts": NOW_S + 200,
        "price": {"previous_dollars": "0.9200"},
    }
    assert second["end_period_ts"] == NOW_S + 300


def test_an_event_shows_each_of_its_markets(door):
    body = candles(door, f"/series/KXT/events/KXT-E/candlesticks?{SPAN}")

    assert body["market_tickers"] == ["KXT-E-A", "KXT-E-B"]
    assert len(body["market_candlesticks"]) == 2
    assert body["adjusted_end_ts"] == NOW_S + 7_200


def test_a_batch_leaves_out_what_does_not_exist(door):
    body = candles(door, f"/markets/candlesticks?market_tickers=KXT-E-A,NONE,KXT-E-B&{SPAN}")

    assert [one["market_ticker"] for one in body["markets"]] == ["KXT-E-A", "KXT-E-B"]


def test_too_many_candles_of_an_event_end_early(door, monkeypatch):
    monkeypatch.setattr("plugins.sandbox.fixed_point.routes_candles._MOST_OF_EVENT", 3)
    door.happen(*(printed(60 * minute) for minute in range(1, 6)))
    body = candles(door, f"/series/KXT/events/KXT-E/candlesticks?{SPAN}")
    ends = [one["end_period_ts"] for part in body["market_candlesticks"] for one in part]

    assert len(ends) == 3
    assert max(ends) <= body["adjusted_end_ts"] < NOW_S + 120


@pytest.mark.parametrize(
    "query",
    [
        "",
        "start_ts=1&end_ts=2",
        "start_ts=1&end_ts=2&period_interval=5",
        "start_ts=2&end_ts=1&period_interval=1",
        "start_ts=x&end_ts=1&period_interval=1",
    ],
)
def test_a_span_that_is_none_is_refused(door, query):
    assert door.ask(f"GET {MARKET}?{query}")[0] == 400


@pytest.mark.parametrize(
    "path",
    [
        "/series/KXU/markets/KXT-E-A/candlesticks",
        "/series/KXT/markets/NONE/candlesticks",
        "/series/KXU/events/KXT-E/candlesticks",
        "/series/KXT/events/KXT-G/candlesticks",
        "/historical/markets/KXT-E-A/candlesticks",
    ],
)
def test_what_is_not_there_is_not_found(door, path):
    assert door.ask(f"GET {path}?{SPAN}")[0] == 404


def test_the_archives_names_have_no_suffix(open_door):
    door = open_door(archive_after_us=60_000_000)
    paid = Settlement(ticker="KXT-E-A", at_us=NOW_US, result="yes", yes_pays_e4=10_000)
    door.happen(MarketSettled(at_us=NOW_US, settlement=paid))
    door.time.pass_seconds(120)
    (candle,) = candles(door, f"/historical/markets/KXT-E-A/candlesticks?{SPAN}")["candlesticks"]

    assert candle["price"]["close"] == "0.9200"
    assert set(candle["yes_bid"]) == {"open", "low", "high", "close"}
    assert candle["volume"] == "12.50"
    assert door.ask(f"GET {MARKET}?{SPAN}")[0] == 404
