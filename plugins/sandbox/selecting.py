"""Which rows a read asks for: filters and pages, the same in every dialect.

Each function returns the page's rows with the cursor of the next page.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias, TypeVar

from framework.model.events import TradePrinted
from framework.model.market import EventGroup, Market, MarketStatus, Series
from framework.model.units import Micros, Ticker
from plugins.sandbox.core.rows import FillRow, OrderRow, PositionRow, SettlementRow
from plugins.sandbox.fixed_point.wire_market import statuses_listed_as
from plugins.sandbox.request import Query, page_of
from plugins.sandbox.venue import Venue
from plugins.sandbox.wire import bad_parameter, refused

_Row = TypeVar("_Row")
Found: TypeAlias = tuple[list[_Row], str]
Keep: TypeAlias = Callable[[Market], bool]
"""Which markets a dialect shows at all."""

_STATUSES: Final = frozenset({"resting", "canceled", "executed"})
_COUNTS: Final = frozenset({"position", "total_traded"})
_SETTLED: Final = frozenset({"unsettled", "settled", "all"})
_FAMILIES: Final[Mapping[str, frozenset[str | None]]] = {
    "created": frozenset({None, "unopened", "open"}),
    "close": frozenset({None, "closed"}),
    "settled": frozenset({None, "settled"}),
}
"""Which moments of a market may be asked for with which status; never two kinds together."""


def every_market(_market: Market) -> bool:
    """Show every market."""
    return True


# ------------------------------------------------------------------------------- the account


def orders(venue: Venue, query: Query, *, archived: bool = False) -> Found[OrderRow]:
    """Return orders, newest first; what rests is never archived."""
    status = query.text("status")
    if status is not None and status not in _STATUSES:
        raise refused(400, "bad_request", details="invalid status filter")
    of_market = _in_market(venue, query)
    in_time, on_shard, of_owner = _in_time(query), _on_shard(query), _of_owner(query)

    def keep(row: OrderRow) -> bool:
        over_us = None if row.status == "resting" else row.updated_us
        return (
            (status is None or row.status == status)
            and venue.is_archived(over_us) is archived
            and of_owner(row.subaccount)
            and of_market(row.ticker)
            and in_time(row.created_us)
            and on_shard(row.shard)
        )

    return page_of(query).newest_first(tuple(venue.account.orders.values()), keep)


def fills(venue: Venue, query: Query, *, archived: bool = False) -> Found[FillRow]:
    """Return executions, newest first."""
    order_id = query.text("order_id")
    of_market = _in_market(venue, query)
    in_time, on_shard, of_owner = _in_time(query), _on_shard(query), _of_owner(query)

    def keep(row: FillRow) -> bool:
        return (
            (order_id is None or row.order_id == order_id)
            and venue.is_archived(row.at_us) is archived
            and of_owner(row.subaccount)
            and of_market(row.ticker)
            and in_time(row.at_us)
            and on_shard(row.shard)
        )

    return page_of(query).newest_first(venue.account.fills, keep)


def positions(venue: Venue, query: Query) -> Found[PositionRow]:
    """Return positions in the order of their first trades, flat ones too.

    Those of markets that were paid are shown on request (`settlement_status`).
    """
    wanted = query.text("settlement_status") or "unsettled"
    if wanted not in _SETTLED:
        raise refused(400, "bad_request", details="invalid settlement status")
    account = venue.account
    rows = [] if wanted == "settled" else list(account.positions())
    if wanted != "unsettled":
        rows += [row for row in account.settled_positions if not venue.is_archived(row.at_us)]
    return page_of(query).oldest_first(rows, _position_filter(venue, query))


def archived_positions(venue: Venue, query: Query) -> Found[PositionRow]:
    """Return the positions of markets that were paid before the cutoff."""
    settled = venue.account.settled_positions
    rows = [row for row in settled if venue.is_archived(row.at_us)]
    return page_of(query).oldest_first(rows, _position_filter(venue, query))


def _position_filter(venue: Venue, query: Query) -> Callable[[PositionRow], bool]:
    counted = query.listed("count_filter") or frozenset()
    if not counted <= _COUNTS:
        raise refused(400, "bad_request", details="invalid count filter")
    of_market, on_shard = _in_market(venue, query), _on_shard(query)
    owner = query.number("subaccount", 0)

    def keep(row: PositionRow) -> bool:
        return (
            row.subaccount == owner
            and of_market(row.ticker)
            and on_shard(row.shard)
            and ("position" not in counted or row.signed_e2 != 0)
            and ("total_traded" not in counted or row.traded_e6 != 0)
        )

    return keep


def by_event(venue: Venue, rows: list[PositionRow]) -> dict[Ticker, list[PositionRow]]:
    """Return positions under their events."""
    events: dict[Ticker, list[PositionRow]] = {}
    for row in rows:
        events.setdefault(venue.exchange.markets[row.ticker].event_ticker, []).append(row)
    return events


def settlements(venue: Venue, query: Query) -> Found[SettlementRow]:
    """Return payments, newest first."""
    of_market, in_time, of_owner = _in_market(venue, query), _in_time(query), _of_owner(query)

    def keep(row: SettlementRow) -> bool:
        return of_market(row.ticker) and in_time(row.at_us) and of_owner(row.subaccount)

    return page_of(query).newest_first(venue.account.settlements, keep)


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


def _of_owner(query: Query) -> Callable[[int], bool]:
    owner = query.number("subaccount", -1, least=0)
    return lambda subaccount: owner in (-1, subaccount)


def named_shard(index: int | None) -> int | None:
    """Return the shard that was named; -1 leaves it to the exchange, like nothing at all."""
    return None if index is None or index < 0 else index


# ------------------------------------------------------------------------------- public data


def series(venue: Venue, query: Query) -> list[Series]:
    """Return series; there are no pages."""
    category, tags = query.text("category"), query.listed("tags")
    updated_us = query.seconds("min_updated_ts")
    if updated_us is not None and updated_us > venue.opened_us:
        return []  # a world's series never change
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
    close_us, updated_us = query.seconds("min_close_ts"), query.seconds("min_updated_ts")

    def keep(group: EventGroup) -> bool:
        markets = [
            one
            for one in markets_of(venue, group, shown)
            if (close_us is None or (one.close_us or 0) >= close_us)
            and (updated_us is None or venue.updated_us[one.ticker] >= updated_us)
        ]
        return (
            bool(markets)
            and (series_ticker is None or group.series_ticker == series_ticker)
            and (tickers is None or group.ticker in tickers)
            and any(wanted is None or market.status in wanted for market in markets)
        )

    page = page_of(query, default=200, most=200)
    known = venue.exchange.event_groups
    reached = known if tickers is None else [one for one in sorted(tickers) if one in known]
    return page.oldest_first([known[ticker] for ticker in reached], keep)


def markets_of(venue: Venue, group: EventGroup, shown: Keep = every_market) -> list[Market]:
    """Return the event's markets that exist by now; a world may know of later ones."""
    known = venue.exchange.markets
    return [known[ticker] for ticker in group.markets if ticker in known and shown(known[ticker])]


