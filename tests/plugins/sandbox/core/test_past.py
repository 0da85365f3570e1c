"""Reads that lag: the account as it was a while ago, and how far that is."""

import pytest

from framework.model.events import MarketSettled
from framework.model.market import Settlement
from framework.testing.builders import NOW_US
from plugins.sandbox.faults import Faults


@pytest.fixture
def late(open_door):
    return open_door(faults=Faults.model_validate({"read_lag": "400ms"}))


def shown(door):
    orders = door.ask("GET /portfolio/orders")[1]["orders"]
    fills = door.ask("GET /portfolio/fills")[1]["fills"]
    held = door.ask("GET /portfolio/positions")[1]["market_positions"]
    balance = door.ask("GET /portfolio/balance")[1]
    return [row["status"] for row in orders], len(fills), len(held), balance["balance"] < 1_000_000


def test_a_write_is_seen_once_the_lag_is_over(late):
    late.placed()
    late.time.pass_seconds(0.399)
    before = shown(late)
    late.time.pass_seconds(0.001)

    assert before == ([], 0, 0, False)
    assert shown(late) == (["executed"], 1, 1, True)


def test_a_cancelled_order_still_rests_for_a_while(late):
    order_id = late.resting()["order_id"]
    late.time.pass_seconds(1)
    late.ask(f"DELETE /portfolio/events/orders/{order_id}")
    path = f"/portfolio/orders/{order_id}"

    assert late.ask(f"GET {path}")[1]["order"]["status"] == "resting"
    late.time.pass_seconds(1)
    assert late.ask(f"GET {path}")[1]["order"]["status"] == "canceled"


def test_the_timestamp_says_how_far_the_reads_are(late):
    late.time.pass_seconds(1)

    assert late.ask("GET /exchange/user_data_timestamp")[1] == {
        "as_of_time": "2026-01-15T12:00:00.6Z"
    }


def test_payments_and_transfers_come_late_too(late):
    late.placed()
    paid = Settlement(ticker="KXT-E-A", at_us=NOW_US, result="yes", yes_pays_e4=10_000)
    late.happen(MarketSettled(at_us=NOW_US, settlement=paid))
    late.ask("POST /portfolio/subaccounts")
    body = {
        "client_transfer_id": "00000000-0000-4000-8000-000000000000",
        "from_subaccount": 0,
        "to_subaccount": 1,
        "amount_cents": 100,
    }
    late.ask("POST /portfolio/subaccounts/transfer", body)

    def told():
        settlements = late.ask("GET /portfolio/settlements")[1]["settlements"]
        settled = late.ask("GET /portfolio/positions?settlement_status=settled")[1]
        balance = late.ask("GET /portfolio/balance?subaccount=1")[1]["balance"]
        return len(settlements), len(settled["market_positions"]), balance

    assert told() == (0, 0, 0)
    late.time.pass_seconds(1)
    assert told() == (1, 1, 100)


def test_the_value_is_that_of_the_positions_shown(late):
    late.placed()
    early = late.ask("GET /portfolio/balance")[1]["portfolio_value"]
    late.time.pass_seconds(1)

    assert (early, late.ask("GET /portfolio/balance")[1]["portfolio_value"]) == (0, 900)
