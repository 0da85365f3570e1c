from decimal import Decimal
from uuid import UUID

import pytest

from framework.errors import ExchangeError
from framework.exchange import Rejected, Unknown
from framework.run import Mode
from plugins.kalshi.account.portfolio import Balance, Portfolio
from plugins.kalshi.codec import Drift
from plugins.kalshi.codec.bodies import read
from plugins.kalshi.orders.writing import Writing

TRANSFER = "/portfolio/subaccounts/transfer"
ID = UUID("550e8400-e29b-41d4-a716-446655440000")


@pytest.fixture
def portfolio(read_rest, codec):
    def portfolio(test, *, mode=Mode.SANDBOX, **scope):
        async def main(rest, run):
            return await test(Portfolio(Writing(rest, mode), codec, **scope))

        return read_rest(main)

    return portfolio


async def every(rows):
    return [row async for row in rows]


def test_cash_is_told_exactly_and_by_shard(portfolio, server):
    parts = [{"exchange_index": 0, "balance": "5.0001"}, {"exchange_index": 2, "balance": "4"}]
    body = {
        "balance": 900,
        "balance_dollars": "9.0001",
        "portfolio_value": 1_234,
        "updated_ts": 1_768_478_400,
        "balance_breakdown": parts,
    }
    server.always("GET", "/portfolio/balance", body)

    found = portfolio(lambda account: account.balance(), subaccount=2)

    assert (found.cash, found.by_shard) == (Decimal("9.0001"), {0: Decimal("5.0001"), 2: 4})
    assert (found.positions_value, found.updated.year) == (Decimal("12.34"), 2026)
    assert server.requests[-1].query == {"subaccount": "2"}


def test_an_older_balance_is_in_cents_on_shard_0():
    found = read({"balance": 1_050}, Balance, "balance", Drift())

    assert (found.cash, found.by_shard) == (Decimal("10.50"), {0: Decimal("10.50")})
    assert (found.positions_value, found.updated) == (None, None)


def test_a_balance_without_its_amount_is_an_error(portfolio, server):
    server.always("GET", "/portfolio/balance", {"portfolio_value": 5})

    async def main(account):
        with pytest.raises(ExchangeError, match="can't be read"):
            await account.balance()

    portfolio(main)


def test_positions_are_told_by_market_and_by_event(portfolio, server):
    body = {
        "market_positions": [{"ticker": "A", "position_fp": "-2.00", "fees_paid_dollars": "0.1"}],
        "event_positions": [{"event_ticker": "E", "total_cost_dollars": "1.5000"}],
        "cursor": "",
    }
    server.always("GET", "/portfolio/positions", body)

    async def main(account):
        return await every(account.positions(ticker="A")), await every(account.event_positions())

    (held,), (event,) = portfolio(main)
    assert (held.contracts, held.fees_paid_dollars) == (-2, Decimal("0.10"))
    assert event.total_cost_dollars == Decimal("1.50")
    first, second = (seen.query for seen in server.requests)
    assert first == {"limit": "1000", "ticker": "A", "count_filter": "position"}
    assert second == {"limit": "1000"}


@pytest.mark.parametrize(
    ("call", "path", "key", "query"),
    [
        (lambda a: a.orders(status="resting"), "orders", "orders", {"status": "resting"}),
        (lambda a: a.fills(order_id="o-1"), "fills", "fills", {"order_id": "o-1"}),
        (lambda a: a.settlements(event="E"), "settlements", "settlements", {"event_ticker": "E"}),
    ],
)
def test_lists_are_filtered_and_unreadable_rows_left_out(
    portfolio, server, codec, call, path, key, query
):
    server.always("GET", f"/portfolio/{path}", {key: [{"ticker": "A"}], "cursor": ""})

    assert portfolio(lambda account: every(call(account))) == []
    assert server.requests[-1].query == {"limit": "1000", **query}
    assert "A: Object missing required field" in codec.drift.failures[0]


