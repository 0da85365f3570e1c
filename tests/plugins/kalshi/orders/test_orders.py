import pytest

from framework.errors import InvariantError
from framework.exchange import Accepted, Rejected, Unknown
from framework.model.commands import AmendOrder, CancelOrder
from framework.model.orders import Order, Purpose
from framework.model.units import Side
from framework.run import Mode

ORDERS = "/portfolio/events/orders"
BATCH = f"{ORDERS}/batched"
CANCEL = CancelOrder(client_order_id="c-1", order_id="o-1", ticker="A", shard=0, reason="")
TAKEN = (201, {"order_id": "o-1", "fill_count": "0.00", "remaining_count": "10.00", "ts_ms": 5})


def order(number=1, purpose=Purpose.ENTRY, **terms):
    return Order(
        client_order_id=f"c-{number}",
        ticker="A",
        side=Side.YES,
        limit_e4=5_600,
        quantity_e2=1_000,
        purpose=purpose,
        strategy="s",
        **terms,
    )


def submit(*orders):
    async def main(exchange, run):
        outcomes = await exchange.submit(orders)
        at_s = (run.clock.now_us() - 1_768_478_400_000_000) / 1_000_000
        await run.clock.sleep(120)
        return outcomes, at_s

    return main


def cancel(*cancels):
    async def main(exchange, run):
        return await exchange.cancel(cancels)

    return main


def test_an_order_that_was_taken_is_accepted(trade, server):
    server.always("POST", ORDERS, TAKEN)

    outcomes, _ = trade(submit(order()))

    assert outcomes == [Accepted(order_id="o-1", filled_e2=0, remaining_e2=1_000, at_us=5_000)]
    assert [seen.body["client_order_id"] for seen in server.asked("POST", ORDERS)] == ["c-1"]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410, 429])
def test_a_definite_refusal_is_a_rejection(trade, server, status):
    server.always("POST", ORDERS, (status, {"error": {"code": "c", "message": "m"}}))

    outcomes, _ = trade(submit(order()))

    assert outcomes == [Rejected(code="c", message="m")]
    assert len(server.asked("POST", ORDERS)) == 1


@pytest.mark.parametrize(
    ("answer", "after_s"),
    [
        ((408, b""), 0),
        ((500, b""), 0),
        ((502, b"<html>"), 0),
        ((503, b""), 0),
        ((504, b""), 0),
        ((302, b""), 0),
        ((200, b""), 0),
        ((200, {"error": {"code": "deprecated_v1_order_endpoint"}}), 0),
        ((201, {"order": {"order_id": "o-1"}}), 0),
        ((201, b"\xff"), 0),
        ("cut", 0),
        ("hang", 10),
    ],
)
def test_anything_else_is_unknown_and_sent_exactly_once(trade, server, answer, after_s):
    server.always("POST", ORDERS, answer)

    (outcome,), at_s = trade(submit(order()))

    assert isinstance(outcome, Unknown)
    assert at_s == after_s
    assert len(server.asked("POST", ORDERS)) == 1


def test_no_order_is_no_outcome(trade, server):
    assert trade(submit())[0] == []
    assert server.asked("POST", ORDERS) == []


def test_entries_beyond_the_budget_are_refused_here_and_exits_are_not(trade, server):
    server.always("POST", ORDERS, TAKEN)

    async def main(exchange, run):
        exchange.rest.limits.write.take(370)  # an entry would wait too long
        entry, way_out = await exchange.submit([order(1), order(2, Purpose.EXIT)])
        return entry, way_out

    entry, way_out = trade(main)
    assert entry == Rejected(code="rate_limited", message="not sent: the write budget is used up")
    assert isinstance(way_out, Accepted)
    assert [seen.body["client_order_id"] for seen in server.asked("POST", ORDERS)] == ["c-2"]


