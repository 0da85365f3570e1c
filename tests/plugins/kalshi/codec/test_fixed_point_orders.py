import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.exchange import Accepted, Rejected, Unknown
from framework.model.commands import AmendOrder, CancelOrder
from framework.model.orders import Order, Purpose, TimeInForce
from framework.model.units import Side
from plugins.kalshi.codec.fixed_point import FixedPoint
from plugins.kalshi.codec.fixed_point_orders import Terms
from plugins.kalshi.codec.numbers import PRICES, count_e2

CANCEL = CancelOrder(client_order_id="c-1", order_id="o-1", ticker="A-1", shard=2, reason="")


def order(side=Side.YES, limit=5_600, **terms):
    usual = {"client_order_id": "t-1", "quantity_e2": 1_050, "purpose": Purpose.ENTRY}
    return Order(ticker="A-1", side=side, limit_e4=limit, strategy="s", **(usual | terms))


def body_of(request):
    return json.loads(request.body)


def test_an_order_is_written_as_the_exchange_documents_it(codec):
    request = codec.create(order())

    assert (request.method, request.path) == ("POST", "/portfolio/events/orders")
    assert body_of(request) == {
        "ticker": "A-1",
        "side": "bid",
        "count": "10.50",
        "price": "0.5600",
        "time_in_force": "good_till_canceled",
        "self_trade_prevention_type": "taker_at_cross",
        "client_order_id": "t-1",
        "exchange_index": 0,
    }
    assert request.shard == 0


def test_buying_no_is_selling_yes_at_the_complement(codec):
    body = body_of(codec.create(order(Side.NO, 1_300)))

    assert (body["side"], body["price"]) == ("ask", "0.8700")


@given(st.sampled_from(Side), st.integers(1, 9_999), st.integers(1, 10**8))
def test_an_order_keeps_its_meaning_on_the_yes_book(side, limit, quantity):
    body = body_of(FixedPoint().create(order(side, limit, quantity_e2=quantity)))

    bought = Side.YES if body["side"] == "bid" else Side.NO
    yes_price = PRICES[body["price"]]
    assert bought is side
    assert limit == (yes_price if side is Side.YES else 10_000 - yes_price)
    assert count_e2(body["count"]) == quantity


def test_flags_are_written_only_when_set(codec):
    body = body_of(
        codec.create(order(time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL, reduce_only=True))
    )

    assert body["reduce_only"] is True
    assert body["time_in_force"] == "immediate_or_cancel"
    assert "post_only" not in body


def test_a_lifetime_is_written_in_whole_seconds_never_shorter(codec):
    assert body_of(codec.create(order(expires_us=1_000_000_001)))["expiration_time"] == 1_001
    assert body_of(codec.create(order(expires_us=1_000_000_000)))["expiration_time"] == 1_000


def test_an_immediate_order_carries_no_lifetime(codec):
    terms = order(time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL, expires_us=1_000_000_000)

    assert "expiration_time" not in body_of(codec.create(terms))


def test_a_subaccount_goes_with_every_write():
    codec = FixedPoint(subaccount=3)

    assert body_of(codec.create(order()))["subaccount"] == 3
    assert codec.cancel(CANCEL).query["subaccount"] == 3
    assert codec.cancel_all().query == {"subaccount": 3}


def test_every_write_names_the_shard_of_its_market_and_is_paid_for_there(codec):
    request, cancel = codec.create(order(shard=2)), codec.cancel(CANCEL)

    assert body_of(request)["exchange_index"] == 2
    assert cancel.query["exchange_index"] == 2
    assert (request.shard, cancel.shard) == (2, 2)


def test_a_cancel_of_everything_is_paid_for_on_every_shard(codec):
    assert codec.cancel_all().shard is None


def test_a_cancel_names_its_market(codec):
    request = codec.cancel(CANCEL)

    assert (request.method, request.path) == ("DELETE", "/portfolio/events/orders/o-1")
    assert request.query == {"market_ticker": "A-1", "exchange_index": 2}


def test_what_holds_for_every_order_of_the_account_is_written_on_each():
    codec = FixedPoint(terms=Terms(self_trade_prevention="maker", cancel_on_pause=True))

    resting = body_of(codec.create(order()))
    immediate = body_of(codec.create(order(time_in_force=TimeInForce.FILL_OR_KILL)))

    assert resting["self_trade_prevention_type"] == "maker"
    assert resting["cancel_order_on_pause"] is True
    assert immediate["time_in_force"] == "fill_or_kill"
    assert "cancel_order_on_pause" not in immediate