def test_the_tier_is_told_with_its_buckets(portfolio, server):
    bucket = {"refill_rate": 300, "bucket_capacity": 900}
    body = {"usage_tier": "advanced", "read": bucket, "write": bucket, "grants": [{"level": "x"}]}
    server.then("GET", "/account/limits", body, {"usage_tier": "odd"})

    async def main(account):
        tier = await account.tier()
        with pytest.raises(ExchangeError, match="missing required field `read`"):
            await account.tier()
        return tier

    tier = portfolio(main)
    assert (tier.usage_tier, tier.write.bucket_capacity) == ("advanced", 900)


def test_subaccounts_are_told_with_cash_transfers_and_netting(portfolio, server):
    balance = {"subaccount_number": 1, "exchange_index": 2, "balance": "7.25", "updated_ts": 1}
    moved = {
        "transfer_id": "t",
        "from_subaccount": 0,
        "to_subaccount": 1,
        "amount_cents": 250,
        "created_ts": 1_768_478_400,
    }
    base = "/portfolio/subaccounts"
    server.always("GET", f"{base}/balances", {"subaccount_balances": [balance]})
    server.always("GET", f"{base}/transfers", {"transfers": [moved], "cursor": ""})
    netting = {"netting_configs": [{"subaccount_number": 1, "enabled": True}]}
    server.always("GET", f"{base}/netting", netting)

    async def main(account):
        return (
            await every(account.subaccount_balances()),
            await every(account.subaccount_transfers()),
            await every(account.netting()),
        )

    (cash,), (transfer,), (setting,) = portfolio(main)
    assert (cash.balance, cash.exchange_index) == (Decimal("7.25"), 2)
    assert (transfer.amount, setting.enabled) == (Decimal("2.50"), True)


def test_a_transfer_is_sent_once_in_cents_with_the_id_of_the_caller(portfolio, server):
    server.always("POST", TRANSFER, {})

    async def main(account):
        return await account.transfer(ID, source=0, destination=3, amount=Decimal("2.50"))

    assert portfolio(main) is None
    assert server.requests[-1].body == {
        "client_transfer_id": str(ID),
        "from_subaccount": 0,
        "to_subaccount": 3,
        "amount_cents": 250,
    }


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ((409, {"error": {"code": "exists"}}), Rejected),
        ((500, b""), Unknown),
        ((200, {"error": {"code": "internal_error"}}), Unknown),
        ((200, b"<html>"), Unknown),
        ("cut", Unknown),
    ],
)
def test_a_transfer_without_success_says_what_is_proved(portfolio, server, answer, kind):
    server.always("POST", TRANSFER, answer)

    async def main(account):
        return await account.transfer(ID, source=0, destination=3, amount=Decimal(1))

    assert isinstance(portfolio(main), kind)
    assert len(server.requests) == 1


@pytest.mark.parametrize("amount", [Decimal(0), Decimal(-1), Decimal("0.005")])
def test_a_transfer_of_no_whole_cents_is_never_sent(portfolio, server, amount):
    async def main(account):
        with pytest.raises(ValueError, match="positive number of cents"):
            await account.transfer(ID, source=0, destination=3, amount=amount)

    portfolio(main)
    assert server.requests == []


def test_paper_mode_moves_nothing(portfolio, server):
    async def main(account):
        return await account.transfer(ID, source=0, destination=1, amount=Decimal(1))

    assert portfolio(main, mode=Mode.PAPER).code == "paper"
    assert server.requests == []


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ((201, {"subaccount_number": 4}), 4),
        ((201, {}), Unknown(reason="the reply holds no subaccount_number")),
        ((403, {"error": {"code": "no"}}), Rejected(code="no", message="")),
    ],
)
def test_a_subaccount_is_opened_by_number(portfolio, server, answer, found):
    server.always("POST", "/portfolio/subaccounts", answer)

    assert portfolio(lambda account: account.open_subaccount()) == found
