from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from framework.errors import ExchangeError
from framework.model.book import BookState
from framework.model.units import Side
from plugins.kalshi.markets.candles import Period
from plugins.kalshi.markets.market_filter import MarketFilter

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
GRID = [{"start": "0.0000", "end": "1.0000", "step": "0.0100"}]
CUTOFF = {
    "market_settled_ts": "2025-10-15T00:00:00Z",
    "trades_created_ts": "2025-10-15T00:00:00Z",
    "orders_updated_ts": "2026-01-01T00:00:00Z",
}


def market(ticker="A", **fields):
    row = {"ticker": ticker, "event_ticker": "E", "status": "active", "price_ranges": GRID}
    return {**row, **fields}


def event(**fields):
    return {"event_ticker": "E", "series_ticker": "S", "title": "An event", **fields}


SERIES = {"ticker": "S", "fee_type": "quadratic", "fee_multiplier": 0.5, "category": "News"}


def trade(number=1, **fields):
    return {
        "trade_id": f"t-{number}",
        "ticker": "A",
        "count_fp": "1.00",
        "yes_price_dollars": "0.50",
        "created_time": "2026-01-15T12:00:00Z",
        **fields,
    }


@pytest.fixture
def read(trade_exchange, server):
    server.always("GET", "/series/S", {"series": SERIES})
    server.always("GET", "/events/E", {"event": event()})
    return trade_exchange


@pytest.fixture
def trade_exchange(trade):
    """Run `test(reads)` on the reads of a whole open adapter."""

    def run_reads(test):
        async def main(exchange, run):
            return await test(exchange.reads)

        return trade(main)

    return run_reads


async def every(rows):
    return [row async for row in rows]


def queries(server, path):
    return [seen.query for seen in server.asked("GET", path)]


# --------------------------------------------------------------------------------- exchange


def test_the_status_is_told_with_its_shards_even_by_an_error(read, server):
    shard = {"exchange_index": 2, "exchange_active": True, "trading_active": False}
    body = {"exchange_active": True, "trading_active": True, "exchange_index_statuses": [shard]}
    server.always("GET", "/exchange/status", (503, body))

    status = read(lambda reads: reads.status())

    assert status.trading_active
    assert [(one.exchange_index, one.trading_active) for one in status.exchange_index_statuses] == [
        (2, False)
    ]


def test_an_unreadable_status_is_an_error(read, server):
    server.always("GET", "/exchange/status", {"exchange_active": True})

    async def main(reads):
        with pytest.raises(ExchangeError, match="exchange status"):
            await reads.status()

    read(main)


def test_the_schedule_and_the_moment_of_the_account_are_told(read, server):
    window = {"start_datetime": "2026-01-22T08:00:00Z", "end_datetime": "2026-01-22T10:00:00Z"}
    plan = {"standard_hours": [], "maintenance_windows": [window]}
    server.always("GET", "/exchange/schedule", {"schedule": plan})

    async def main(reads):
        return await reads.schedule(), await reads.user_data_as_of()

    schedule, as_of = read(main)
    assert schedule.next_change(NOON) == datetime(2026, 1, 22, 8, tzinfo=UTC)
    assert as_of == NOON


def test_what_requests_cost_is_told(read, server):
    cost = {"method": "DELETE", "path": "/x", "cost": 2}
    path = "/account/endpoint_costs"
    server.then("GET", path, {"endpoint_costs": [cost], "default_cost": 10}, {})

    async def main(reads):
        costs = await reads.endpoint_costs()
        with pytest.raises(ExchangeError, match="endpoint_costs"):
            await reads.endpoint_costs()
        return costs

    assert read(main).endpoint_costs[0].cost == 2


# ------------------------------------------------------------------------- series and events


def test_series_are_listed_by_category_and_read_one_by_one(read, server):
    server.always("GET", "/series", {"series": [SERIES, {"ticker": "broken"}]})

    async def main(reads):
        listed = await every(reads.all_series(category="News", tags=["a", "b"]))
        return listed, await reads.series("S")

    (listed,), one = read(main)
    assert listed == one
    assert one.fee_multiplier == Decimal("0.5")
    assert queries(server, "/series") == [{"category": "News", "tags": "a%2Cb"}]


