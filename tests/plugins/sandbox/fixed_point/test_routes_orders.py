"""Orders in through the exchange's own bodies: created, amended, decreased, cancelled."""

import pytest

from framework.testing.builders import HOUR_US, NOW_US

ORDERS = "/portfolio/events/orders"


def place(door, **changes):
    return door.create(**{"client_order_id": "run-1", **changes})


def placed(door, **changes):
    return door.placed(**{"client_order_id": "run-1", **changes})


def resting(door, **changes):
    return placed(door, **{"price": "0.9100", **changes})


def item(**changes):
    """One order of a batch."""
    return {
        "ticker": "KXT-E-A",
        "side": "bid",
        "count": "1",
        "price": "0.9000",
        "time_in_force": "good_till_canceled",
        "self_trade_prevention_type": "taker_at_cross",
        **changes,
    }


def shown(door, order_id):
    return door.ask(f"GET /portfolio/orders/{order_id}")[1]["order"]


# ---------------------------------------------------------------------------------- creating


def test_a_create_that_trades_tells_what_it_paid(door):
    body = placed(door)

    assert (body["fill_count"], body["remaining_count"]) == ("10.00", "0.00")
    assert body["average_fill_price"] == "0.9200"
    assert body["client_order_id"] == "run-1"
    assert body["ts_ms"] == NOW_US // 1_000
    assert "status" not in body


def test_a_create_that_rests_has_no_averages(door):
    body = resting(door)

    assert (body["fill_count"], body["remaining_count"]) == ("0.00", "10.00")
    assert not {"average_fill_price", "average_fee_paid"} & set(body)


def test_an_immediate_order_leaves_nothing_resting(door):
    body = placed(door, price="0.9100", time_in_force="immediate_or_cancel")

    assert (body["fill_count"], body["remaining_count"]) == ("0.00", "0.00")
    assert door.ask(f"GET /portfolio/orders/{body['order_id']}")[1]["order"]["status"] == "canceled"


def test_an_ask_buys_the_no_side_at_the_complement(door):
    body = placed(door, side="ask", price="0.9000")
    shown = door.ask(f"GET /portfolio/orders/{body['order_id']}")[1]["order"]

    assert body["average_fill_price"] == "0.9000"
    assert (shown["outcome_side"], shown["book_side"]) == ("no", "ask")
    assert (shown["yes_price_dollars"], shown["no_price_dollars"]) == ("0.9000", "0.1000")


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"side": "yes"}, 400, "invalid_parameters"),
        ({"time_in_force": "day"}, 400, "invalid_parameters"),
        ({"self_trade_prevention_type": "none"}, 400, "invalid_parameters"),
        ({"price": "0.925"}, 400, "invalid_price"),
        ({"price": "92"}, 400, "invalid_price"),
        ({"price": "1.0100"}, 400, "invalid_price"),
        ({"price": "0.00"}, 400, "invalid_price"),
        ({"price": "1e-1"}, 400, "invalid_price"),
        ({"count": "0.00"}, 400, "invalid_order_size"),
        ({"count": "1.005"}, 400, "invalid_order_size"),
        ({"count": "-1"}, 400, "invalid_order_size"),
        ({"count": "NaN"}, 400, "invalid_order_size"),
        ({"client_order_id": "run.1"}, 400, "invalid_parameters"),
        ({"reduce_only": True}, 400, "invalid_parameters"),
        ({"expiration_time": 1}, 400, "invalid_parameters"),
        ({"expiration_time": 10**18}, 400, "invalid_parameters"),
        ({"ticker": "NONE"}, 404, "not_found"),
        ({"ticker": "KXT-F-C"}, 409, "MARKET_INACTIVE"),
        ({"exchange_index": 1}, 404, "not_found"),
        ({"count": "100000"}, 400, "insufficient_balance"),
        ({"ticker": "KXT-F-D", "price": "0.5"}, 400, "invalid_price"),
        ({"ticker": "KXT-F-D", "price": "0.505"}, 400, "insufficient_balance"),
        ({"post_only": True}, 400, "invalid_order"),
    ],
)
def test_a_wrong_create_is_refused_by_its_code(door, changes, status, code):
    found, body = place(door, **changes)

    assert (found, body["error"]["code"]) == (status, code)


@pytest.mark.parametrize("field", ["price", "count"])
def test_a_number_where_a_string_belongs_is_a_bad_request(door, field):
    status, body = place(door, **{field: 1})

    assert (status, body["code"]) == (400, "bad_request")


@pytest.mark.parametrize("field", ["time_in_force", "self_trade_prevention_type", "price"])
def test_what_is_mandatory_must_be_there(door, field):
    status, body = place(door, **{field: None})

    assert (status, body["code"]) == (400, "bad_request")


