"""Order groups, and where orders stand in their queues."""

from plugins.sandbox.core.rows import OrderRow
from plugins.sandbox.fixed_point.routes_orders import bad
from plugins.sandbox.fixed_point.wire_orders import (
    CreateGroup,
    GroupCreatedBody,
    QueuePositionBody,
    group_body,
)
from plugins.sandbox.request import Reply, Request, reply
from plugins.sandbox.selecting import named_shard
from plugins.sandbox.venue import Venue
from plugins.sandbox.wire import count_text, read_count, refused


def groups_list(venue: Venue, request: Request) -> Reply:
    """Answer `GET /portfolio/order_groups`, of one subaccount or shard or of all."""
    owner = request.query.number("subaccount", -1, least=0)
    shard = named_shard(request.query.number("exchange_index", -1, least=-1))
    groups = [
        group
        for group in venue.exchange.groups.all.values()
        if owner in (-1, group.subaccount) and shard in (None, group.shard)
    ]
    return reply({"order_groups": [group_body(group) for group in groups]})


def groups_one(venue: Venue, _request: Request, group_id: str) -> Reply:
    """Answer `GET /portfolio/order_groups/{id}`, with the orders that rest in it."""
    members = venue.exchange.groups.members(group_id)
    return reply(group_body(venue.exchange.groups.all[group_id], members))


def create_group(venue: Venue, request: Request) -> Reply:
    """Answer `POST /portfolio/order_groups/create`."""
    body = request.decode(CreateGroup)
    shard, owner = named_shard(body.exchange_index) or 0, body.subaccount or 0
    venue.exchange.treasury.check(owner)
    group, notices = venue.exchange.groups.create(_limit_e2(body), shard=shard, subaccount=owner)
    venue.publish(notices)
    return reply(GroupCreatedBody(group.order_group_id, group.subaccount, group.shard), 201)


def limit_group(venue: Venue, request: Request, group_id: str) -> Reply:
    """Answer `PUT /portfolio/order_groups/{id}/limit`; what it has traded may trigger it."""
    limit_e2 = _limit_e2(request.decode(CreateGroup))
    venue.publish(venue.exchange.groups.limit(group_id, limit_e2))
    return reply({})


def trigger_group(venue: Venue, _request: Request, group_id: str) -> Reply:
    """Answer `PUT /portfolio/order_groups/{id}/trigger`: its orders are cancelled."""
    venue.publish(venue.exchange.groups.trigger(group_id))
    return reply({})


def reset_group(venue: Venue, _request: Request, group_id: str) -> Reply:
    """Answer `PUT /portfolio/order_groups/{id}/reset`: it takes orders again."""
    venue.publish(venue.exchange.groups.reset(group_id))
    return reply({})


def delete_group(venue: Venue, _request: Request, group_id: str) -> Reply:
    """Answer `DELETE /portfolio/order_groups/{id}`: its orders are cancelled."""
    venue.publish(venue.exchange.groups.delete(group_id))
    return reply({})


def _limit_e2(body: CreateGroup) -> int:
    """Return the limit; the whole number and the text must say the same where both are given."""
    told = None if body.contracts_limit_fp is None else read_count(body.contracts_limit_fp)
    if body.contracts_limit_fp is not None and told is None:
        raise bad("invalid_parameters", "invalid contracts_limit_fp")
    whole = None if body.contracts_limit is None else body.contracts_limit * 100
    if told is None and whole is None:
        raise bad("invalid_parameters", "contracts_limit is required")
    if told is not None and whole not in (None, told):
        raise bad("invalid_parameters", "contracts_limit and contracts_limit_fp differ")
    return told if told is not None else whole or 0


# ----------------------------------------------------------------------------------- queues


def queue_positions(venue: Venue, request: Request) -> Reply:
    """Answer `GET /portfolio/orders/queue_positions` for the resting orders of some markets."""
    query, exchange = request.query, venue.exchange
    tickers, event = query.listed("market_tickers"), query.text("event_ticker")
    if tickers is None and event is None:
        raise refused(400, "invalid_parameters", details="market_tickers or event_ticker required")

    owner = query.number("subaccount", -1, least=0)

    def asked(row: OrderRow) -> bool:
        if owner not in (-1, row.subaccount):
            return False
        of_event = event is not None and exchange.markets[row.ticker].event_ticker == event
        return of_event or (tickers is not None and row.ticker in tickers)

    found = [
        QueuePositionBody(row.order_id, row.ticker, count_text(ahead_e2))
        for row, ahead_e2 in exchange.queue_positions()
        if asked(row)
    ]
    return reply({"queue_positions": found})


def queue_position(venue: Venue, _request: Request, order_id: str) -> Reply:
    """Answer `GET /portfolio/orders/{id}/queue_position`."""
    ahead_e2 = venue.exchange.queue_position_e2(order_id)
    return reply({"queue_position_fp": count_text(ahead_e2)})
