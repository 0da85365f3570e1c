"""Which path is answered by what, who may ask, and what it costs."""

from functools import partial
from typing import Final

import msgspec

from framework.model.units import Micros
from plugins.sandbox import routes_account as account
from plugins.sandbox import routes_market as market
from plugins.sandbox.auth import KEY_HEADER
from plugins.sandbox.rates import CANCEL_COST, LOOKUP_COST
from plugins.sandbox.request import Reply, Request
from plugins.sandbox.routing import Route, answer_by
from plugins.sandbox.routing import route as _route
from plugins.sandbox.venue import Venue
from plugins.sandbox.wire_account import Routed

_READ: Final = "GET"

ROUTES: Final = (
    _route("GET exchange/status", market.status, public=True),
    _route("GET exchange/schedule", market.schedule, public=True),
    _route("GET exchange/user_data_timestamp", market.user_data_timestamp, public=True),
    _route("GET account/endpoint_costs", market.endpoint_costs, public=True),
    _route("GET series", market.series_list, public=True),
    _route("GET series/*", market.series_one, public=True),
    _route("GET events", market.events_list, public=True),
    _route("GET events/*", market.events_one, public=True),
    _route("GET markets", market.markets_list, public=True),
    _route("GET markets/trades", market.trades, public=True),
    _route("GET markets/*", market.markets_one, public=True),
    _route("GET markets/*/orderbook", market.orderbook, public=True),
    _route("GET account/limits", account.limits),
    _route("GET portfolio/balance", account.balance),
    _route("GET portfolio/orders", account.orders_list),
    _route("GET portfolio/orders/*", account.orders_one, cost=LOOKUP_COST),
    _route("GET portfolio/fills", account.fills),
    _route("GET portfolio/positions", account.positions),
    _route("GET portfolio/settlements", account.settlements),
    _route("POST portfolio/events/orders", account.create_order),
    _route("DELETE portfolio/events/orders", account.cancel_all, cost=CANCEL_COST),
    _route("DELETE portfolio/events/orders/*", account.cancel_order, cost=CANCEL_COST),
    _route("POST portfolio/orders", account.retired),
    _route("POST portfolio/orders/batched", account.retired),
    _route("DELETE portfolio/orders/batched", account.retired),
    _route("DELETE portfolio/orders/*", account.retired),
    _route("POST portfolio/orders/*/amend", account.retired),
    _route("POST portfolio/orders/*/decrease", account.retired),
)


def answer(venue: Venue, request: Request) -> Reply:
    """Answer one request; a refusal is an answer too."""
    return answer_by(ROUTES, venue, request, partial(_paid, venue))


def _paid(venue: Venue, route: Route, request: Request, now_us: Micros) -> bool:
    limits = venue.limits
    if limits is None:
        return True
    if request.method == _READ:
        return limits.read(route.cost, now_us, keyed=KEY_HEADER in request.headers)
    return limits.write(route.cost, now_us, shard=_named_shard(request))


def _named_shard(request: Request) -> int | None:
    """Return the shard a write names; one that names none is paid for on all of them."""
    text = request.query.text("exchange_index")
    if text is not None:
        return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else None
    try:
        return msgspec.json.decode(request.body, type=Routed).exchange_index
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
