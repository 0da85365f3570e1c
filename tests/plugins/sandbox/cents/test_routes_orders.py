"""Orders in cents: what is taken, what is refused, and what becomes of batches and changes."""

from decimal import Decimal

import pytest

from framework.model.events import BookReplaced
from framework.model.units import to_e6
from framework.testing.builders import HOUR_US, NOW_US

HIGHNY = "KXHIGHNY-25JAN09-B56.5"
BTC = "KXBTC-26FEB09-B95000"
FINE = "KXFINE-26FEB09-T1"
ORDER = {"ticker": HIGHNY, "side": "yes", "type": "limit", "count": 10, "yes_price": 92}


def create(cents, **changes):
    body = {name: value for name, value in {**ORDER, **changes}.items() if value is not ...}
    return cents.ask("POST /portfolio/orders", body)


def resting(cents, **changes):
    status, body = create(cents, **changes)
    assert (status, body["order"]["status"]) == (201, "resting")
    return body["order"]["order_id"]


@pytest.mark.parametrize(
    ("changes", "prices"),
    [
        ({}, (92, 8)),
        ({"side": "no"}, (92, 8)),
        ({"side": "no", "yes_price": ..., "no_price": 5}, (95, 5)),
        ({"yes_price": ..., "no_price": 8}, (92, 8)),
        ({"action": "sell", "yes_price": 93}, (93, 7)),
        ({"action": "sell", "side": "no", "yes_price": 7}, (7, 93)),
    ],
)
def test_an_order_keeps_its_words_and_has_both_prices(cents, changes, prices):
    order = create(cents, **changes)[1]["order"]

    assert (order["yes_price"], order["no_price"]) == prices
    assert order["side"] == changes.get("side", "yes")
    assert order["action"] == changes.get("action", "buy")
    assert (order["yes_price_dollars"], order["type"]) == (f"0.{prices[0]:02d}00", "limit")


def test_selling_one_outcome_buys_the_other_at_its_price(cents):
    sold = resting(cents, action="sell", yes_price=93)
    row = cents.venue.exchange.orders[sold]

    assert (row.side, row.limit_e4) == ("no", 700)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"side": "maybe"}, "invalid_parameters"),
        ({"side": ...}, None),
        ({"action": "hold"}, "invalid_parameters"),
        ({"type": "market"}, "invalid_parameters"),
        ({"count": 0}, "invalid_order_size"),
        ({"count": -1}, "invalid_order_size"),
        ({"count": 10**30}, "invalid_order_size"),
        ({"count": 1.5}, None),
        ({"count": "10"}, None),
        ({"yes_price": 0}, "invalid_price"),
        ({"yes_price": 100}, "invalid_price"),
        ({"yes_price": 92.5}, None),
        ({"yes_price": "0.9200"}, None),
        ({"yes_price": ...}, "invalid_parameters"),
        ({"no_price": 8}, "invalid_parameters"),
        ({"time_in_force": "day"}, "invalid_parameters"),
        ({"client_order_id": "a b"}, "invalid_parameters"),
        ({"expiration_ts": -1}, "invalid_parameters"),
        ({"expiration_ts": NOW_US // 1_000_000}, "invalid_parameters"),
        ({"self_trade_prevention_type": "none"}, "invalid_parameters"),
        ({"count": 1_000_000}, "insufficient_balance"),
    ],
)
def test_what_is_no_order_is_a_400(cents, changes, code):
    status, body = create(cents, **changes)

    assert status == 400
    assert body.get("error", body)["code"] == (code or "bad_request")
    assert not cents.venue.exchange.orders


@pytest.mark.parametrize("ticker", ["KXNONE", FINE, ""])
def test_a_market_that_is_not_here_is_a_404(cents, ticker):
    assert create(cents, ticker=ticker)[0] == 404


def test_refusals_that_are_a_conflict_today_are_a_400_here(cents):
    create(cents, client_order_id="mine")
    status, body = create(cents, client_order_id="mine")

    assert (status, body["error"]["code"]) == (400, "order_already_exists")


