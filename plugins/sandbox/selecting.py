"""Which rows a read asks for: filters and pages, the same in every dialect.

Each function returns the page's rows with the cursor of the next page.
"""

from collections.abc import Callable
from typing import Final, TypeAlias, TypeVar

from framework.model.events import TradePrinted
from framework.model.market import EventGroup, Market, MarketStatus, Series
from framework.model.units import Micros, Ticker
from plugins.sandbox.request import Query, page_of
from plugins.sandbox.rows import FillRow, OrderRow, PositionRow, SettlementRow
from plugins.sandbox.venue import Venue
from plugins.sandbox.wire import bad_parameter, refused
from plugins.sandbox.wire_market import statuses_listed_as

_Row = TypeVar("_Row")
Found: TypeAlias = tuple[list[_Row], str]
Keep: TypeAlias = Callable[[Market], bool]
"""Which markets a dialect shows at all."""

_STATUSES: Final = frozenset({"resting", "canceled", "executed"})
_COUNTS: Final = frozenset({"position", "total_traded"})


def every_market(_market: Market) -> bool:
    """Show every market."""
    return True


# ------------------------------------------------------------------------------- the account


def orders(venue: Venue, query: Query) -> Found[OrderRow]:
    """Return orders, newest first."""
    status = query.text("status")
    if status is not None and status not in _STATUSES:
        raise refused(400, "bad_request", details="invalid status filter")
    of_market = _in_market(venue, query)
    in_time, on_shard = _in_time(query), _on_shard(query)

    def keep(row: OrderRow) -> bool:
        return (
            (status is None or row.status == status)
            and of_market(row.ticker)
            and in_time(row.created_us)
            and on_shard(row.shard)
        )

    return page_of(query).newest_first(tuple(venue.exchange.orders.values()), keep)


def fills(venue: Venue, query: Query) -> Found[FillRow]:
    """Return executions, newest first."""
    order_id = query.text("order_id")
    of_market = _in_market(venue, query)
    in_time, on_shard = _in_time(query), _on_shard(query)

    def keep(row: FillRow) -> bool:
        return (
            (order_id is None or row.order_id == order_id)
            and of_market(row.ticker)
            and in_time(row.at_us)
            and on_shard(row.shard)
        )

    return page_of(query).newest_first(venue.exchange.fills, keep)


def positions(venue: Venue, query: Query) -> Found[PositionRow]:
    """Return positions in the order of their first trades, flat ones too."""
    counted = query.listed("count_filter") or frozenset()
    if not counted <= _COUNTS:
        raise refused(400, "bad_request", details="invalid count filter")
    of_market, on_shard = _in_market(venue, query), _on_shard(query)

    def keep(row: PositionRow) -> bool:
        return (
            of_market(row.ticker)
            and on_shard(row.shard)
            and ("position" not in counted or row.signed_e2 != 0)
            and ("total_traded" not in counted or row.traded_e6 != 0)
        )

    return page_of(query).oldest_first(venue.exchange.positions(), keep)


def by_event(venue: Venue, rows: list[PositionRow]) -> dict[Ticker, list[PositionRow]]:
    """Return positions under their events."""
    events: dict[Ticker, list[PositionRow]] = {}
    for row in rows:
        events.setdefault(venue.exchange.markets[row.ticker].event_ticker, []).append(row)
    return events


def settlements(venue: Venue, query: Query) -> Found[SettlementRow]:
    """Return payments, newest first."""
    of_market, in_time = _in_market(venue, query), _in_time(query)

    def keep(row: SettlementRow) -> bool:
        return of_market(row.ticker) and in_time(row.at_us)

    return page_of(query).newest_first(venue.exchange.settlements, keep)


def _in_market(venue: Venue, query: Query) -> Callable[[str], bool]:
    tickers, events = query.listed("ticker"), query.listed("event_ticker")
    if events is not None and len(events) > 10:
        raise bad_parameter("Invalid value for parameter event_ticker: at most 10")
    if tickers is not None and len(tickers) > 100:
        raise bad_parameter("Invalid value for parameter ticker: at most 100")

    def keep(ticker: str) -> bool:
        return (tickers is None or ticker in tickers) and (
            events is None or venue.exchange.markets[ticker].event_ticker in events
        )

    return keep