def test_a_client_order_id_is_used_once_and_for_all(door):
    first = resting(door)
    door.ask(f"DELETE {ORDERS}/{first['order_id']}")
    status, body = place(door)

    assert (status, body["error"]["code"]) == (409, "order_already_exists")


# -------------------------------------------------------------------------------- cancelling


def test_a_cancel_tells_what_it_took_out(door):
    body = resting(door)
    status, reply = door.ask(f"DELETE {ORDERS}/{body['order_id']}?market_ticker=KXT-E-A")

    assert status == 200
    assert (reply["order_id"], reply["reduced_by"]) == (body["order_id"], "10.00")


@pytest.mark.parametrize("again", ["canceled", "executed", "unknown"])
def test_what_does_not_rest_cannot_be_cancelled(door, again):
    order_id = "nobody"
    if again == "executed":
        order_id = placed(door)["order_id"]
    elif again == "canceled":
        order_id = resting(door)["order_id"]
        door.ask(f"DELETE {ORDERS}/{order_id}")
    status, body = door.ask(f"DELETE {ORDERS}/{order_id}")

    assert (status, body["error"]["code"]) == (404, "not_found")


def test_after_the_close_even_a_cancel_fails(door):
    order_id = resting(door)["order_id"]
    door.time.at_us = NOW_US + HOUR_US
    status, body = door.ask(f"DELETE {ORDERS}/{order_id}")

    assert (status, body["error"]["code"]) == (409, "MARKET_INACTIVE")


def test_cancel_all_empties_the_book(door):
    resting(door)
    resting(door, client_order_id="run-2", price="0.8000")
    status, _ = door.ask(f"DELETE {ORDERS}")

    assert status == 200
    assert door.ask("GET /portfolio/orders?status=resting")[1]["orders"] == []
    assert len(door.ask("GET /portfolio/orders?status=canceled")[1]["orders"]) == 2


# ------------------------------------------------------------------------ amend and decrease


def amend(door, order_id, **changes):
    terms = {"ticker": "KXT-E-A", "side": "bid", "price": "0.9000", "count": "12", **changes}
    return door.ask(f"POST {ORDERS}/{order_id}/amend", terms)


def test_an_amend_tells_what_rests_now(door):
    order_id = resting(door)["order_id"]
    status, body = amend(door, order_id, updated_client_order_id="run-9")

    assert status == 200
    assert (body["order_id"], body["client_order_id"]) == (order_id, "run-9")
    assert (body["fill_count"], body["remaining_count"]) == ("0.00", "12.00")
    assert shown(door, order_id)["yes_price_dollars"] == "0.9000"
    assert shown(door, order_id)["last_update_reason"] == "Amend"


def test_an_amend_that_crosses_tells_what_it_traded(door):
    order_id = resting(door)["order_id"]
    body = amend(door, order_id, price="0.9200")[1]

    assert (body["fill_count"], body["remaining_count"]) == ("12.00", "0.00")
    assert body["average_fill_price"] == "0.9200"


@pytest.mark.parametrize(
    ("told", "left"),
    [
        ({}, NOW_US + HOUR_US // 2),
        ({"expiration_time": 0}, None),
        ({"expiration_time": NOW_US // 1_000_000 + 60}, NOW_US + 60_000_000),
    ],
)
def test_an_amend_keeps_clears_or_moves_the_expiry(door, told, left):
    expires = (NOW_US + HOUR_US // 2) // 1_000_000
    order_id = resting(door, expiration_time=expires)["order_id"]

    assert amend(door, order_id, **told)[0] == 200
    assert door.venue.exchange.orders[order_id].expires_us == left


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"ticker": "KXT-E-B"}, 400, "order_ticker_mismatch"),
        ({"side": "ask"}, 400, "order_side_mismatch"),
        ({"client_order_id": "other"}, 400, "order_id_and_client_order_id_mismatch"),
        ({"price": "0.905"}, 400, "invalid_price"),
        ({"count": "0"}, 400, "invalid_order_size"),
        ({"exchange_index": 2}, 404, "not_found"),
        ({"updated_client_order_id": "run.1"}, 400, "invalid_parameters"),
        ({"expiration_time": 1}, 400, "invalid_parameters"),
        ({"count": "100000"}, 400, "insufficient_balance"),
    ],
)
def test_a_wrong_amend_is_refused_by_its_code(door, changes, status, code):
    order_id = resting(door)["order_id"]
    found, body = amend(door, order_id, **changes)

    assert (found, body["error"]["code"]) == (status, code)
    assert shown(door, order_id)["yes_price_dollars"] == "0.9100"


