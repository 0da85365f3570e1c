"""Order groups and queue positions through the exchange's own bodies."""

import pytest

GROUPS = "/portfolio/order_groups"


def opened(door, **limit):
    status, body = door.ask(f"POST {GROUPS}/create", limit or {"contracts_limit": 5})

    assert status == 201, body
    return body["order_group_id"]


@pytest.mark.parametrize(
    "limit",
    [
        {"contracts_limit": 5},
        {"contracts_limit_fp": "5.00"},
        {"contracts_limit": 5, "contracts_limit_fp": "5"},
    ],
)
def test_a_group_is_opened_and_shown(door, limit):
    group = opened(door, **limit)
    order_id = door.resting(order_group_id=group)["order_id"]
    shown = door.ask(f"GET {GROUPS}/{group}")[1]

    assert shown["contracts_limit_fp"] == "5.00"
    assert (shown["is_auto_cancel_enabled"], shown["orders"]) == (True, [order_id])
    assert [row["id"] for row in door.ask(f"GET {GROUPS}")[1]["order_groups"]] == [group]
    assert door.ask(f"GET /portfolio/orders/{order_id}")[1]["order"]["order_group_id"] == group


@pytest.mark.parametrize(
    "limit",
    [
        {},
        {"contracts_limit": 0},
        {"contracts_limit": 1_000_001},
        {"contracts_limit_fp": "0.5"},
        {"contracts_limit_fp": "many"},
        {"contracts_limit": 5, "contracts_limit_fp": "6.00"},
    ],
)
def test_a_limit_that_is_none_is_refused(door, limit):
    status, body = door.ask(f"POST {GROUPS}/create", limit)

    assert (status, body["error"]["code"]) == (400, "invalid_parameters")


def test_a_trigger_cancels_and_a_reset_lets_orders_in_again(door):
    group = opened(door)
    order_id = door.resting(order_group_id=group)["order_id"]

    assert door.ask(f"PUT {GROUPS}/{group}/trigger") == (200, {})
    assert door.venue.exchange.orders[order_id].status == "canceled"
    assert door.create(order_group_id=group)[1]["error"]["code"] == "order_group_triggered"
    assert door.ask(f"GET {GROUPS}/{group}")[1]["is_auto_cancel_enabled"] is False
    assert door.ask(f"PUT {GROUPS}/{group}/reset") == (200, {})
    door.resting(order_group_id=group)


def test_a_limit_below_what_was_traded_triggers(door):
    group = opened(door)
    door.placed(order_group_id=group, count="4")

    assert door.ask(f"PUT {GROUPS}/{group}/limit", {"contracts_limit_fp": "3.00"})[0] == 200
    assert door.venue.exchange.groups.all[group].triggered


def test_a_deleted_group_is_gone_with_its_orders(door):
    group = opened(door)
    order_id = door.resting(order_group_id=group)["order_id"]

    assert door.ask(f"DELETE {GROUPS}/{group}") == (200, {})
    assert door.venue.exchange.orders[order_id].status == "canceled"
    assert door.ask(f"GET {GROUPS}/{group}")[0] == 404


@pytest.mark.parametrize(
    "line", ["GET {}", "DELETE {}", "PUT {}/reset", "PUT {}/trigger", "PUT {}/limit"]
)
def test_an_unknown_group_is_not_found(door, line):
    status, body = door.ask(line.format(f"{GROUPS}/nobody"), {"contracts_limit": 5})

    assert (status, body["error"]["code"]) == (404, "not_found")


# ----------------------------------------------------------------------------------- queues


def test_a_queue_position_counts_what_stands_ahead(door):
    order_id = door.resting(price="0.9000")["order_id"]
    status, body = door.ask(f"GET /portfolio/orders/{order_id}/queue_position")

    assert (status, body) == (200, {"queue_position_fp": "500.00"})


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?market_tickers=KXT-E-A", 1),
        ("?market_tickers=KXT-E-A,KXT-E-B", 2),
        ("?event_ticker=KXT-E", 2),
        ("?event_ticker=KXT-F", 0),
    ],
)
def test_queue_positions_are_listed_by_market_or_event(door, query, found):
    door.resting(price="0.9000")
    door.resting(ticker="KXT-E-B", price="0.0500")
    rows = door.ask(f"GET /portfolio/orders/queue_positions{query}")[1]["queue_positions"]

    assert len(rows) == found
    assert all(set(row) == {"order_id", "market_ticker", "queue_position_fp"} for row in rows)


def test_queue_positions_need_a_filter(door):
    assert door.ask("GET /portfolio/orders/queue_positions")[0] == 400


def test_nobody_queues_who_does_not_rest(door):
    order_id = door.placed()["order_id"]

    assert door.ask(f"GET /portfolio/orders/{order_id}/queue_position")[0] == 404