def test_an_order_may_join_a_group(codec):
    assert body_of(codec.create_in(order(), "g-1"))["order_group_id"] == "g-1"
    assert "order_group_id" not in body_of(codec.create(order()))


def test_the_reply_to_an_order_tells_id_and_counts(codec):
    body = {"order_id": "o-1", "fill_count": "2.00", "remaining_count": "8.50", "ts_ms": 5}

    assert codec.created(order(), msgspec.json.encode(body)) == Accepted(
        order_id="o-1", filled_e2=200, remaining_e2=850, at_us=5_000
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"order_id": ""}',
        b'{"order_id": 7}',
        b'{"error": {"code": "deprecated_v1_order_endpoint"}}',
        b'{"order": {"order_id": "o-1"}}',
        b'{"order_id": "o-1"',
        b"\xff\xfe",
    ],
)
def test_success_without_an_order_id_is_unknown(codec, body):
    assert isinstance(codec.created(order(), body), Unknown)
    assert isinstance(codec.cancelled(CANCEL, body), Unknown)


@pytest.mark.parametrize("field", ["fill_count", "remaining_count", "ts_ms"])
@pytest.mark.parametrize("value", [None, 7.5, "x", [], {"a": 1}])
def test_an_odd_field_beside_the_order_id_loses_only_itself(codec, field, value):
    body = {"order_id": "o-1", "fill_count": "2.00", "remaining_count": "8.50", "ts_ms": 5}
    body[field] = value

    outcome = codec.created(order(), msgspec.json.encode(body))

    assert isinstance(outcome, Accepted)
    assert outcome.order_id == "o-1"


def test_a_cancelled_order_rests_no_more(codec):
    body = {"order_id": "o-1", "reduced_by": "3.00", "ts_ms": 5}

    assert codec.cancelled(CANCEL, msgspec.json.encode(body)) == Accepted(
        order_id="o-1", filled_e2=None, remaining_e2=0, cancelled_e2=3_00, at_us=5_000
    )


# -------------------------------------------------------------------------------- changes


def amendment(side=Side.YES, limit=5_700):
    held = order(side, shard=2)
    return AmendOrder(
        client_order_id="t-1", order_id="o-1", order=held, limit_e4=limit, quantity_e2=2_000
    )


def test_an_amendment_tells_the_new_price_and_the_whole_size_and_keeps_the_client_id(codec):
    request = codec.amend(amendment())

    assert (request.method, request.path) == ("POST", "/portfolio/events/orders/o-1/amend")
    assert request.template == "/portfolio/events/orders/{order_id}/amend"
    assert request.shard == 2
    assert body_of(request) == {
        "ticker": "A-1",
        "side": "bid",
        "price": "0.5700",
        "count": "20.00",
        "client_order_id": "t-1",
        "exchange_index": 2,
    }


def test_an_amendment_of_a_no_order_stands_on_the_yes_book(codec):
    body = body_of(codec.amend(amendment(Side.NO, 1_300)))

    assert (body["side"], body["price"]) == ("ask", "0.8700")


@pytest.mark.parametrize("side", Side)
def test_a_smaller_total_alone_is_a_decrease_by_the_difference(codec, side):
    change = amendment(side)
    smaller = msgspec.structs.replace(change, limit_e4=change.order.limit_e4, quantity_e2=800)

    request = codec.amend(smaller)

    assert request.path == "/portfolio/events/orders/o-1/decrease"
    assert body_of(request) == {"reduce_by": "2.50", "market_ticker": "A-1", "exchange_index": 2}


def test_a_smaller_total_at_another_price_is_an_amendment(codec):
    request = codec.amend(msgspec.structs.replace(amendment(), quantity_e2=800))

    assert request.path == "/portfolio/events/orders/o-1/amend"
    assert body_of(request)["count"] == "8.00"


def test_an_amendment_names_no_expiry_and_so_keeps_it(codec):
    change = amendment()
    expiring = msgspec.structs.replace(change.order, expires_us=1_800_000_000_000_000)

    body = body_of(codec.amend(msgspec.structs.replace(change, order=expiring)))

    assert "expiration_time" not in body
    assert "updated_client_order_id" not in body


