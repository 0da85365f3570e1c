"""Which path is answered by what, who may ask, and what it costs."""

from functools import partial
from typing import Final

import msgspec

from framework.model.units import Micros
from plugins.sandbox.auth import KEY_HEADER
from plugins.sandbox.fixed_point import routes_account as account
from plugins.sandbox.fixed_point import routes_candles as candles
from plugins.sandbox.fixed_point import routes_fees as fees
from plugins.sandbox.fixed_point import routes_groups as groups
from plugins.sandbox.fixed_point import routes_history as history
from plugins.sandbox.fixed_point import routes_market as market
from plugins.sandbox.fixed_point import routes_money as money
from plugins.sandbox.fixed_point import routes_orders as orders
from plugins.sandbox.fixed_point.wire_orders import Routed
from plugins.sandbox.rates import CANCEL_COST, LOOKUP_COST
from plugins.sandbox.request import Reply, Request
from plugins.sandbox.routing import Route, answer_by
from plugins.sandbox.routing import route as _route
from plugins.sandbox.venue import Venue

_READ: Final = "GET"

ROUTES: Final = (
    # The exchange
    _route("GET exchange/status", market.status, public=True),
    _route("GET exchange/schedule", market.schedule, public=True),
    _route("GET exchange/user_data_timestamp", market.user_data_timestamp, public=True),
    _route("GET account/endpoint_costs", market.endpoint_costs, public=True),
    _route("GET account/limits", account.limits),
    # What is traded
    _route("GET series/fee_changes", fees.series_changes, public=True),
    _route("GET events/fee_changes", fees.event_changes, public=True),
    _route("GET series", market.series_list, public=True),
    _route("GET series/*", market.series_one, public=True),
    _route("GET events", market.events_list, public=True),
    _route("GET events/*", market.events_one, public=True),
    _route("GET markets", market.markets_list, public=True),
    _route("GET markets/trades", market.trades, public=True),
    _route("GET markets/orderbooks", market.orderbooks, public=True),
    _route("GET markets/candlesticks", candles.batch_candles, public=True),
    _route("GET markets/*", market.markets_one, public=True),
    _route("GET markets/*/orderbook", market.orderbook, public=True),
    _route("GET series/*/markets/*/candlesticks", candles.market_candles, public=True),
    _route("GET series/*/events/*/candlesticks", candles.event_candles, public=True),
    # What was traded long ago
    _route("GET historical/cutoff", history.cutoff, public=True),
    _route("GET historical/markets", history.markets_list, public=True),
    _route("GET historical/markets/*", history.markets_one, public=True),
    _route("GET historical/markets/*/candlesticks", candles.archived_candles, public=True),
    _route("GET historical/trades", history.trades, public=True),
    _route("GET historical/fills", history.fills),
    _route("GET historical/orders", history.orders),
    _route("GET historical/positions", history.positions),
    # The portfolio
    _route("GET portfolio/balance", money.balance),
    _route("GET portfolio/orders", account.orders_list),
    _route("GET portfolio/orders/queue_positions", groups.queue_positions),
    _route("GET portfolio/orders/*", account.orders_one, cost=LOOKUP_COST),
    _route("GET portfolio/orders/*/queue_position", groups.queue_position),
    _route("GET portfolio/fills", account.fills),
    _route("GET portfolio/positions", account.positions),
    _route("GET portfolio/settlements", account.settlements),
    # Subaccounts and shards
    _route("POST portfolio/subaccounts", money.create_subaccount),
    _route("GET portfolio/subaccounts/balances", money.subaccount_balances),
    _route("POST portfolio/subaccounts/transfer", money.transfer),
    _route("GET portfolio/subaccounts/transfers", money.transfers),
    _route("GET portfolio/subaccounts/netting", money.netting),
    _route("PUT portfolio/subaccounts/netting", money.change_netting),
    _route("POST portfolio/intra_exchange_instance_transfer", money.transfer_shard),
    _route("GET portfolio/intra_exchange_instance_transfers", money.shard_transfers),
    _route("GET portfolio/intra_exchange_instance_transfers/*", money.shard_transfer),
    # Orders
    _route("POST portfolio/events/orders", orders.create_order),
    _route("DELETE portfolio/events/orders", orders.cancel_all, cost=CANCEL_COST),
    _route("POST portfolio/events/orders/batched", orders.create_batch, batched=True),
    _route(
        "DELETE portfolio/events/orders/batched",
        orders.cancel_batch,
        cost=CANCEL_COST,
        batched=True,
    ),
    _route("DELETE portfolio/events/orders/*", orders.cancel_order, cost=CANCEL_COST),
    _route("POST portfolio/events/orders/*/amend", orders.amend_order),
    _route("POST portfolio/events/orders/*/decrease", orders.decrease_order),
    _route("POST portfolio/orders", orders.retired),
    _route("POST portfolio/orders/batched", orders.retired),
    _route("DELETE portfolio/orders/batched", orders.retired),
    _route("DELETE portfolio/orders/*", orders.retired),
    _route("POST portfolio/orders/*/amend", orders.retired),
    _route("POST portfolio/orders/*/decrease", orders.retired),
    # Order groups
    _route("GET portfolio/order_groups", groups.groups_list),
    _route("POST portfolio/order_groups/create", groups.create_group),
    _route("GET portfolio/order_groups/*", groups.groups_one),
    _route("DELETE portfolio/order_groups/*", groups.delete_group),
    _route("PUT portfolio/order_groups/*/reset", groups.reset_group),
    _route("PUT portfolio/order_groups/*/trigger", groups.trigger_group),
    _route("PUT portfolio/order_groups/*/limit", groups.limit_group),
)
"""The first one that fits answers, so a fixed path stands before a `*` in its place."""


def answer(venue: Venue, request: Request) -> Reply:
    """Answer one request; a refusal is an answer too."""
    paid = partial(_paid, venue)
    return answer_by(ROUTES, venue, request, paid, mischief=venue.mischief)


def _paid(venue: Venue, route: Route, request: Request, now_us: Micros) -> bool:
    """Take a request's tokens; a batch pays for each of its orders, from shard 0's bucket."""
    limits = venue.limits
    if limits is None:
        return True
    if request.method == _READ:
        return limits.read(route.cost, now_us, keyed=KEY_HEADER in request.headers)
    shard, orders = _billed(request)
    if route.batched:
        return limits.write(route.cost * max(1, orders), now_us, shard=0)
    return limits.write(route.cost, now_us, shard=shard)


def _billed(request: Request) -> tuple[int | None, int]:
    """Return the shard a write names, and how many orders it holds.

    One that names no shard is paid for on all of them.
    """
    try:
        body = msgspec.json.decode(request.body, type=Routed)
    except (msgspec.DecodeError, UnicodeDecodeError):
        body = Routed()
    text = request.query.text("exchange_index")
    if text is None:
        return body.exchange_index, len(body.orders)
    named = text.isascii() and text.isdigit() and len(text) < 9
    return int(text) if named else None, len(body.orders)