def test_an_unknown_series_is_an_error_with_what_to_do(read):
    async def main(reads):
        with pytest.raises(ExchangeError, match="the exchange knows no such name: check it"):
            await reads.series("NOPE")

    read(main)


def test_fee_changes_are_told_by_series_and_by_event(read, server):
    change = {"id": "1", "scheduled_ts": "2026-01-20T00:00:00Z"}
    ours = {**change, "series_ticker": "S", "fee_type": "quadratic", "fee_multiplier": 0.5}
    theirs = {**change, "event_ticker": "E", "fee_multiplier_override": 2}
    server.always("GET", "/series/fee_changes", {"series_fee_change_arr": [ours]})
    server.always("GET", "/events/fee_changes", {"event_fee_changes": [theirs], "cursor": ""})

    async def main(reads):
        series = await every(reads.series_fee_changes("S", show_historical=True))
        return series, await every(reads.event_fee_changes("E"))

    (first,), (second,) = read(main)
    assert (first.change.multiplier, second.change.multiplier) == (Decimal("0.5"), 2)
    assert second.change.fee_type is None
    assert queries(server, "/series/fee_changes") == [
        {"series_ticker": "S", "show_historical": "true"}
    ]


def test_events_are_listed_with_their_markets_and_fees(read, server):
    nested = event(markets=[market("A"), market("B"), {"ticker": "broken"}])
    server.always("GET", "/events", {"events": [nested, {}], "cursor": ""})

    async def main(reads):
        return await every(reads.events(status="open", with_markets=True))

    (found,) = read(main)
    assert found.group.markets == ("A", "B")
    assert [str(one.fee_multiplier) for one in found.markets] == ["0.5", "0.5"]
    assert queries(server, "/events") == [
        {"limit": "200", "status": "open", "with_nested_markets": "true"}
    ]
    assert server.asked("GET", "/events/E") == []


def test_one_event_is_read_with_its_markets(read, server):
    server.always("GET", "/events/E", {"event": event(markets=[market("A")])})

    found = read(lambda reads: reads.event("E"))

    assert (found.group.title, found.markets[0].ticker) == ("An event", "A")
    assert queries(server, "/events/E") == [{"with_nested_markets": "true"}]


# ------------------------------------------------------------------------- markets and books


def test_markets_are_listed_with_any_filter_of_the_exchange(read, server):
    server.always("GET", "/markets", {"markets": [market()], "cursor": ""})
    wanted = MarketFilter(status="closed", series="S", min_close_ts=NOON)

    (found,) = read(lambda reads: every(reads.markets(wanted)))

    assert (found.ticker, found.category) == ("A", "News")
    assert queries(server, "/markets") == [
        {
            "limit": "1000",
            "status": "closed",
            "series_ticker": "S",
            "mve_filter": "exclude",
            "min_close_ts": "1768478400",
        }
    ]


def test_a_market_is_read_from_the_archive_when_it_has_moved_there(read, server):
    paid = {"status": "finalized", "result": "yes", "settlement_value_dollars": "1.0000"}
    server.always("GET", "/historical/cutoff", CUTOFF)
    server.always("GET", "/historical/markets/A", {"market": market(**paid)})

    found = read(lambda reads: reads.market("A"))

    assert found.payout_e4(Side.YES) == 10_000


@pytest.mark.parametrize("archive", [None, CUTOFF])
def test_a_market_that_is_nowhere_is_an_error_with_what_to_do(read, server, archive):
    server.always("GET", "/historical/cutoff", archive)

    async def main(reads):
        with pytest.raises(ExchangeError, match="the exchange knows no such name: check it"):
            await reads.market("NOPE")
        with pytest.raises(ValueError, match="not a name"):
            await reads.market("../exchange/status")

    read(main)


def test_archived_markets_are_listed_by_one_filter(read, server):
    server.always("GET", "/historical/cutoff", CUTOFF)
    server.always("GET", "/historical/markets", {"markets": [market()], "cursor": ""})

    async def main(reads):
        with pytest.raises(ValueError, match="give one of"):
            await every(reads.archived_markets(event="E", series="S"))
        return await every(reads.archived_markets(series="S"))

    assert [found.ticker for found in read(main)] == ["A"]
    assert queries(server, "/historical/markets") == [{"limit": "1000", "series_ticker": "S"}]