def test_an_amendment_says_what_rests_and_not_its_fills_which_are_only_its_own(codec):
    body = {"order_id": "o-1", "remaining_count": "8.50", "fill_count": "2.00", "ts_ms": 5}

    assert codec.amended(msgspec.json.encode(body)) == Accepted(
        order_id="o-1", filled_e2=None, remaining_e2=850, at_us=5_000
    )


@pytest.mark.parametrize(
    ("sizes", "field", "text"),
    [({"by_e2": 250}, "reduce_by", "2.50"), ({"to_e2": 0}, "reduce_to", "0.00")],
)
def test_a_decrease_names_the_market_and_one_size(codec, sizes, field, text):
    request = codec.decrease(CANCEL, **sizes)

    assert request.path == "/portfolio/events/orders/o-1/decrease"
    assert body_of(request) == {field: text, "market_ticker": "A-1", "exchange_index": 2}


@pytest.mark.parametrize(
    "sizes", [{}, {"by_e2": 1, "to_e2": 1}, {"by_e2": 0}, {"by_e2": -1}, {"to_e2": -1}]
)
def test_a_decrease_needs_exactly_one_size_that_is_one(codec, sizes):
    with pytest.raises(ValueError, match=r"exactly one|must not be"):
        codec.decrease(CANCEL, **sizes)


@pytest.mark.parametrize("read", ["amended", "decreased"])
@pytest.mark.parametrize(
    "body", [b"", b"{}", b"<html>", b'{"order_id": "o-1", "error": {"code": "invalid_price"}}']
)
def test_a_change_without_an_id_or_with_an_error_is_unknown(codec, read, body):
    assert isinstance(getattr(codec, read)(body), Unknown)


def test_the_subaccount_of_a_change_stands_in_its_query():
    codec = FixedPoint(subaccount=3)

    assert codec.amend(amendment()).query == {"subaccount": 3}
    assert codec.decrease(CANCEL, by_e2=1).query == {"subaccount": 3}


# -------------------------------------------------------------------------------- batches

ORDERS = [order(client_order_id=f"t-{number}") for number in (1, 2, 3)]
CANCELS = [msgspec.structs.replace(CANCEL, order_id=f"o-{number}") for number in (1, 2, 3)]


def placed(codec, *items, status=201):
    return codec.created_batch(ORDERS, status, json.dumps({"orders": items}).encode())


def item(number, **fields):
    body = {"order_id": f"o-{number}", "fill_count": "0.00", "remaining_count": "10.50"}
    return {**body, "client_order_id": f"t-{number}", **fields}


def test_a_batch_of_orders_holds_each_as_if_sent_alone_and_pays_for_each(codec):
    request = codec.create_batch(ORDERS, {})

    assert (request.method, request.path) == ("POST", "/portfolio/events/orders/batched")
    assert body_of(request) == {"orders": [body_of(codec.create(one)) for one in ORDERS]}
    assert (request.items, request.shard) == (3, 0)


def test_only_entries_of_a_batch_join_the_group_of_their_shard(codec):
    entry, way_out = order(shard=2), order(purpose=Purpose.EXIT, shard=2)

    rows = body_of(codec.create_batch([entry, way_out], {2: "g-2"}))["orders"]

    assert [row.get("order_group_id") for row in rows] == ["g-2", None]


def test_each_order_of_a_batch_has_its_own_outcome(codec):
    no = {"client_order_id": "t-2", "error": {"code": "invalid_price", "message": "off grid"}}

    first, second, third = placed(codec, item(1), no, item(3, error={"code": "internal_error"}))

    assert first == Accepted(order_id="o-1", filled_e2=0, remaining_e2=1_050)
    assert second == Rejected(code="invalid_price", message="off grid")
    assert isinstance(third, Unknown)


@pytest.mark.parametrize("sign", [{"order_id": "o-1"}, {"fill_count": "1.00"}])
def test_an_order_of_a_batch_that_is_refused_and_there_at_once_is_unknown(codec, sign):
    item_1 = {"client_order_id": "t-1", "error": {"code": "insufficient_balance"}, **sign}

    first, second, third = placed(codec, item_1, item(2), item(3))

    assert first == Unknown(reason="the reply to the order holds insufficient_balance")
    assert [second.order_id, third.order_id] == ["o-2", "o-3"]