def test_a_closed_market_takes_no_order(cents):
    cents.time.pass_seconds(HOUR_US // 1_000_000)
    status, body = create(cents)

    assert (status, body["error"]["code"]) == (400, "MARKET_INACTIVE")


def test_an_order_that_is_not_to_rest_is_canceled(cents):
    status, body = create(cents, time_in_force="immediate_or_cancel")

    assert (status, body["order"]["status"], body["order"]["remaining_count"]) == (
        201,
        "canceled",
        0,
    )


def test_a_post_only_order_that_crosses_is_refused(cents):
    assert create(cents, yes_price=93, post_only=True)[0] == 400


def test_an_order_expires_when_it_said(cents):
    order_id = resting(cents, expiration_ts=NOW_US // 1_000_000 + 10)
    shown = cents.ask(f"GET /portfolio/orders/{order_id}")[1]["order"]["expiration_time"]
    cents.time.pass_seconds(10)

    assert shown.endswith("Z")
    assert cents.ask(f"GET /portfolio/orders/{order_id}")[1]["order"]["status"] == "canceled"


def test_a_canceled_order_cannot_be_canceled_again(cents):
    order_id = resting(cents)

    assert cents.ask(f"DELETE /portfolio/orders/{order_id}") == (204, None)
    assert cents.ask(f"DELETE /portfolio/orders/{order_id}")[0] == 404


def test_orders_are_listed_by_status_market_and_page(cents):
    first = resting(cents)
    second = resting(cents, ticker=BTC, yes_price=41)
    cents.ask(f"DELETE /portfolio/orders/{first}")
    lists = {
        query: [row["order_id"] for row in cents.ask(f"GET /portfolio/orders?{query}")[1]["orders"]]
        for query in ("", "status=resting", "status=canceled", f"ticker={HIGHNY}", "limit=1")
    }

    assert lists == {
        "": [second, first],
        "status=resting": [second],
        "status=canceled": [first],
        f"ticker={HIGHNY}": [first],
        "limit=1": [second],
    }


# ------------------------------------------------------------------------------- changes


def test_an_amendment_shows_the_order_before_and_after(cents):
    order_id = resting(cents, client_order_id="first")
    body = {
        "ticker": HIGHNY,
        "side": "yes",
        "action": "buy",
        "client_order_id": "first",
        "updated_client_order_id": "second",
        "yes_price": 91,
        "count": 4,
    }
    status, told = cents.ask(f"POST /portfolio/orders/{order_id}/amend", body)

    assert status == 200
    shown = [
        (told[name]["client_order_id"], told[name]["yes_price"], told[name]["remaining_count"])
        for name in ("old_order", "order")
    ]
    assert shown == [("first", 92, 10), ("second", 91, 4)]


def test_an_amendment_keeps_what_it_does_not_name(cents):
    order_id = resting(cents, action="sell", yes_price=93)
    body = {"ticker": HIGHNY, "side": "yes", "action": "sell", "yes_price": 94}
    status, told = cents.ask(f"POST /portfolio/orders/{order_id}/amend", body)

    assert (status, told["order"]["action"]) == (200, "sell")
    assert (told["order"]["yes_price"], told["order"]["remaining_count"]) == (94, 10)


@pytest.mark.parametrize(
    ("changes", "status"),
    [({"side": "no"}, 400), ({"ticker": BTC}, 400), ({"count": 0}, 400), ({"yes_price": 100}, 400)],
)
def test_an_amendment_that_means_another_order_is_refused(cents, changes, status):
    order_id = resting(cents)
    body = {"ticker": HIGHNY, "side": "yes", "count": 3, "yes_price": 91, **changes}

    assert cents.ask(f"POST /portfolio/orders/{order_id}/amend", body)[0] == status
    assert cents.ask(f"GET /portfolio/orders/{order_id}")[1]["order"]["remaining_count"] == 10


@pytest.mark.parametrize(
    ("body", "remaining", "status"),
    [
        ({"reduce_by": 3}, 7, 200),
        ({"reduce_to": 3}, 3, 200),
        ({}, 10, 400),
        ({"reduce_by": 11}, 10, 400),
    ],
)
def test_a_decrease_takes_a_part_out(cents, body, remaining, status):
    order_id = resting(cents)
    answered, _ = cents.ask(f"POST /portfolio/orders/{order_id}/decrease", body)

    assert answered == status
    assert (
        cents.ask(f"GET /portfolio/orders/{order_id}")[1]["order"]["remaining_count"] == remaining
    )


@pytest.mark.parametrize("verb", ["amend", "decrease"])
def test_an_unknown_order_cannot_be_changed(cents, verb):
    body = {"ticker": HIGHNY, "side": "yes", "count": 1, "yes_price": 92, "reduce_by": 1}

    assert cents.ask(f"POST /portfolio/orders/none/{verb}", body)[0] == 404


def test_the_place_in_the_queue_is_told_in_whole_contracts(cents):
    order_id = resting(cents, yes_price=91)
    alone = cents.ask(f"GET /portfolio/orders/{order_id}/queue_position")
    every = cents.ask(f"GET /portfolio/orders/queue_positions?market_tickers={HIGHNY}")
    none = cents.ask(f"GET /portfolio/orders/queue_positions?market_tickers={BTC}")

    assert alone == (200, {"queue_position": 250})
    assert every[1]["queue_positions"] == [
        {"order_id": order_id, "market_ticker": HIGHNY, "queue_position": 250}
    ]
    assert none == (200, {"queue_positions": []})
    assert cents.ask("GET /portfolio/orders/none/queue_position")[0] == 404


def test_an_order_out_of_the_book_has_no_place(cents):
    resting(cents)
    cents.time.pass_seconds(HOUR_US // 1_000_000 + 0.1)

    assert cents.ask("GET /portfolio/orders/queue_positions")[1] == {"queue_positions": []}


# ------------------------------------------------------------------------------- batches


def test_each_order_of_a_batch_is_answered_by_itself(cents):
    orders = [ORDER, {**ORDER, "yes_price": 100}, {**ORDER, "ticker": FINE, "client_order_id": "x"}]
    status, body = cents.ask("POST /portfolio/orders/batched", {"orders": orders})
    rows = body["orders"]

    assert status == 201
    assert [row["order"] and row["order"]["status"] for row in rows] == ["resting", None, None]
    assert [row["error"] and row["error"]["code"] for row in rows] == [
        None,
        "invalid_price",
        "not_found",
    ]
    assert [row["client_order_id"] for row in rows] == [None, None, "x"]


def test_each_cancel_of_a_batch_is_answered_by_itself(cents):
    order_id = resting(cents)
    body = {"ids": [order_id, "none"]}
    status, told = cents.ask("DELETE /portfolio/orders/batched", body)
    first, second = told["orders"]

    assert status == 200
    assert (first["order"]["status"], first["reduced_by"], first["error"]) == ("canceled", 10, None)
    assert (second["order"], second["order_id"]) == (None, "none")
    assert second["error"]["code"] == "not_found"


@pytest.mark.parametrize(
    ("line", "body"),
    [
        ("POST /portfolio/orders/batched", {"orders": [ORDER] * 11}),
        ("DELETE /portfolio/orders/batched", {"ids": ["x"] * 11}),
    ],
)
def test_a_batch_that_no_second_could_pay_is_refused(cents, line, body):
    assert cents.ask(line, body)[0] == 400
    assert not cents.venue.exchange.orders


def test_a_sale_that_fills_closes_the_position(cents):
    cents.happen(
        BookReplaced(at_us=NOW_US, ticker=HIGHNY, yes=((9100, 1_000),), no=((800, 1_000),))
    )
    create(cents)
    create(cents, action="sell", yes_price=91)
    _, body = cents.ask("GET /portfolio/positions")

    assert [row["position"] for row in body["market_positions"]] == [0]


def test_an_order_trades_whole_contracts_only_so_that_its_fills_add_up(cents):
    no = ((1_000, 240), (900, 99), (800, 375))
    cents.happen(BookReplaced(at_us=NOW_US, ticker=HIGHNY, yes=(), no=no))
    order = create(cents, count=10)[1]["order"]
    cents.happen(BookReplaced(at_us=NOW_US, ticker=HIGHNY, yes=(), no=((800, 1_050),)))
    fills = cents.ask("GET /portfolio/fills")[1]["fills"]
    after = cents.ask(f"GET /portfolio/orders/{order['order_id']}")[1]["order"]

    assert order["fill_count"] == 5
    assert [(fill["yes_price"], fill["count"]) for fill in fills] == [(92, 5), (92, 3), (90, 2)]
    assert (after["status"], after["fill_count"]) == ("executed", 10)


def test_the_told_fills_move_the_cash_exactly(cents):
    no = ((1_000, 240), (900, 199), (800, 2_075))
    cents.happen(BookReplaced(at_us=NOW_US, ticker=HIGHNY, yes=(), no=no))
    before = cents.venue.exchange.cash_e6
    create(cents, count=12)
    told = sum(
        fill["count"] * fill["yes_price"] * 10_000 + to_e6(Decimal(fill["fee_cost"]))
        for fill in cents.ask("GET /portfolio/fills")[1]["fills"]
    )

    assert before - cents.venue.exchange.cash_e6 == told