def test_paper_mode_sends_no_order(trade, server):
    async def main(exchange, run):
        return [
            *await exchange.submit([order()]),
            *await exchange.cancel([CANCEL]),
            await exchange.cancel_all(),
        ]

    assert {outcome.code for outcome in trade(main, mode=Mode.PAPER)} == {"paper"}
    assert [seen for seen in server.requests if seen.method != "GET"] == []


def test_a_cancel_names_its_market(trade, server):
    server.always("DELETE", f"{ORDERS}/o-1", {"order_id": "o-1", "reduced_by": "1.00", "ts_ms": 5})

    (outcome,) = trade(cancel(CANCEL))

    assert outcome == Accepted(
        order_id="o-1", filled_e2=None, remaining_e2=0, cancelled_e2=1_00, at_us=5_000
    )
    assert server.requests[-1].query == {"market_ticker": "A", "exchange_index": "0"}


def test_a_cancel_of_an_order_that_is_gone_is_rejected(trade, server):
    (outcome,) = trade(cancel(CANCEL))

    assert outcome == Rejected(code="not_found", message="not found")


def test_an_empty_list_of_cancels_is_refused_before_anything_is_sent(trade, server):
    async def main(exchange, run):
        with pytest.raises(ValueError, match="nothing to cancel"):
            await exchange.cancel([])

    trade(main)
    assert [seen for seen in server.requests if seen.method == "DELETE"] == []


@pytest.mark.parametrize(
    ("answer", "kind"), [({}, Accepted), ((400, b""), Rejected), ((500, b""), Unknown)]
)
def test_everything_can_be_cancelled_at_once(trade, server, answer, kind):
    server.always("DELETE", ORDERS, answer)

    async def main(exchange, run):
        return await exchange.cancel_all()

    assert isinstance(trade(main), kind)


# ------------------------------------------------------------------------------- batches


def answered(seen):
    """Answer a batch as the exchange does: each item with its own result."""
    return {
        "orders": [
            {
                "order_id": f"o-{row['client_order_id']}",
                "client_order_id": row["client_order_id"],
                "fill_count": "0.00",
                "remaining_count": row["count"],
            }
            for row in seen.body["orders"]
        ]
    }


def test_several_orders_of_one_decision_are_one_request(trade, server):
    server.always("POST", BATCH, answered)

    outcomes, _ = trade(submit(order(1), order(2), order(3)))

    assert [outcome.order_id for outcome in outcomes] == ["o-c-1", "o-c-2", "o-c-3"]
    assert len(server.asked("POST", BATCH)) == 1
    assert server.asked("POST", ORDERS) == []


def test_exits_and_entries_never_share_a_batch(trade, server):
    server.always("POST", BATCH, answered)
    out = Purpose.EXIT

    outcomes, _ = trade(submit(order(1), order(2, out), order(3), order(4, out)))

    sent = [[row["client_order_id"] for row in s.body["orders"]] for s in server.requests if s.body]
    assert sent == [["c-2", "c-4"], ["c-1", "c-3"]]
    assert [outcome.order_id for outcome in outcomes] == ["o-c-1", "o-c-2", "o-c-3", "o-c-4"]


def test_a_batch_that_cannot_be_paid_for_at_once_is_sent_one_by_one(trade, server):
    def answer(seen):
        number = seen.body["client_order_id"]
        return {"c-1": TAKEN, "c-2": (400, {"error": {"code": "x"}}), "c-3": (500, b"")}[number]

    server.always("POST", ORDERS, answer)

    async def main(exchange, run):
        exchange.rest.limits.write.take(60)
        return await exchange.submit([order(1), order(2), order(3)])

    outcomes = trade(main)
    assert [type(outcome) for outcome in outcomes] == [Accepted, Rejected, Unknown]
    assert len(server.asked("POST", ORDERS)) == 3
    assert server.asked("POST", BATCH) == []