def test_a_book_is_a_book_of_the_framework(read, server):
    levels = {"yes_dollars": [["0.40", "1.00"], ["0.41", "2.50"]], "no_dollars": [["0.55", "3.00"]]}
    server.always("GET", "/markets/A/orderbook", {"orderbook_fp": levels})

    book = read(lambda reads: reads.book("A", depth=5))

    assert (book.state, book.bid(Side.YES), book.ask(Side.YES)) == (BookState.VALID, 4_100, 4_500)
    assert book.size(Side.YES, 4_100) == 250
    assert queries(server, "/markets/A/orderbook") == [{"depth": "5"}]


@pytest.mark.parametrize(
    "body",
    [
        {"orderbook": {"yes": [[40, 1]]}},
        {"orderbook_fp": {"yes_dollars": [["1.50", "1.00"]]}},
        {"orderbook_fp": {"yes_dollars": [[40, 1]]}},
        {"orderbook_fp": {"yes_dollars": [["0.40"]]}},
        {"orderbook_fp": {"yes_dollars": 7}},
    ],
)
def test_a_book_that_can_not_be_read_is_an_error_never_a_wrong_book(read, server, body):
    server.always("GET", "/markets/A/orderbook", body)

    async def main(reads):
        with pytest.raises(ExchangeError, match="book of A: the answer can't be read"):
            await reads.book("A")

    read(main)


def test_many_books_are_read_a_hundred_at_a_time(read, server):
    empty = {"yes_dollars": None}
    books = [{"ticker": "A", "orderbook_fp": empty}, {"ticker": "B"}, None]
    server.always("GET", "/markets/orderbooks", {"orderbooks": books})

    found = read(lambda reads: reads.books([f"M-{n}" for n in range(101)]))

    assert list(found) == ["A"]
    assert found["A"].bid(Side.YES) is None
    assert len(server.asked("GET", "/markets/orderbooks")) == 2


# ------------------------------------------------------------------------ trades and the rest


def test_young_trades_are_read_from_the_live_tier_alone(read, server):
    server.always("GET", "/markets/trades", {"trades": [trade()], "cursor": ""})

    async def main(reads):
        return await every(reads.trades("A", since=NOON - timedelta(hours=1), blocks=False))

    assert [one.trade_id for one in read(main)] == ["t-1"]
    assert queries(server, "/markets/trades") == [
        {"limit": "1000", "ticker": "A", "min_ts": "1768474800", "is_block_trade": "false"}
    ]
    assert server.asked("GET", "/historical/cutoff") == []


def test_old_trades_are_read_from_the_archive_after_the_live_ones(read, server):
    server.always("GET", "/historical/cutoff", CUTOFF)
    server.always("GET", "/markets/trades", {"trades": [trade(2)], "cursor": ""})
    at = {"created_time": "2025-06-15T12:00:00Z"}
    old = [trade(2), trade(1, **at), trade(0, is_block_trade=True, **at)]
    server.always("GET", "/historical/trades", {"trades": old, "cursor": ""})
    since = datetime(2025, 1, 1, tzinfo=UTC)

    async def main(reads):
        both = await every(reads.trades(since=since, blocks=False))
        old = await every(reads.trades(since=since, until=since + timedelta(days=1)))
        return [one.trade_id for one in both], [one.trade_id for one in old]

    assert read(main) == (["t-2", "t-1"], ["t-1", "t-0"])
    first, second = queries(server, "/historical/trades")
    assert (first["max_ts"], second["max_ts"]) == ("1760486400", "1735776000")
    assert len(server.asked("GET", "/markets/trades")) == 1


def test_trades_between_the_cutoffs_of_orders_and_trades_are_live(read, server):
    server.always("GET", "/historical/cutoff", CUTOFF)
    server.always("GET", "/markets/trades", {"trades": [trade()], "cursor": ""})
    since = datetime(2025, 12, 1, tzinfo=UTC)

    assert len(read(lambda reads: every(reads.trades(since=since)))) == 1
    assert server.asked("GET", "/historical/trades") == []


def test_candles_history_and_portfolio_are_there_by_area(read, server):
    server.always("GET", "/series/S/markets/A/candlesticks", {"candlesticks": []})

    async def main(reads):
        candles = await every(reads.candles.of_market("S", "A", NOON, NOON, Period.DAY))
        return candles, await reads.history.cutoff(), (await reads.portfolio.balance()).cash

    assert read(main) == ([], None, 10)
