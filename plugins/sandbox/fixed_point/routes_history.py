"""The archive: what is older than the cutoff leaves the live reads and is found here."""

from plugins.sandbox import selecting
from plugins.sandbox.fixed_point.routes_account import positions_reply
from plugins.sandbox.fixed_point.routes_market import market_shown
from plugins.sandbox.fixed_point.wire_account import fill_body, order_body
from plugins.sandbox.fixed_point.wire_market import trade_body
from plugins.sandbox.request import Reply, Request, reply
from plugins.sandbox.venue import Venue
from plugins.sandbox.wire import iso


def cutoff(venue: Venue, _request: Request) -> Reply:
    """Answer `GET /historical/cutoff`; without a setting, before everything."""
    at = iso(venue.cutoff_us())
    return reply(
        {
            "market_settled_ts": at,
            "trades_created_ts": at,
            "orders_updated_ts": at,
            "market_positions_last_updated_ts": at,
        }
    )


def markets_list(venue: Venue, request: Request) -> Reply:
    """Answer `GET /historical/markets`."""
    found, cursor = selecting.archived_markets(venue, request.query)
    return reply({"markets": [market_shown(venue, market) for market in found], "cursor": cursor})


def markets_one(venue: Venue, _request: Request, ticker: str) -> Reply:
    """Answer `GET /historical/markets/{ticker}`."""
    return reply({"market": market_shown(venue, selecting.market(venue, ticker, archived=True))})


def trades(venue: Venue, request: Request) -> Reply:
    """Answer `GET /historical/trades`, newest first."""
    found, cursor = selecting.trades(venue, request.query, archived=True)
    return reply({"trades": [trade_body(trade) for trade in found], "cursor": cursor})


def fills(venue: Venue, request: Request) -> Reply:
    """Answer `GET /historical/fills`, newest first."""
    found, cursor = selecting.fills(venue, request.query, archived=True)
    return reply({"fills": [fill_body(row) for row in found], "cursor": cursor})


def orders(venue: Venue, request: Request) -> Reply:
    """Answer `GET /historical/orders`, newest first."""
    found, cursor = selecting.orders(venue, request.query, archived=True)
    return reply({"orders": [order_body(row) for row in found], "cursor": cursor})


def positions(venue: Venue, request: Request) -> Reply:
    """Answer `GET /historical/positions`: those of markets paid long ago."""
    return positions_reply(venue, *selecting.archived_positions(venue, request.query))