@pytest.mark.parametrize("answer", ["cut", "hang", (500, b""), (200, b""), (502, b"<html>")])
def test_a_batch_without_an_answer_leaves_every_order_unknown_and_is_not_repeated(
    trade, server, answer
):
    server.always("POST", BATCH, answer)

    outcomes, _ = trade(submit(order(1), order(2)))

    assert [type(outcome) for outcome in outcomes] == [Unknown] * 2
    assert len([seen for seen in server.requests if seen.method == "POST"]) == 1


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (401, "authentication_error", Rejected),
        (403, "forbidden", Rejected),
        (410, "gone", Rejected),
        (429, "too_many_requests", Rejected),
        (400, "bad_request", Rejected),
        (400, "invalid_price", Unknown),
        (404, "not_found", Unknown),
        (409, "order_already_exists", Unknown),
        (409, "trading_is_paused", Unknown),
    ],
)
def test_only_what_is_refused_before_its_orders_are_read_refuses_a_whole_batch(
    trade, server, status, code, kind
):
    server.always("POST", BATCH, (status, {"error": {"code": code}}))

    outcomes, _ = trade(submit(order(1), order(2)))

    assert [type(outcome) for outcome in outcomes] == [kind] * 2


def test_a_batch_that_worked_in_part_tells_each_order_its_own(trade, server):
    def answer(seen):
        rows = answered(seen)["orders"]
        rows[1] = {"client_order_id": "c-2", "error": {"code": "insufficient_balance"}}
        return {"orders": rows[:2]}

    server.always("POST", BATCH, answer)

    outcomes, _ = trade(submit(order(1), order(2), order(3)))

    assert [type(outcome) for outcome in outcomes] == [Accepted, Rejected, Unknown]


def test_several_cancels_are_one_request_with_a_body(trade, server):
    rows = [{"order_id": "o-2", "error": {"code": "not_found"}}, {"order_id": "o-1"}]
    server.always("DELETE", BATCH, {"orders": rows})
    other = CancelOrder(client_order_id="c-2", order_id="o-2", ticker="B", shard=2, reason="")

    outcomes = trade(cancel(CANCEL, other))

    assert [type(outcome) for outcome in outcomes] == [Accepted, Rejected]
    assert server.requests[-1].body == {
        "orders": [
            {"order_id": "o-1", "market_ticker": "A", "exchange_index": 0},
            {"order_id": "o-2", "market_ticker": "B", "exchange_index": 2},
        ]
    }


def test_a_lost_batch_of_cancels_leaves_every_cancel_unknown(trade, server):
    server.always("DELETE", BATCH, "cut")

    outcomes = trade(cancel(CANCEL, CANCEL))

    assert [type(outcome) for outcome in outcomes] == [Unknown] * 2


def test_cancels_that_cannot_be_paid_for_at_once_are_sent_one_by_one(trade, server):
    server.always("DELETE", f"{ORDERS}/o-1", {"order_id": "o-1"})

    async def main(exchange, run):
        exchange.rest.limits.write.take(100)
        return await exchange.cancel([CANCEL, CANCEL])

    assert [type(outcome) for outcome in trade(main)] == [Accepted] * 2
    assert len(server.asked("DELETE", f"{ORDERS}/o-1")) == 2


def test_orders_are_paid_for_by_their_shard(trade, server):
    server.always("POST", ORDERS, TAKEN)

    async def main(exchange, run):
        await exchange.submit([order(1, shard=2)])
        return {usage.bucket: usage.used for usage in exchange.usage()}

    used = trade(main)
    assert used["write/2"] > 0
    assert used["write/0"] == used["write/1"] == used["write/3"] == 0


def test_a_refusal_for_the_rate_empties_the_bucket_that_paid(trade, server):
    server.always("POST", ORDERS, (429, {"error": "too many requests"}))

    async def main(exchange, run):
        (outcome,) = await exchange.submit([order(1, shard=2)])
        return outcome, {usage.bucket: usage.refusals for usage in exchange.usage()}

    outcome, refusals = trade(main)
    assert outcome == Rejected(code="too_many_requests", message="too many requests")
    assert (refusals["write/2"], refusals["write/0"]) == (1, 0)