@pytest.mark.parametrize(
    ("body", "left"),
    [({"reduce_by": "4"}, "6.00"), ({"reduce_to": "2.5"}, "2.50"), ({"reduce_to": "0"}, "0.00")],
)
def test_a_decrease_tells_what_is_left(door, body, left):
    order_id = resting(door)["order_id"]
    status, reply = door.ask(f"POST {ORDERS}/{order_id}/decrease", body)

    assert (status, reply["order_id"], reply["remaining_count"]) == (200, order_id, left)
    assert reply["ts_ms"] == NOW_US // 1_000


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "invalid_parameters"),
        ({"reduce_by": "1", "reduce_to": "1"}, "invalid_parameters"),
        ({"reduce_by": "11"}, "invalid_order_size"),
        ({"reduce_by": "half"}, "invalid_order_size"),
        ({"reduce_by": "1", "market_ticker": "KXT-E-B"}, "order_ticker_mismatch"),
    ],
)
def test_a_wrong_decrease_is_refused_by_its_code(door, body, code):
    order_id = resting(door)["order_id"]
    status, reply = door.ask(f"POST {ORDERS}/{order_id}/decrease", body)

    assert (status, reply["error"]["code"]) == (400, code)
    assert shown(door, order_id)["remaining_count_fp"] == "10.00"


def test_a_decrease_by_its_id_alone_goes_to_shard_0(open_door):
    door = open_door(other_shards={2: 10_000_000})
    order_id = door.resting(ticker="KXT-F-D", price="0.50")["order_id"]
    path = f"POST {ORDERS}/{order_id}/decrease"

    assert door.ask(path, {"reduce_by": "1"})[0] == 404
    assert door.ask(path, {"reduce_by": "1", "exchange_index": 2})[0] == 200
    assert door.ask(path, {"reduce_by": "1", "market_ticker": "KXT-F-D"})[0] == 200


# ----------------------------------------------------------------------------------- batches


def test_a_batch_takes_what_it_can_and_names_what_it_cannot(door):
    orders = [
        item(client_order_id="one"),
        item(client_order_id="two", price="0.905"),
        {"ticker": "KXT-E-A"},
        item(client_order_id="three"),
    ]
    status, body = door.ask(f"POST {ORDERS}/batched", {"orders": orders})
    first, second, third, fourth = body["orders"]

    assert status == 201
    assert (first["client_order_id"], first["remaining_count"]) == ("one", "1.00")
    assert (second["client_order_id"], second["error"]["code"]) == ("two", "invalid_price")
    assert third["error"]["code"] == "bad_request"
    assert fourth["order_id"] != first["order_id"]


def test_a_batched_cancel_answers_each_order(door):
    order_id = resting(door)["order_id"]
    asked = [{"order_id": order_id}, {"order_id": "nobody"}, {}]
    status, body = door.ask(f"DELETE {ORDERS}/batched", {"orders": asked})
    done, unknown, empty = body["orders"]

    assert status == 200
    assert (done["order_id"], done["reduced_by"]) == (order_id, "10.00")
    assert (unknown["order_id"], unknown["reduced_by"]) == ("nobody", "0.00")
    assert unknown["error"]["code"] == "not_found"
    assert empty["error"]["code"] == "bad_request"


@pytest.mark.parametrize("verb", ["POST", "DELETE"])
@pytest.mark.parametrize("body", [None, {}, {"orders": []}, {"orders": "all"}])
def test_a_batch_without_orders_is_refused(door, verb, body):
    assert door.ask(f"{verb} {ORDERS}/batched", body)[0] == 400


def test_a_batch_costs_by_the_order_and_must_fit_at_once(open_door):
    door = open_door(rate_limits=True)
    ten = {"orders": [item(client_order_id=f"run-{number}") for number in range(10)]}
    eleven = {"orders": [item(client_order_id=f"more-{number}") for number in range(11)]}

    assert door.ask(f"POST {ORDERS}/batched", eleven)[0] == 429
    assert door.ask(f"POST {ORDERS}/batched", ten)[0] == 201
    assert door.ask(f"POST {ORDERS}/batched", {"orders": [item()]})[0] == 429
    door.time.pass_seconds(0.2)
    rest = {"orders": [{"order_id": "nobody"}] * 10}
    assert door.ask(f"DELETE {ORDERS}/batched", rest)[0] == 200


def test_a_repeated_client_id_may_bring_the_first_order_back(open_door):
    door = open_door(repeats="return")
    first = placed(door)
    again = placed(door, count="99")

    assert (again["order_id"], again["fill_count"]) == (first["order_id"], "10.00")
    assert len(door.venue.exchange.orders) == 1
