"""What the public reads show, and what their filters and pages leave out."""

import msgspec
import pytest

from framework.model.events import MarketChanged, MarketSettled, TradePrinted
from framework.model.fees import FeeSchedule
from framework.model.market import MarketStatus, Settlement
from framework.model.units import Side
from framework.testing.builders import HOUR_US, NOW_US
from plugins.sandbox.core.pauses import PlannedPause
from plugins.sandbox.core.rows import Pause
from plugins.sandbox.wire import iso


def tickers(body):
    return [market["ticker"] for market in body["markets"]]


def printed(number, ticker="KXT-E-B", *, at_us=NOW_US):
    return TradePrinted(
        at_us=at_us,
        ticker=ticker,
        trade_id=f"t-{number}",
        yes_price_e4=600,
        quantity_e2=100,
        taker_side=Side.NO,
    )


# --------------------------------------------------------------------------------- exchange


def test_status_names_every_shard(door):
    _, body = door.ask("GET /exchange/status")

    assert (body["exchange_active"], body["trading_active"]) == (True, True)
    assert [row["exchange_index"] for row in body["exchange_index_statuses"]] == [0, 1, 2, 3]


def test_schedule_is_open_every_day(door):
    hours = door.ask("GET /exchange/schedule")[1]["schedule"]["standard_hours"][0]

    assert hours["sunday"] == [{"open_time": "00:00", "close_time": "00:00"}]


@pytest.mark.parametrize(("ahead_us", "resumes"), [(0, "2026-01-15T12:01:00Z"), (1, None)])
def test_the_status_says_when_a_planned_pause_ends(door, ahead_us, resumes):
    door.venue.exchange.pauses = [PlannedPause(NOW_US + ahead_us, NOW_US + 60_000_000)]
    _, body = door.ask("GET /exchange/status")

    assert body["exchange_estimated_resume_time"] == resumes


def test_the_schedule_names_the_planned_pauses(door):
    door.venue.exchange.pauses = [PlannedPause(NOW_US + 60_000_000, NOW_US + 120_000_000)]

    assert door.ask("GET /exchange/schedule")[1]["schedule"]["maintenance_windows"] == [
        {"start_datetime": "2026-01-15T12:01:00Z", "end_datetime": "2026-01-15T12:02:00Z"}
    ]


def test_user_data_is_as_fresh_as_the_clock(door):
    door.time.pass_seconds(1.25)

    assert door.ask("GET /exchange/user_data_timestamp")[1] == {
        "as_of_time": "2026-01-15T12:00:01.25Z"
    }


def test_endpoint_costs_list_what_differs_from_ten(door):
    body = door.ask("GET /account/endpoint_costs")[1]

    assert body["default_cost"] == 10
    assert {row["cost"] for row in body["endpoint_costs"]} == {2}


# ------------------------------------------------------------------------- series and events


def test_a_series_shows_its_fees_as_a_number(door):
    _, body = door.ask("GET /series/KXT")

    assert body["series"]["fee_type"] == "quadratic"
    assert body["series"]["fee_multiplier"] == 0.5


@pytest.mark.parametrize(
    ("query", "found"),
    [("", 1), ("?category=Sports", 1), ("?category=Other", 0), ("?tags=Go,Chess", 1)],
)
def test_series_are_found_by_category_and_tags(door, query, found):
    assert len(door.ask(f"GET /series{query}")[1]["series"]) == found


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["KXT-E", "KXT-F"]),
        ("?status=open", ["KXT-E", "KXT-F"]),
        ("?status=unopened", ["KXT-F"]),
        ("?status=settled", []),
        ("?series_ticker=OTHER", []),
        ("?tickers=KXT-F,KXT-G", ["KXT-F"]),
    ],
)
def test_events_are_listed_once_one_of_their_markets_is(door, query, found):
    _, body = door.ask(f"GET /events{query}")

    assert [event["event_ticker"] for event in body["events"]] == found


def test_an_event_brings_its_markets_inside_or_beside(door):
    beside = door.ask("GET /events/KXT-E")[1]
    inside = door.ask("GET /events/KXT-E?with_nested_markets=true")[1]

    assert tickers(beside) == ["KXT-E-A", "KXT-E-B"]
    assert "markets" not in beside["event"]
    assert tickers(inside["event"]) == ["KXT-E-A", "KXT-E-B"]
    assert inside["event"]["mutually_exclusive"] is True


