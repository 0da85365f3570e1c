import pytest

from framework.exchange import Accepted, Rejected
from framework.model.orders import Order, Purpose
from framework.model.units import Side

ORDERS = "/portfolio/events/orders"
CREATE = "/portfolio/order_groups/create"
TAKEN = (201, {"order_id": "o-1", "fill_count": "0.00", "remaining_count": "10.00"})


def order(number=1, purpose=Purpose.ENTRY, shard=0):
    return Order(
        client_order_id=f"c-{number}",
        ticker="A",
        side=Side.YES,
        limit_e4=5_600,
        quantity_e2=1_000,
        purpose=purpose,
        strategy="s",
        shard=shard,
    )


def grouped(seen):
    return 201, {"order_group_id": f"g-{seen.body['exchange_index']}"}


def test_entries_join_one_group_per_shard_opened_with_the_first(trade, server):
    server.always("POST", CREATE, grouped).always("POST", ORDERS, TAKEN)

    async def main(exchange, run):
        for number, shard in enumerate((0, 2, 0, 2)):
            await exchange.submit([order(number, shard=shard)])

    trade(main, burst_limit=40)
    sent = [seen.body["order_group_id"] for seen in server.asked("POST", ORDERS)]
    assert sent == ["g-0", "g-2", "g-0", "g-2"]
    assert [seen.body["contracts_limit"] for seen in server.asked("POST", CREATE)] == [40, 40]


def test_exits_join_no_group(trade, server):
    server.always("POST", ORDERS, TAKEN)

    async def main(exchange, run):
        return await exchange.submit([order(purpose=Purpose.EXIT)])

    assert isinstance(trade(main, burst_limit=40)[0], Accepted)
    assert server.asked("POST", CREATE) == []


@pytest.mark.parametrize("answer", [(400, b""), (500, b""), "cut", (201, b"")])
def test_an_entry_without_a_group_is_not_sent_and_the_next_one_tries_again(trade, server, answer):
    server.then("POST", CREATE, answer).always("POST", CREATE, grouped)
    server.always("POST", ORDERS, TAKEN)

    async def main(exchange, run):
        return [*await exchange.submit([order(1)]), *await exchange.submit([order(2)])]

    refused, accepted = trade(main, burst_limit=40)
    assert isinstance(refused, Rejected)
    assert refused.code == "order_group"
    assert isinstance(accepted, Accepted)
    assert [seen.body["client_order_id"] for seen in server.asked("POST", ORDERS)] == ["c-2"]


def test_the_groups_of_a_run_are_deleted_when_it_ends(trade, server):
    server.always("POST", CREATE, grouped).always("POST", ORDERS, TAKEN)

    async def main(exchange, run):
        await exchange.submit([order()])

    trade(main, burst_limit=40)
    assert [seen.path for seen in server.requests if seen.method == "DELETE"] == [
        "/portfolio/order_groups/g-0"
    ]


def test_an_exchange_that_does_not_answer_holds_no_run_up(trade, server):
    server.always("POST", CREATE, grouped).always("POST", ORDERS, TAKEN)
    server.always("DELETE", "/portfolio/order_groups/g-0", "hang")

    async def main(exchange, run):
        await exchange.submit([order()])

    trade(main, burst_limit=40)
    assert server.elapsed_s() == 5


def test_without_a_limit_there_is_no_group(trade, server):
    server.always("POST", ORDERS, TAKEN)

    async def main(exchange, run):
        await exchange.submit([order()])

    trade(main)
    assert "order_group_id" not in server.asked("POST", ORDERS)[0].body
    assert server.asked("POST", CREATE) == []
