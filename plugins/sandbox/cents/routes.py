"""The paths of the cents dialect, and how it words what the core refuses."""

from typing import Final

import msgspec

from plugins.sandbox.cents import routes_account as account
from plugins.sandbox.cents import routes_market as market
from plugins.sandbox.cents import routes_orders as orders
from plugins.sandbox.core.rows import Refusal
from plugins.sandbox.request import Request
from plugins.sandbox.routing import Route
from plugins.sandbox.routing import route as _route
from plugins.sandbox.wire import Problem, refused

ROUTES: Final = (
    _route("GET exchange/status", market.status, public=True),
    _route("GET exchange/schedule", market.schedule, public=True),
    _route("GET exchange/user_data_timestamp", market.user_data_timestamp, public=True),
    _route("GET series", market.series_list, public=True),
    _route("GET series/*", market.series_one, public=True),
    _route("GET events", market.events_list, public=True),
    _route("GET events/*", market.events_one, public=True),
    _route("GET markets", market.markets_list, public=True),
    _route("GET markets/trades", market.trades, public=True),
    _route("GET markets/*", market.markets_one, public=True),
    _route("GET markets/*/orderbook", market.orderbook, public=True),
    _route("GET portfolio/balance", account.balance),
    _route("GET portfolio/fills", account.fills),
    _route("GET portfolio/positions", account.positions),
    _route("GET portfolio/settlements", account.settlements),
    _route("GET portfolio/summary/total_resting_order_value", account.not_permitted),
    _route("GET portfolio/orders", orders.listed),
    _route("GET portfolio/orders/queue_positions", orders.queue_positions),
    _route("GET portfolio/orders/*", orders.one),
    _route("GET portfolio/orders/*/queue_position", orders.queue_position),
    _route("POST portfolio/orders", orders.create),
    _route("POST portfolio/orders/batched", orders.create_batch),
    _route("DELETE portfolio/orders/batched", orders.cancel_batch),
    _route("DELETE portfolio/orders/*", orders.cancel),
    _route("POST portfolio/orders/*/amend", orders.amend),
    _route("POST portfolio/orders/*/decrease", orders.decrease),
)

_PAUSED: Final = "exchange_is_paused"
_CONFLICT: Final = 409
"""A status that the founding document does not know: to it the request is wrong."""


class _Batch(msgspec.Struct):
    """What of a batch's body decides its cost."""

    orders: list[msgspec.Raw] = []
    ids: list[msgspec.Raw] = []


def items(route: Route, request: Request) -> int:
    """Return how many writes a request is; a batch that is refused as such counts as one."""
    if route.shape[-1] != "batched":
        return 1
    try:
        batch = msgspec.json.decode(request.body, type=_Batch)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return 1
    found = len(batch.orders) + len(batch.ids)
    return found if 1 < found <= orders.MOST_IN_A_BATCH else 1


def refuse(refusal: Refusal) -> Problem:
    """Return a refusal with a status of the founding document's table."""
    status = refusal.status
    if status == _CONFLICT:
        status = 503 if refusal.code == _PAUSED else 400
    return refused(status, refusal.code, refusal.message, refusal.details)