@pytest.mark.parametrize("path", ["/events/KXT-G", "/events/NONE", "/series/NONE"])
def test_what_is_not_listed_yet_is_not_found(door, path):
    assert door.ask(f"GET {path}")[0] == 404


# ---------------------------------------------------------------------------------- markets


def test_a_market_shows_its_touch_and_what_has_traded_so_far(door):
    market = door.ask("GET /markets/KXT-E-A")[1]["market"]

    assert market["status"] == "active"
    assert (market["yes_bid_dollars"], market["yes_bid_size_fp"]) == ("0.9000", "500.00")
    assert (market["yes_ask_dollars"], market["yes_ask_size_fp"]) == ("0.9200", "300.00")
    assert (market["no_bid_dollars"], market["no_ask_dollars"]) == ("0.0800", "0.1000")
    assert (market["last_price_dollars"], market["volume_fp"]) == ("0.9200", "12.50")
    assert (market["result"], "settlement_value_dollars" in market) == ("", False)
    assert market["close_time"] == "2026-01-15T13:00:00Z"


def test_an_empty_side_has_size_zero(door):
    market = door.ask("GET /markets/KXT-E-B")[1]["market"]

    assert (market["yes_ask_dollars"], market["yes_ask_size_fp"]) == ("1.0000", "0.00")
    assert (market["no_bid_dollars"], market["no_ask_dollars"]) == ("0.0000", "0.9500")


@pytest.mark.parametrize(
    ("ticker", "label", "steps"),
    [("KXT-E-A", "linear_cent", ["0.0100"]), ("KXT-F-D", "deci_cent", ["0.0010"])],
)
def test_a_market_shows_its_grid(door, ticker, label, steps):
    market = door.ask(f"GET /markets/{ticker}")[1]["market"]

    assert market["price_level_structure"] == label
    assert [part["step"] for part in market["price_ranges"]] == steps


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["KXT-E-A", "KXT-E-B", "KXT-F-C", "KXT-F-D"]),
        ("?status=open", ["KXT-E-A", "KXT-E-B", "KXT-F-D"]),
        ("?status=unopened", ["KXT-F-C"]),
        ("?status=paused", []),
        ("?status=closed", []),
        ("?status=settled", []),
        ("?event_ticker=KXT-E", ["KXT-E-A", "KXT-E-B"]),
        ("?series_ticker=KXT&status=open", ["KXT-E-A", "KXT-E-B", "KXT-F-D"]),
        ("?series_ticker=OTHER", []),
        ("?tickers=KXT-E-B,KXT-F-D", ["KXT-E-B", "KXT-F-D"]),
        ("?mve_filter=only", []),
        ("?mve_filter=exclude&limit=1000&event_ticker=KXT-F", ["KXT-F-C", "KXT-F-D"]),
        ("?min_close_ts=1", ["KXT-E-A", "KXT-E-B", "KXT-F-C", "KXT-F-D"]),
        ("?max_close_ts=1", []),
    ],
)
def test_markets_are_found_by_their_filters(door, query, found):
    assert tickers(door.ask(f"GET /markets{query}")[1]) == found


@pytest.mark.parametrize("status", ["finalized", "active", "open,closed"])
def test_an_unknown_status_filter_is_refused(door, status):
    code, body = door.ask(f"GET /markets?status={status}")

    assert code == 400
    assert body["error"]["details"] == "invalid status filter"


def test_status_follows_a_market_through_its_life(door):
    market = door.venue.exchange.markets["KXT-E-A"]
    seen = []

    def look():
        shown = door.ask("GET /markets/KXT-E-A")[1]["market"]
        listed = [
            name
            for name in ("unopened", "open", "paused", "closed", "settled")
            if "KXT-E-A" in tickers(door.ask(f"GET /markets?status={name}")[1])
        ]
        seen.append((shown["status"], listed, shown["result"]))

    look()
    door.time.at_us = NOW_US + HOUR_US
    look()
    determined = msgspec.structs.replace(market, status=MarketStatus.DETERMINED, result="yes")
    door.happen(MarketChanged(at_us=door.time.at_us, market=determined))
    look()
    settlement = Settlement(
        ticker="KXT-E-A", at_us=door.time.at_us, result="yes", yes_pays_e4=10_000
    )
    door.happen(MarketSettled(at_us=door.time.at_us, settlement=settlement))
    look()

    assert seen == [
        ("active", ["open"], ""),
        ("closed", ["closed"], ""),
        ("determined", ["closed"], "yes"),
        ("finalized", ["settled"], "yes"),
    ]
    final = door.ask("GET /markets/KXT-E-A")[1]["market"]
    assert final["settlement_value_dollars"] == "1.0000"
    assert final["settlement_ts"] == "2026-01-15T13:00:00Z"


