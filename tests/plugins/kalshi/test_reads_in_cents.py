"""Every typed read in the founding document's dialect: it works, or it says why not."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from framework.errors import ConfigError
from plugins.kalshi.markets.market_filter import MarketFilter

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
MARKET = {
    "ticker": "A",
    "event_ticker": "E",
    "series_ticker": "S",
    "status": "open",
    "close_time": "2026-02-09T23:59:59Z",
    "yes_bid": 92,
    "yes_ask": 93,
    "volume": 15_000,
}
ORDER = {
    "order_id": "o-1",
    "client_order_id": "c-1",
    "ticker": "A",
    "side": "yes",
    "action": "buy",
    "status": "resting",
    "yes_price": 91,
    "count": 10,
    "remaining_count": 10,
    "created_time": "2026-01-15T12:00:00Z",
}
FILL = {
    "trade_id": "t-1",
    "order_id": "o-1",
    "ticker": "A",
    "side": "yes",
    "action": "buy",
    "yes_price": 91,
    "count": 1,
    "is_taker": True,
    "created_time": "2026-01-15T12:00:00Z",
}
PAID = {
    "ticker": "A",
    "market_result": "yes",
    "revenue": 100,
    "fee_cost": "0.0000",
    "settled_time": "2026-01-15T12:00:00Z",
}
OF_THE_DOCUMENT = {
    "Reads.market": ({"ticker": "A"}, lambda found: found.ticker == "A"),
    "Reads.book": ({"ticker": "A"}, lambda found: found.touch() == (9_100, 9_300)),
    "Portfolio.balance": ({}, lambda found: found.cash == Decimal(100)),
    "Portfolio.orders": ({"status": "resting"}, lambda found: found[0].order_id == "o-1"),
    "History.cutoff": ({}, lambda found: found is None),
    "History.holds": ({"since_us": 1}, lambda found: found is None),
    "History.market_row": ({"ticker": "A"}, lambda found: found is None),
    "History.market_rows": ({"query": {}}, lambda found: found == []),
}
"""What works, with its arguments and what must be true of the answer."""
OF_ITS_ERA = OF_THE_DOCUMENT | {
    "Reads.status": ({}, lambda found: found.trading_active),
    "Reads.schedule": ({}, lambda found: found.maintenance_windows == ()),
    "Reads.user_data_as_of": ({}, lambda found: found == NOON),
    "Reads.all_series": ({"category": "News"}, lambda found: found[0].ticker == "S"),
    "Reads.series": ({"ticker": "S"}, lambda found: found.ticker == "S"),
    "Reads.events": ({"status": "open"}, lambda found: found[0].group.ticker == "E"),
    "Reads.event": ({"ticker": "E"}, lambda found: found.group.series_ticker == "S"),
    "Reads.markets": (
        {"wanted": MarketFilter(status="open")},
        lambda found: found[0].yes_bid_e4 == 9_200,
    ),
    "Portfolio.orders": ({"ticker": "A"}, lambda found: found[0].order_id == "o-1"),
    "Portfolio.fills": ({"ticker": "A"}, lambda found: found[0].trade_id == "t-1"),
    "Portfolio.settlements": ({}, lambda found: found[0].yes_pays_e4 == 10_000),
}


@pytest.fixture
def server(founding_server):
    series, group = (
        {"ticker": "S", "fee_type": "quadratic", "fee_multiplier": 1},
        {"event_ticker": "E", "series_ticker": "S"},
    )
    answers = {
        "/markets": {"markets": [MARKET], "cursor": ""},
        "/markets/A": {"market": MARKET},
        "/markets/A/orderbook": {"orderbook": {"yes": [[91, 5]], "no": [[7, 5]]}},
        "/portfolio/orders": {"orders": [ORDER], "cursor": ""},
        "/portfolio/fills": {"fills": [FILL], "cursor": ""},
        "/portfolio/settlements": {"settlements": [PAID], "cursor": ""},
        "/exchange/status": {"exchange_active": True, "trading_active": True},
        "/exchange/schedule": {"schedule": {"standard_hours": [], "maintenance_windows": []}},
        "/series": {"series": [series]},
        "/series/S": {"series": series},
        "/events": {"events": [group], "cursor": ""},
        "/events/E": {"event": group},
    }
    for path, answer in answers.items():
        founding_server.always("GET", path, answer)
    return founding_server


@pytest.mark.parametrize(
    ("founding_only", "working"), [(True, OF_THE_DOCUMENT), (False, OF_ITS_ERA)]
)
def test_a_read_works_or_names_the_setting_and_asks_nothing(
    trade_founding, server, doors, ask, founding_only, working
):
    async def main(exchange, run):
        for name, call in doors(exchange).items():
            before = len(server.requests)
            if name in working:
                given, is_right = working[name]
                assert is_right(await ask(call, given)), name
                continue
            with pytest.raises(ConfigError) as told:
                await ask(call)
            setting = "founding_only = true" if founding_only else 'api = "cents"'
            assert f"plugins.kalshi: {setting} has no /" in str(told.value), name
            assert 'set api = "fixed-point"' in str(told.value), name
            assert len(server.requests) == before, name

    trade_founding(main, founding_only=founding_only)


def test_the_document_has_no_filters_and_no_pages_of_a_size(trade_founding, server):
    async def main(exchange, run):
        with pytest.raises(ConfigError, match="has no /portfolio/orders by ticker that"):
            [order async for order in exchange.reads.portfolio.orders(ticker="A")]
        with pytest.raises(ConfigError, match="orderbook by depth that"):
            await exchange.reads.book("A", depth=3)

    trade_founding(main)

    assert all("limit" not in seen.query for seen in server.requests)


@pytest.mark.parametrize("founding_only", [True, False])
def test_there_are_no_groups_and_no_queue(trade_founding, founding_only):
    async def main(exchange, run):
        return exchange.groups, exchange.queue

    assert trade_founding(main, founding_only=founding_only) == (None, None)
