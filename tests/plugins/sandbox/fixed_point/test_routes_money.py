"""Balances, subaccounts and transfers through the exchange's own bodies."""

import pytest

SUBACCOUNTS = "/portfolio/subaccounts"
SHARDS = "/portfolio/intra_exchange_instance_transfer"
IDS = [f"00000000-0000-4000-8000-00000000000{number}" for number in range(4)]


def transfer(door, **changes):
    body = {
        "client_transfer_id": IDS[0],
        "from_subaccount": 0,
        "to_subaccount": 1,
        "amount_cents": 12_345,
        **changes,
    }
    return door.ask(f"POST {SUBACCOUNTS}/transfer", body)


def shift(door, **changes):
    body = {
        "source": "event_contract",
        "destination": "event_contract",
        "amount": 20_000,
        "source_exchange_shard": 0,
        "destination_exchange_shard": 2,
        **changes,
    }
    return door.ask(f"POST {SHARDS}", body)


@pytest.fixture
def two(door):
    assert door.ask(f"POST {SUBACCOUNTS}") == (201, {"subaccount_number": 1})
    return door


def test_a_balance_names_every_shard(open_door):
    door = open_door(other_shards={2: 5_000_000})
    body = door.ask("GET /portfolio/balance")[1]
    one = door.ask("GET /portfolio/balance?exchange_index=2")[1]

    assert (body["balance"], body["balance_dollars"]) == (1_000_500, "10005.0000")
    assert body["balance_breakdown"] == [
        {"exchange_index": 0, "balance": "10000.0000"},
        {"exchange_index": 2, "balance": "5.0000"},
    ]
    assert (one["balance"], one["balance_breakdown"][0]["exchange_index"]) == (500, 2)


def test_a_transfer_shows_in_both_balances(two):
    assert transfer(two) == (200, {})
    rows = two.ask(f"GET {SUBACCOUNTS}/balances")[1]["subaccount_balances"]

    assert [(row["subaccount_number"], row["balance"]) for row in rows] == [
        (0, "9876.5500"),
        (1, "123.4500"),
    ]
    assert two.ask("GET /portfolio/balance?subaccount=1")[1]["balance"] == 12_345
    assert two.ask("GET /portfolio/balance")[1]["balance"] == 987_655


def test_a_repeated_transfer_is_a_conflict(two):
    transfer(two)
    status, body = transfer(two)

    assert (status, body["error"]["code"]) == (409, "transfer_already_exists")


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"client_transfer_id": "mine"}, 400),
        ({"amount_cents": -5}, 400),
        ({"amount_cents": "5"}, 400),
        ({"amount_cents": 10**15}, 400),
        ({"amount_cents": 2_000_000}, 400),
        ({"to_subaccount": 5}, 404),
    ],
)
def test_a_wrong_transfer_is_refused(two, changes, status):
    assert transfer(two, **changes)[0] == status


def test_transfers_are_listed_newest_first_by_pages(two):
    for number in range(3):
        transfer(two, client_transfer_id=IDS[number], amount_cents=number + 1)
    first = two.ask(f"GET {SUBACCOUNTS}/transfers?limit=2")[1]
    rest = two.ask(f"GET {SUBACCOUNTS}/transfers?limit=2&cursor={first['cursor']}")[1]

    assert [row["amount_cents"] for row in first["transfers"] + rest["transfers"]] == [3, 2, 1]


def test_a_shift_between_shards_lets_orders_through(door):
    wanted = {"ticker": "KXT-F-D", "price": "0.505", "count": "2"}
    assert door.create(**wanted)[1]["error"]["code"] == "insufficient_balance"
    status, body = shift(door)
    shown = door.ask(f"GET {SHARDS}s/{body['transfer_id']}")[1]["transfer"]

    assert status == 200
    assert (shown["amount"], shown["destination_exchange_shard"]) == (20_000, 2)
    assert door.ask(f"GET {SHARDS}s")[1]["transfers"] == [shown]
    assert door.ask("GET /portfolio/balance?exchange_index=2")[1]["balance"] == 200
    assert door.create(**wanted)[0] == 201


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"source": "margined"}, 400),
        ({"amount": 0}, 400),
        ({"destination_exchange_shard": 0}, 400),
        ({"destination_exchange_shard": 11}, 404),
        ({"source_exchange_shard": 3}, 400),
    ],
)
def test_a_wrong_shift_is_refused(door, changes, status):
    assert shift(door, **changes)[0] == status
    assert door.ask(f"GET {SHARDS}s/none")[0] == 404


def test_netting_is_off_and_says_so(two):
    configs = two.ask(f"GET {SUBACCOUNTS}/netting")[1]["netting_configs"]
    off = {"subaccount_number": 1, "enabled": False}

    assert configs == [{"subaccount_number": 0, "enabled": False}, off]
    assert two.ask(f"PUT {SUBACCOUNTS}/netting", off)[0] == 200
    assert two.ask(f"PUT {SUBACCOUNTS}/netting", {**off, "enabled": True})[0] == 403


def test_reads_are_told_apart_by_subaccount(two):
    transfer(two)
    two.placed(subaccount=1)
    two.resting()

    def count(path, rows):
        return len(two.ask(f"GET {path}")[1][rows])

    assert count("/portfolio/orders", "orders") == 2
    assert count("/portfolio/orders?subaccount=1", "orders") == 1
    assert count("/portfolio/fills?subaccount=0", "fills") == 0
    assert count("/portfolio/positions?subaccount=1", "market_positions") == 1
    assert count("/portfolio/positions", "market_positions") == 0


@pytest.mark.parametrize("write", ["amend", "decrease", "cancel"])
def test_a_write_names_the_subaccount_of_its_order(two, write):
    transfer(two)
    order_id = two.resting(subaccount=1)["order_id"]
    path = f"/portfolio/events/orders/{order_id}"
    line, body = {
        "amend": (
            f"POST {path}/amend",
            {"ticker": "KXT-E-A", "side": "bid", "price": "0.9000", "count": "5"},
        ),
        "decrease": (f"POST {path}/decrease", {"reduce_by": "1"}),
        "cancel": (f"DELETE {path}", None),
    }[write]

    assert two.ask(line, body)[0] == 404
    assert two.ask(f"{line}?subaccount=1", body)[0] == 200