def test_an_order_of_a_batch_that_is_told_twice_is_unknown(codec):
    no = {"client_order_id": "t-1", "error": {"code": "invalid_price"}}

    outcomes = placed(codec, item(1), no, item(2), item(3))

    assert [type(outcome) for outcome in outcomes] == [Unknown, Accepted, Accepted]


def test_a_refused_order_of_a_batch_may_be_told_with_empty_fields(codec):
    empty = {"order_id": "", "fill_count": "0.00", "remaining_count": None}
    no = {"client_order_id": "t-1", **empty, "error": {"code": "invalid_price", "message": "m"}}

    assert placed(codec, no, item(2), item(3))[0] == Rejected(code="invalid_price", message="m")


def test_a_cancel_of_a_batch_that_is_refused_and_took_something_out_is_unknown(codec):
    row = {"order_id": "o-1", "reduced_by": "3.00", "error": {"code": "not_found"}}

    first, *_ = codec.cancelled_batch(CANCELS, 200, json.dumps({"orders": [row]}).encode())

    assert first == Unknown(reason="the reply to the cancel holds not_found")


def test_answers_to_a_batch_are_told_apart_by_client_id_not_by_place(codec):
    outcomes = placed(codec, item(3), item(1), item(2))

    assert [outcome.order_id for outcome in outcomes] == ["o-1", "o-2", "o-3"]


def test_answers_without_client_ids_are_told_apart_by_place(codec):
    outcomes = placed(codec, *(item(number, client_order_id=None) for number in (1, 2, 3)))

    assert [outcome.order_id for outcome in outcomes] == ["o-1", "o-2", "o-3"]


@pytest.mark.parametrize(
    "items",
    [
        [],
        [item(1, client_order_id=None)],
        [item(1), item(4)],
        ["x", None, 5],
        [{"client_order_id": []}] * 3,
    ],
)
def test_an_order_that_the_answer_leaves_out_is_unknown(codec, items):
    outcomes = placed(codec, *items)

    assert isinstance(outcomes[2], Unknown)
    assert len(outcomes) == 3


def test_a_client_id_that_exists_already_is_unknown_in_a_batch_too(codec):
    used = {"client_order_id": "t-1", "error": {"code": "order_already_exists"}}

    assert isinstance(placed(codec, used, item(2), item(3))[0], Unknown)


@pytest.mark.parametrize("body", [b"", b"{}", b"<html>", b'{"error": {"code": "invalid_price"}}'])
def test_a_success_without_a_list_leaves_every_order_unknown(codec, body):
    outcomes = codec.created_batch(ORDERS, 200, body)

    assert [type(outcome) for outcome in outcomes] == [Unknown] * 3


def test_a_batch_of_cancels_names_each_market_and_shard():
    codec = FixedPoint(subaccount=3)

    request = codec.cancel_batch(CANCELS)

    assert (request.method, request.path) == ("DELETE", "/portfolio/events/orders/batched")
    assert (request.items, request.shard) == (3, 0)
    assert body_of(request)["orders"][1] == {
        "order_id": "o-2",
        "market_ticker": "A-1",
        "exchange_index": 2,
        "subaccount": 3,
    }


def test_each_cancel_of_a_batch_has_its_own_outcome(codec):
    rows = [
        {"order_id": "o-2", "reduced_by": "0.00", "error": {"code": "not_found", "message": "m"}},
        {"order_id": "o-1", "reduced_by": "3.00", "ts_ms": 5, "error": None},
    ]

    first, second, third = codec.cancelled_batch(
        CANCELS, 200, json.dumps({"orders": rows}).encode()
    )

    assert first == Accepted(
        order_id="o-1", filled_e2=None, remaining_e2=0, cancelled_e2=300, at_us=5_000
    )
    assert second == Rejected(code="not_found", message="m")
    assert isinstance(third, Unknown)


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["order_id", "client_order_id", "error", "fill_count"]),
            st.none() | st.integers() | st.text(max_size=3) | st.sampled_from(["t-1", "o-1"]),
        )
        | st.none(),
        max_size=4,
    )
)
def test_whatever_a_batch_answers_every_order_has_one_outcome(items):
    outcomes = placed(FixedPoint(), *items)

    assert len(outcomes) == 3