def _reached(venue: Venue, query: Query) -> Sequence[Market]:
    """Return the markets that a query goes through: those it names, or all."""
    known, named = venue.exchange.markets, query.listed("tickers")
    if named is None:
        return known.in_order()
    return [known[ticker] for ticker in sorted(named) if ticker in known]


def markets(venue: Venue, query: Query, shown: Keep = every_market) -> Found[Market]:
    """Return markets, in the order in which they were listed."""
    wanted, of_kind = _status_filter(query), _market_filter(venue, query)
    in_family, updated_us = _family(venue, query), query.seconds("min_updated_ts")
    if updated_us is not None:
        _check_updates(query)

    def keep(market: Market) -> bool:
        return (
            shown(market)
            and (wanted is None or market.status in wanted)
            and of_kind(market)
            and in_family(market)
            and (updated_us is None or venue.updated_us[market.ticker] >= updated_us)
            and not venue.is_archived(venue.settled_us.get(market.ticker))
        )

    return page_of(query).oldest_first(_reached(venue, query), keep)


def archived_markets(venue: Venue, query: Query) -> Found[Market]:
    """Return the markets that were paid before the cutoff; one filter at a time."""
    names = ("tickers", "event_ticker", "series_ticker", "mve_filter")
    if sum(query.text(name) is not None for name in names) > 1:
        raise refused(400, "invalid_parameters", details=f"give one of {', '.join(names)}")
    of_kind = _market_filter(venue, query)

    def keep(market: Market) -> bool:
        return of_kind(market) and venue.is_archived(venue.settled_us.get(market.ticker))

    return page_of(query).oldest_first(_reached(venue, query), keep)