# ----------------------------------------------------------------------------------- paging


def test_pages_follow_each_other_without_gap_or_repeat(door):
    found, cursor = [], ""
    for _ in range(4):
        body = door.ask(f"GET /markets?limit=1&cursor={cursor}")[1]
        found += tickers(body)
        cursor = body["cursor"]

    assert found == ["KXT-E-A", "KXT-E-B", "KXT-F-C", "KXT-F-D"]
    assert cursor == ""


@pytest.mark.parametrize("cursor", ["garbage", "AAAA", "%00%ff", "YXQ6OTk5OTk", "_", "a" * 500])
def test_a_garbage_cursor_is_page_one(door, cursor):
    assert tickers(door.ask(f"GET /markets?limit=1&cursor={cursor}")[1]) == ["KXT-E-A"]


@pytest.mark.parametrize("limit", ["1001", "0", "-1", "1e3", "99999999999999999999"])
def test_a_limit_outside_its_bounds_is_refused_not_clamped(door, limit):
    assert door.ask(f"GET /markets?limit={limit}")[0] == 400


def test_a_cursor_survives_that_its_row_stops_matching(door):
    cursor = door.ask("GET /markets?limit=1&status=open")[1]["cursor"]
    market = door.venue.exchange.markets["KXT-E-B"]
    paused = msgspec.structs.replace(market, status=MarketStatus.INACTIVE)
    door.happen(MarketChanged(at_us=NOW_US, market=paused))
    body = door.ask(f"GET /markets?limit=1&status=open&cursor={cursor}")[1]

    assert tickers(body) == ["KXT-F-D"]


def test_new_trades_do_not_shift_the_pages(door):
    door.happen(*[printed(number) for number in range(4)])
    first = door.ask("GET /markets/trades?limit=2")[1]
    door.happen(printed(9))
    second = door.ask(f"GET /markets/trades?limit=2&cursor={first['cursor']}")[1]

    assert [trade["trade_id"] for trade in first["trades"]] == ["t-3", "t-2"]
    assert [trade["trade_id"] for trade in second["trades"]] == ["t-1", "t-0"]


# ------------------------------------------------------------------------- books and trades


def test_a_book_has_bids_only_and_the_best_last(door):
    book = door.ask("GET /markets/KXT-E-A/orderbook")[1]["orderbook_fp"]

    assert book == {
        "yes_dollars": [["0.8900", "200.00"], ["0.9000", "500.00"]],
        "no_dollars": [["0.0700", "100.50"], ["0.0800", "300.00"]],
    }


def test_depth_keeps_the_best_levels(door):
    book = door.ask("GET /markets/KXT-E-A/orderbook?depth=1")[1]["orderbook_fp"]

    assert book == {"yes_dollars": [["0.9000", "500.00"]], "no_dollars": [["0.0800", "300.00"]]}


def test_depth_has_a_maximum(door):
    assert door.ask("GET /markets/KXT-E-A/orderbook?depth=101")[0] == 400


def test_a_trade_tells_both_prices_and_its_taker(door):
    door.happen(printed(1, at_us=NOW_US + 250_000))
    trade = door.ask("GET /markets/trades?ticker=KXT-E-B")[1]["trades"][0]

    assert (trade["yes_price_dollars"], trade["no_price_dollars"]) == ("0.0600", "0.9400")
    assert (trade["taker_outcome_side"], trade["taker_book_side"]) == ("no", "ask")
    assert trade["created_time"] == "2026-01-15T12:00:00.25Z"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", 2),
        ("?ticker=KXT-E-A", 1),
        (f"?min_ts={NOW_US // 1_000_000 + 1}", 1),
        (f"?max_ts={NOW_US // 1_000_000}", 1),
        ("?is_block_trade=true", 0),
    ],
)
def test_trades_are_found_by_market_and_time(door, query, found):
    door.happen(printed(1, at_us=NOW_US + 5_000_000))

    assert len(door.ask(f"GET /markets/trades{query}")[1]["trades"]) == found


