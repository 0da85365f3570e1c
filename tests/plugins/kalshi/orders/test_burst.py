import pytest

from framework.exchange import Accepted, Rejected
from framework.model.orders import Order, Purpose
from framework.model.units import Side
from framework.run import Mode

ORDERS = "/portfolio/events/orders"
CREATE = "/portfolio/order_groups/create"
G_0 = "/portfolio/order_groups/g-0"
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


# ------------------------------------------------------------------- what a crash leaves behind


class CrashError(Exception):
    """A run that breaks off."""


@pytest.fixture
def crashed(trade, server):
    """Break a run off after an entry on shard 0; its group is told to be there still."""
    server.always("POST", CREATE, grouped).always("POST", ORDERS, TAKEN)
    server.always("PUT", f"{G_0}/limit", {}).always("PUT", f"{G_0}/reset", {})
    server.always("DELETE", G_0, {})

    async def main(exchange, run):
        await exchange.submit([order(1)])
        raise CrashError

    with pytest.raises(ExceptionGroup):
        trade(main, mode=Mode.DEMO, burst_limit=40)


@pytest.fixture
def next_run(crashed, trade):
    """Send entries in another run of the same account."""

    def next_run(*numbers, mode=Mode.DEMO, **settings):
        async def main(exchange, run):
            return [(await exchange.submit([order(number)]))[0] for number in numbers]

        return trade(main, mode=mode, **{"burst_limit": 50, **settings})

    return next_run


def joined(server):
    return [seen.body["order_group_id"] for seen in server.asked("POST", ORDERS)]


def test_the_group_that_a_crash_left_is_taken_over_with_the_limit_of_now(next_run, server):
    next_run(2, 3)

    changes = [(seen.path, seen.body) for seen in server.requests if seen.method == "PUT"]
    assert changes == [(f"{G_0}/limit", {"contracts_limit": 50}), (f"{G_0}/reset", None)]
    assert joined(server) == ["g-0"] * 3
    assert len(server.asked("POST", CREATE)) == 1


def test_a_group_that_a_crash_left_is_deleted_when_the_next_run_ends(next_run, server, tmp_path):
    next_run(2)

    assert len(server.asked("DELETE", G_0)) == 1
    assert list(tmp_path.glob("order-groups*")) == []


def test_before_its_first_entry_a_run_touches_no_group(next_run, server):
    next_run()

    assert [seen for seen in server.requests if seen.method in {"PUT", "DELETE"}] == []


@pytest.mark.parametrize("verb", ["limit", "reset"])
def test_a_group_that_is_gone_is_opened_anew(next_run, server, verb):
    server.always("PUT", f"{G_0}/{verb}", (404, b""))

    next_run(2)

    assert len(server.asked("POST", CREATE)) == 2


@pytest.mark.parametrize("verb", ["limit", "reset"])
def test_an_entry_waits_until_the_fate_of_the_group_is_known(next_run, server, verb):
    server.then("PUT", f"{G_0}/{verb}", "cut")

    refused, accepted = next_run(2, 3)

    assert (refused.code, type(accepted)) == ("order_group", Accepted)
    assert len(server.asked("POST", CREATE)) == 1


def test_a_group_that_could_not_be_deleted_is_kept_for_the_next_run(next_run, server):
    server.always("DELETE", G_0, (500, b""))
    next_run(2)
    next_run(3)

    assert len(server.asked("POST", CREATE)) == 1
    assert joined(server) == ["g-0"] * 3


def test_another_account_and_another_mode_take_nothing_over(next_run, server):
    next_run(2, subaccount=3)
    next_run(3, mode=Mode.SANDBOX)

    assert len(server.asked("POST", CREATE)) == 3
    assert server.asked("PUT", f"{G_0}/reset") == []


@pytest.mark.parametrize("content", [b"", b"[]", b'{"0": 7}', b"\xff"])
def test_a_list_that_can_not_be_read_is_as_good_as_none(next_run, server, tmp_path, content):
    (kept,) = tmp_path.glob("order-groups*")
    kept.write_bytes(content)

    assert isinstance(next_run(2)[0], Accepted)
    assert len(server.asked("POST", CREATE)) == 2


def test_a_folder_that_takes_no_file_stops_no_entry(trade, server):
    server.always("POST", CREATE, grouped).always("POST", ORDERS, TAKEN)

    async def main(exchange, run):
        run.folder.rmdir()
        return await exchange.submit([order()])

    assert isinstance(trade(main, burst_limit=40)[0], Accepted)
