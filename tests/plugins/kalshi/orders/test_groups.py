import pytest

from framework.errors import ExchangeError
from framework.exchange import Rejected, Unknown
from framework.run import Mode
from plugins.kalshi.codec.extras import OrderGroup

GROUPS = "/portfolio/order_groups"


def test_a_group_is_created_on_its_shard_and_can_be_used_at_once(trade, server):
    server.always("POST", f"{GROUPS}/create", (201, {"order_group_id": "g-1", "subaccount": 0}))

    async def main(exchange, run):
        return await exchange.groups.create(40, shard=2)

    assert trade(main) == OrderGroup(group_id="g-1", shard=2, limit_e2=4_000)
    assert server.requests[-1].body == {"contracts_limit": 40, "exchange_index": 2}


@pytest.mark.parametrize(
    ("verb", "method", "path"),
    [
        ("reset", "PUT", f"{GROUPS}/g-1/reset"),
        ("trigger", "PUT", f"{GROUPS}/g-1/trigger"),
        ("delete", "DELETE", f"{GROUPS}/g-1"),
    ],
)
def test_a_group_is_reset_triggered_and_deleted(trade, server, verb, method, path):
    server.always(method, path, {})

    async def main(exchange, run):
        return await getattr(exchange.groups, verb)("g-1", shard=2)

    assert trade(main) == OrderGroup(group_id="g-1", shard=2)
    assert server.requests[-1].query == {"exchange_index": "2"}


def test_a_group_gets_another_limit(trade, server):
    server.always("PUT", f"{GROUPS}/g-1/limit", {})

    async def main(exchange, run):
        return await exchange.groups.limit("g-1", 7)

    assert trade(main) == OrderGroup(group_id="g-1", shard=0)
    assert server.requests[-1].body == {"contracts_limit": 7}


@pytest.mark.parametrize(
    ("answer", "kind"),
    [((404, b""), Rejected), ((409, b""), Rejected), ((503, b""), Unknown), ("cut", Unknown)],
)
def test_a_write_to_a_group_is_refused_or_unknown_and_sent_once(trade, server, answer, kind):
    server.always("PUT", f"{GROUPS}/g-1/reset", answer)

    async def main(exchange, run):
        return await exchange.groups.reset("g-1")

    assert isinstance(trade(main), kind)
    assert len(server.asked("PUT", f"{GROUPS}/g-1/reset")) == 1


def test_groups_are_listed_and_one_that_cannot_be_read_is_left_out_and_counted(trade, server):
    rows = [{"id": "g-1", "is_auto_cancel_enabled": True}, {"id": "g-2"}]
    server.always("GET", GROUPS, {"order_groups": rows})

    async def main(exchange, run):
        return await exchange.groups.list(shard=2), exchange.codec.drift.counters

    groups, surprises = trade(main)
    assert groups == (OrderGroup(group_id="g-1", triggers=True),)
    assert surprises["order group: unreadable"] == 1


def test_one_group_tells_its_orders(trade, server):
    record = {"is_auto_cancel_enabled": True, "orders": ["o-1"], "contracts_limit_fp": "40.00"}
    server.always("GET", f"{GROUPS}/g-1", record)

    async def main(exchange, run):
        return await exchange.groups.get("g-1")

    assert trade(main).order_ids == ("o-1",)


def test_a_group_or_list_that_cannot_be_read_is_an_error(trade, server):
    server.always("GET", f"{GROUPS}/g-1", {})
    server.always("GET", GROUPS, {"groups": []})

    async def main(exchange, run):
        with pytest.raises(ExchangeError, match="can't be read"):
            await exchange.groups.get("g-1")
        with pytest.raises(ExchangeError, match="no list order_groups"):
            await exchange.groups.list()
        with pytest.raises(ExchangeError, match="not found"):
            await exchange.groups.get("g-2")

    trade(main)


def test_paper_mode_opens_no_group(trade, server):
    async def main(exchange, run):
        return await exchange.groups.create(40)

    assert trade(main, mode=Mode.PAPER).code == "paper"
