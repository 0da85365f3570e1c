import re
from collections import defaultdict

import msgspec

from framework.exchange import MarketQuery
from framework.model.commands import CancelOrder, QueryOrder
from framework.testing import builders
from plugins.kalshi.drift.contract import contract

CANCEL = CancelOrder(client_order_id="c-1", order_id="o-1", ticker="A", shard=0, reason="")


def test_an_order_is_written_with_every_field_that_it_can_have():
    create = {one.where: one for one in contract().requests}["POST /portfolio/events/orders"]

    assert {
        "ticker",
        "side",
        "count",
        "price",
        "client_order_id",
        "reduce_only",
        "cancel_order_on_pause",
        "order_group_id",
        "exchange_index",
    } <= set(create.body)
    assert create.body["self_trade_prevention_type"] == {"taker_at_cross", "maker"}
    assert create.body["time_in_force"] == {
        "good_till_canceled",
        "immediate_or_cancel",
        "fill_or_kill",
    }
    assert create.body["price"] is None


def test_every_write_that_is_sent_is_in_the_contract():
    order = "/portfolio/events/orders"
    group = "/portfolio/order_groups"

    assert {one.where for one in contract().requests} == {
        f"POST {order}",
        f"DELETE {order}",
        f"DELETE {order}/{{order_id}}",
        f"POST {order}/{{order_id}}/amend",
        f"POST {order}/{{order_id}}/decrease",
        f"POST {order}/batched",
        f"DELETE {order}/batched",
        f"POST {group}/create",
        f"PUT {group}/{{order_group_id}}/limit",
        f"PUT {group}/{{order_group_id}}/reset",
        f"PUT {group}/{{order_group_id}}/trigger",
        f"DELETE {group}/{{order_group_id}}",
        "POST /portfolio/subaccounts",
        "POST /portfolio/subaccounts/transfer",
    }


def test_every_message_that_is_decoded_is_in_the_contract():
    assert {"orderbook_snapshot", "orderbook_delta", "ticker", "trade", "fill", "user_order"} <= {
        one.where for one in contract().messages
    }


def test_every_command_that_is_written_is_in_the_contract():
    commands = {one.where: one for one in contract().commands}

    assert set(commands) == {"subscribe", "update_subscription", "unsubscribe"}
    assert commands["update_subscription"].body["action"] == {
        "add_markets",
        "delete_markets",
        "get_snapshot",
    }


def test_a_field_that_is_read_is_a_documented_one():
    for one in contract().replies:
        read = set(one.record.__struct_encode_fields__)
        assert not one.known or read <= one.known, one.where


def test_the_typed_reads_are_in_the_contract():
    assert {
        "GET /exchange/status",
        "GET /exchange/schedule",
        "GET /series/fee_changes",
        "GET /events/fee_changes",
        "GET /markets/trades",
        "GET /series/{series_ticker}/markets/{ticker}/candlesticks",
        "GET /historical/cutoff",
        "GET /portfolio/subaccounts/balances",
    } <= {one.where for one in contract().replies}


def operation_of(seen):
    """Return what the contract says of a request, by the shape of its path."""
    known = defaultdict(frozenset)
    for one in (*contract().replies, *contract().requests):
        known[one.where] |= one.query
    if f"{seen.method} {seen.path}" in known:
        return known[f"{seen.method} {seen.path}"]
    for where, query in known.items():
        shape = re.sub(r"{[^}]*}", "[^/]+", where)
        if re.fullmatch(shape, f"{seen.method} {seen.path}"):
            return query
    return None


def test_every_request_of_a_trading_adapter_is_in_the_contract(trade, server):
    query = QueryOrder(client_order_id="c-1", order_id=None, ticker="A")

    async def main(exchange, run):
        [found async for found in exchange.markets(MarketQuery(open_only=False, tickers=("A",)))]
        [found async for found in exchange.markets(MarketQuery(series="S", event="E"))]
        await exchange.find(query)
        await exchange.find(msgspec.structs.replace(query, order_id="o-1"))
        await exchange.account()
        await exchange.account(run.clock.now_us() - 30 * 24 * 3_600_000_000)
        await exchange.submit([builders.order(ticker="A")])
        await exchange.cancel([CANCEL])
        await exchange.cancel_all()
        await run.clock.sleep(5)

    server.always("GET", "/markets", {"markets": [], "cursor": ""})
    trade(main)

    assert len({(one.method, one.path) for one in server.requests}) > 12
    assert not_in_the_contract(server.requests) == set()


def not_in_the_contract(requests):
    """Return the operations, and the parameters of operations, that the contract lacks."""
    lacking = {(one.method, one.path) for one in requests if operation_of(one) is None}
    return lacking | {
        (one.method, one.path, name)
        for one in requests
        if one.method == "GET" and (known := operation_of(one)) is not None
        for name in one.query.keys() - known
    }


CUTOFF = {
    "market_settled_ts": "2025-10-15T00:00:00Z",
    "trades_created_ts": "2025-10-15T00:00:00Z",
    "orders_updated_ts": "2026-01-01T00:00:00Z",
}


def test_every_request_of_the_typed_reads_is_in_the_contract(trade, server, doors, ask):
    quiet = {}

    async def main(exchange, run):
        for name, call in doors(exchange).items():
            before = len(server.requests)
            await ask(call)
            quiet[name] = len(server.requests) == before

    server.always("GET", "/historical/cutoff", CUTOFF)
    trade(main, subaccount=1)

    assert not_in_the_contract(server.requests) == set()
    # The cutoff was read before, and is believed for an hour.
    assert {name for name, is_quiet in quiet.items() if is_quiet} <= {
        "History.cutoff",
        "History.holds",
    }
    assert len(quiet) > 40


def test_every_read_of_the_contract_is_one_that_something_asks(trade, server, doors, ask):
    """A contract that lists more than is read would cry wolf."""
    asked_by_a_run = {"GET /portfolio/orders/{order_id}"}

    async def main(exchange, run):
        for call in doors(exchange).values():
            await ask(call)

    server.always("GET", "/historical/cutoff", CUTOFF)
    trade(main, subaccount=1)

    seen = {f"{one.method} {one.path}" for one in server.requests}
    idle = {
        one.where
        for one in contract().replies
        if not any(re.fullmatch(re.sub(r"{[^}]*}", "[^/]+", one.where), path) for path in seen)
    }
    assert idle <= asked_by_a_run
