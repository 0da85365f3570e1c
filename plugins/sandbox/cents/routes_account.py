"""The reads of the portfolio in cents.

They show everything the account has, also what another client did there in finer units: rounded
as `numbers` says, but never left out.
"""

from collections import Counter

from plugins.sandbox import selecting
from plugins.sandbox.cents.counter import CentsCounter
from plugins.sandbox.cents.wire_account import (
    balance_body,
    event_position_body,
    fill_body,
    position_body,
    settlement_body,
)
from plugins.sandbox.request import Reply, Request, reply
from plugins.sandbox.wire import refused


def balance(counter: CentsCounter, _request: Request) -> Reply:
    """Answer `GET /portfolio/balance`."""
    account = counter.venue.account
    cash_e6 = sum(account.cash_by_shard().values())
    return reply(balance_body(cash_e6, account.portfolio_value_e6(), account.now_us))


def fills(counter: CentsCounter, request: Request) -> Reply:
    """Answer `GET /portfolio/fills`, newest first."""
    found, cursor = selecting.fills(counter.venue, request.query)
    bodies = [fill_body(row, sold=row.order_id in counter.sold) for row in found]
    return reply({"fills": bodies, "cursor": cursor})


def positions(counter: CentsCounter, request: Request) -> Reply:
    """Answer `GET /portfolio/positions`: by market, and summed by event."""
    rows, cursor = selecting.positions(counter.venue, request.query)
    resting = Counter(
        row.ticker for row in counter.venue.account.orders.values() if row.status == "resting"
    )
    events = selecting.by_event(counter.venue, rows)
    return reply(
        {
            "market_positions": [position_body(row, resting[row.ticker]) for row in rows],
            "event_positions": [event_position_body(*event) for event in events.items()],
            "cursor": cursor,
        }
    )


def settlements(counter: CentsCounter, request: Request) -> Reply:
    """Answer `GET /portfolio/settlements`, newest first."""
    found, cursor = selecting.settlements(counter.venue, request.query)
    markets = counter.exchange.markets
    bodies = [settlement_body(row, markets[row.ticker].settlement_e4) for row in found]
    return reply({"settlements": bodies, "cursor": cursor})


def not_permitted(_door: CentsCounter, _request: Request) -> Reply:
    """Refuse `GET /portfolio/summary/total_resting_order_value`, as recorded."""
    raise refused(403, "permission_denied", "permission denied")