def _market_filter(venue: Venue, query: Query) -> Keep:
    tickers, groups = query.listed("tickers"), query.listed("event_ticker")
    series_ticker = query.text("series_ticker")
    combos = query.text("mve_filter")
    if combos not in (None, "only", "exclude"):
        raise refused(400, "bad_request", details="invalid mve_filter")

    def keep(market: Market) -> bool:
        return (
            combos != "only"  # there are none
            and (tickers is None or market.ticker in tickers)
            and (groups is None or market.event_ticker in groups)
            and (series_ticker is None or series_of(venue, market) == series_ticker)
        )

    return keep


def _family(venue: Venue, query: Query) -> Keep:
    """Return the filter by moments of creation, close or settlement."""
    asked = [
        (name, query.seconds(f"min_{name}_ts"), query.seconds(f"max_{name}_ts"))
        for name in _FAMILIES
    ]
    asked = [part for part in asked if part[1:] != (None, None)]
    if not asked:
        return every_market
    name, earliest, latest = asked[0]
    if len(asked) > 1 or query.text("status") not in _FAMILIES[name]:
        raise refused(400, "invalid_parameters", details=f"{name} timestamps do not go with these")

    def keep(market: Market) -> bool:
        at_us = {
            "created": venue.created_us.get(market.ticker),
            "close": market.close_us,
            "settled": venue.settled_us.get(market.ticker),
        }[name]
        return (
            at_us is not None
            and (earliest is None or at_us >= earliest)
            and (latest is None or at_us <= latest)
        )

    return keep


def _check_updates(query: Query) -> None:
    """Refuse `min_updated_ts` beside anything but a series, or without leaving combos out."""
    names: tuple[str, ...] = ("status", "event_ticker", "tickers")
    names += tuple(f"{end}_{name}_ts" for name in _FAMILIES for end in ("min", "max"))
    others = [name for name in names if query.text(name) is not None]
    if query.text("mve_filter") != "exclude" or others:
        raise refused(
            400,
            "invalid_parameters",
            details="min_updated_ts needs mve_filter=exclude and goes with series_ticker only",
        )


def market(
    venue: Venue, ticker: Ticker, shown: Keep = every_market, *, archived: bool = False
) -> Market:
    """Return one market.

    Raises:
        Problem: there is none in this tier.
    """
    found = venue.exchange.markets.get(ticker)
    tier = venue.is_archived(venue.settled_us.get(ticker))
    if found is None or not shown(found) or tier is not archived:
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


def trades(
    venue: Venue, query: Query, shown: Keep = every_market, *, archived: bool = False
) -> Found[TradePrinted]:
    """Return public trades, newest first."""
    ticker, blocks = query.text("ticker"), query.flag("is_block_trade")
    earliest, latest = query.seconds("min_ts"), query.seconds("max_ts")

    def keep(trade: TradePrinted) -> bool:
        at_us: Micros = trade.exchange_us or trade.at_us
        return (
            not blocks
            and venue.is_archived(at_us) is archived
            and (ticker is None or trade.ticker == ticker)
            and (earliest is None or at_us >= earliest)
            and (latest is None or at_us <= latest)
            and shown(venue.exchange.markets[trade.ticker])
        )

    return page_of(query).newest_first(venue.trades, keep)