# ------------------------------------------------------------------------------- changes

AMENDMENT = AmendOrder(
    client_order_id="c-1", order_id="o-1", order=order(), limit_e4=5_700, quantity_e2=1_000
)


def amend(exchange, run):
    return exchange.amend([AMENDMENT])


def test_an_amended_order_is_accepted_with_what_rests_of_it(trade, server):
    reply = {"order_id": "o-1", "client_order_id": "c-1", "remaining_count": "8.00", "ts_ms": 5}
    server.always("POST", f"{ORDERS}/o-1/amend", reply)

    (outcome,) = trade(amend)

    assert outcome == Accepted(order_id="o-1", filled_e2=None, remaining_e2=800, at_us=5_000)
    assert server.requests[-1].body["price"] == "0.5700"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ((400, {"error": {"code": "invalid_price"}}), Rejected),
        ((404, b""), Rejected),
        ((409, {"error": {"code": "trading_is_paused"}}), Rejected),
        ((429, {"error": "too many requests"}), Rejected),
        ((500, b""), Unknown),
        ((200, b""), Unknown),
        ((200, {"error": {"code": "invalid_price"}}), Unknown),
        ("cut", Unknown),
    ],
)
def test_an_amendment_is_refused_or_unknown_by_what_its_answer_proves(trade, server, answer, kind):
    server.always("POST", f"{ORDERS}/o-1/amend", answer)

    (outcome,) = trade(amend)

    assert isinstance(outcome, kind)
    assert len([seen for seen in server.requests if seen.method == "POST"]) == 1


def test_a_part_of_an_order_can_be_taken_out(trade, server):
    path = f"{ORDERS}/o-1/decrease"
    server.always("POST", path, {"order_id": "o-1", "remaining_count": "7.00", "ts_ms": 5})

    async def main(exchange, run):
        return await exchange.orders.decrease(CANCEL, by_e2=300)

    assert trade(main) == Accepted(order_id="o-1", filled_e2=None, remaining_e2=700, at_us=5_000)
    assert server.requests[-1].body == {
        "reduce_by": "3.00",
        "market_ticker": "A",
        "exchange_index": 0,
    }


def test_orders_cannot_be_changed_in_a_dialect_without_amendments(trade, server):
    async def main(exchange, run):
        exchange.codec.extras = None
        with pytest.raises(InvariantError, match=r"capabilities\.amend is False"):
            await exchange.amend([AMENDMENT])
        with pytest.raises(InvariantError, match=r"capabilities\.amend is False"):
            await exchange.orders.decrease(CANCEL, by_e2=300)

    trade(main)


def test_several_orders_go_one_by_one_in_a_dialect_without_batches(trade, server):
    server.always("POST", ORDERS, TAKEN)
    server.always("DELETE", f"{ORDERS}/o-1", {"order_id": "o-1"})

    async def main(exchange, run):
        exchange.codec.extras = None
        return [*await exchange.submit([order(1), order(2)]), *await exchange.cancel([CANCEL] * 2)]

    assert [type(outcome) for outcome in trade(main)] == [Accepted] * 4
    assert server.asked("POST", BATCH) == server.asked("DELETE", BATCH) == []


def test_paper_mode_changes_nothing_either(trade, server):
    async def main(exchange, run):
        return [
            *await exchange.submit([order(1), order(2)]),
            *await exchange.cancel([CANCEL, CANCEL]),
            *await exchange.amend([AMENDMENT]),
            await exchange.orders.decrease(CANCEL, by_e2=300),
        ]

    assert {outcome.code for outcome in trade(main, mode=Mode.PAPER)} == {"paper"}
    assert [seen for seen in server.requests if seen.method != "GET"] == []