def _in_time(query: Query) -> Callable[[int], bool]:
    earliest, latest = query.seconds("min_ts"), query.seconds("max_ts")
    return lambda at_us: (
        (earliest is None or at_us >= earliest) and (latest is None or at_us <= latest)
    )


def _on_shard(query: Query) -> Callable[[int], bool]:
    shard = named_shard(query.number("exchange_index", -1, least=-1))
    return lambda index: shard is None or index == shard


def named_shard(index: int | None) -> int | None:
    """Return the shard that was named; -1 leaves it to the exchange, like nothing at all."""
    return None if index is None or index < 0 else index


# ------------------------------------------------------------------------------- public data


def series(venue: Venue, query: Query) -> list[Series]:
    """Return series; there are no pages."""
    category, tags = query.text("category"), query.listed("tags")
    return [
        one
        for one in venue.exchange.series.values()
        if (category is None or one.category == category)
        and (tags is None or not tags.isdisjoint(one.tags))
    ]


def events(venue: Venue, query: Query, shown: Keep = every_market) -> Found[EventGroup]:
    """Return events; one matches a status when one of its markets does."""
    wanted = _status_filter(query)
    series_ticker, tickers = query.text("series_ticker"), query.listed("tickers")

    def keep(group: EventGroup) -> bool:
        markets = markets_of(venue, group, shown)
        return (
            bool(markets)
            and (series_ticker is None or group.series_ticker == series_ticker)
            and (tickers is None or group.ticker in tickers)
            and any(wanted is None or market.status in wanted for market in markets)
        )

    page = page_of(query, default=200, most=200)
    return page.oldest_first(tuple(venue.exchange.event_groups.values()), keep)


def markets_of(venue: Venue, group: EventGroup, shown: Keep = every_market) -> list[Market]:
    """Return the event's markets that exist by now; a world may know of later ones."""
    known = venue.exchange.markets
    return [known[ticker] for ticker in group.markets if ticker in known and shown(known[ticker])]


def markets(venue: Venue, query: Query, shown: Keep = every_market) -> Found[Market]:
    """Return markets, in the order in which they were listed."""
    wanted = _status_filter(query)
    tickers, groups = query.listed("tickers"), query.listed("event_ticker")
    series_ticker = query.text("series_ticker")
    earliest, latest = query.seconds("min_close_ts"), query.seconds("max_close_ts")
    combos_only = query.text("mve_filter") == "only"

    def keep(market: Market) -> bool:
        return (
            not combos_only
            and shown(market)
            and (wanted is None or market.status in wanted)
            and (tickers is None or market.ticker in tickers)
            and (groups is None or market.event_ticker in groups)
            and (series_ticker is None or series_of(venue, market) == series_ticker)
            and (earliest is None or (market.close_us or 0) >= earliest)
            and (latest is None or (market.close_us or 0) <= latest)
        )

    return page_of(query).oldest_first(tuple(venue.exchange.markets.values()), keep)


def market(venue: Venue, ticker: Ticker, shown: Keep = every_market) -> Market:
    """Return one market.

    Raises:
        Problem: there is none.
    """
    found = venue.exchange.markets.get(ticker)
    if found is None or not shown(found):
        raise refused(404, "not_found")
    return found


def series_of(venue: Venue, market: Market) -> Ticker | None:
    """Return the series that a market belongs to."""
    group = venue.exchange.event_groups.get(market.event_ticker)
    return group.series_ticker if group else market.series_ticker


def _status_filter(query: Query) -> frozenset[MarketStatus] | None:
    name = query.text("status")
    if name is None:
        return None
    wanted = statuses_listed_as(name)
    if wanted is None:
        raise refused(400, "bad_request", details="invalid status filter")
    return wanted


def trades(venue: Venue, query: Query, shown: Keep = every_market) -> Found[TradePrinted]:
    """Return public trades, newest first."""
    ticker, blocks = query.text("ticker"), query.flag("is_block_trade")
    earliest, latest = query.seconds("min_ts"), query.seconds("max_ts")

    def keep(trade: TradePrinted) -> bool:
        at_us: Micros = trade.exchange_us or trade.at_us
        return (
            not blocks
            and (ticker is None or trade.ticker == ticker)
            and (earliest is None or at_us >= earliest)
            and (latest is None or at_us <= latest)
            and shown(venue.exchange.markets[trade.ticker])
        )

    return page_of(query).newest_first(venue.trades, keep)