@pytest.mark.parametrize(
    ("pause", "exchange", "trading"),
    [(Pause.NOTHING, True, True), (Pause.TRADING, True, False), (Pause.EVERYTHING, False, False)],
)
def test_the_status_says_what_rests(door, pause, exchange, trading):
    door.venue.exchange.halt(pause)
    _, body = door.ask("GET /exchange/status", signed=False)

    assert (body["exchange_active"], body["trading_active"]) == (exchange, trading)


def test_a_market_shows_when_its_fee_waiver_ends(door):
    free = msgspec.structs.replace(
        door.venue.exchange.markets["KXT-E-B"], fees=FeeSchedule(waived_until_us=NOW_US)
    )
    door.happen(MarketChanged(at_us=NOW_US, market=free))
    shown = [
        door.ask(f"GET /markets/{ticker}", signed=False)[1]["market"]
        for ticker in ("KXT-E-A", "KXT-E-B")
    ]

    assert "fee_waiver_expiration_time" not in shown[0]
    assert shown[1]["fee_waiver_expiration_time"] == iso(NOW_US)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (f"?min_created_ts={NOW_US // 1_000_000}", 4),
        (f"?max_created_ts={NOW_US // 1_000_000 - 1}&status=open", 0),
        (f"?max_close_ts={(NOW_US + HOUR_US) // 1_000_000}", 4),
        ("?min_settled_ts=1", 0),
        (f"?min_updated_ts={NOW_US // 1_000_000}&mve_filter=exclude&series_ticker=KXT", 4),
        ("?mve_filter=only", 0),
    ],
)
def test_markets_are_found_by_their_moments(door, query, found):
    assert len(door.ask(f"GET /markets{query}")[1]["markets"]) == found


@pytest.mark.parametrize(
    "query",
    [
        "min_close_ts=1&status=open",
        "min_created_ts=1&status=settled",
        "max_settled_ts=1&status=closed",
        "min_close_ts=1&min_created_ts=1",
        "min_updated_ts=1",
        "min_updated_ts=1&mve_filter=exclude&status=open",
        "mve_filter=some",
    ],
)
def test_moments_that_do_not_go_together_are_refused(door, query):
    assert door.ask(f"GET /markets?{query}")[0] == 400


def test_a_market_shows_when_it_was_made_and_changed(door):
    market = door.ask("GET /markets/KXT-E-A")[1]["market"]

    assert market["created_time"] == market["updated_time"] == "2026-01-15T12:00:00Z"


def test_books_are_read_many_at_once(door):
    books = door.ask("GET /markets/orderbooks?tickers=KXT-E-B&tickers=KXT-E-A,NONE")[1]

    assert [book["ticker"] for book in books["orderbooks"]] == ["KXT-E-B", "KXT-E-A"]
    assert books["orderbooks"][0]["orderbook_fp"]["yes_dollars"] == [["0.0500", "1.00"]]
    assert door.ask("GET /markets/orderbooks")[0] == 400


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (f"?min_close_ts={(NOW_US + HOUR_US) // 1_000_000}", 2),
        (f"?min_close_ts={(NOW_US + HOUR_US) // 1_000_000 + 1}", 0),
        (f"?min_updated_ts={NOW_US // 1_000_000 + 1}", 0),
    ],
)
def test_events_are_found_by_their_markets_moments(door, query, found):
    assert len(door.ask(f"GET /events{query}")[1]["events"]) == found
    assert door.ask("GET /events?with_milestones=true")[1]["milestones"] == []


def test_a_series_names_its_shard_and_on_request_its_volume(door):
    plain = door.ask("GET /series/KXT")[1]["series"]
    asked = door.ask("GET /series?include_volume=true")[1]["series"][0]

    assert plain["exchange_index"] == 2
    assert "volume_fp" not in plain
    assert asked["volume_fp"] == "12.50"
