"""Subaccounts, and cash on its way between them and between shards."""

import pytest

from framework.model.units import Side
from plugins.sandbox.core.rows import Pause, Refusal


@pytest.fixture
def exchange(core):
    return core.venue(cash=100)


def moved(exchange, client_id="one", cents=1_000, **places):
    terms = {"source": 0, "target": 1, **places}
    return exchange.treasury.transfer(client_id, cents * 10_000, **terms)


def test_subaccounts_are_numbered_from_one_up_to_sixty_three(exchange):
    assert [exchange.treasury.open() for _ in range(63)] == list(range(1, 64))
    with pytest.raises(Refusal, match="at most 63"):
        exchange.treasury.open()


def test_a_transfer_moves_cash_and_makes_none(exchange):
    exchange.treasury.open()
    before = exchange.cash_e6
    moved(exchange)

    assert exchange.cash_e6 == before
    assert (exchange.cash_by_shard(0)[0], exchange.cash_by_shard(1)[0]) == (90_000_000, 10_000_000)


def test_a_client_transfer_id_counts_once(exchange):
    exchange.treasury.open()
    moved(exchange)
    with pytest.raises(Refusal, match="transfer_already_exists"):
        moved(exchange)

    assert exchange.cash_by_shard(1)[0] == 10_000_000


@pytest.mark.parametrize(
    ("terms", "status"),
    [
        ({"cents": 10_001}, 400),
        ({"cents": 0}, 400),
        ({"target": 0}, 400),
        ({"target": 2}, 404),
        ({"shard": 9}, 404),
    ],
)
def test_a_refused_transfer_leaves_its_id_free(exchange, terms, status):
    exchange.treasury.open()
    with pytest.raises(Refusal) as caught:
        moved(exchange, **terms)

    assert caught.value.status == status
    moved(exchange)


def test_what_orders_hold_cannot_leave(core, exchange):
    exchange.place(core.buy(cents=80, contracts=100))
    with pytest.raises(Refusal, match="insufficient_balance"):
        exchange.treasury.transfer_shard(50_000_000, (0, 0), (0, 2))


def test_nothing_moves_while_the_whole_exchange_rests(exchange):
    exchange.halt(Pause.EVERYTHING)
    with pytest.raises(Refusal, match="exchange_is_paused"):
        exchange.treasury.transfer_shard(1_000_000, (0, 0), (0, 2))


def test_a_shard_that_got_cash_takes_orders(core):
    exchange = core.opened(cash_e6=100_000_000)
    exchange.advance(core.listed(shard=2))
    exchange.advance(core.book(no=((15, 50),)))
    with pytest.raises(Refusal, match="insufficient_balance"):
        exchange.place(core.buy())
    exchange.treasury.transfer_shard(20_000_000, (0, 0), (0, 2))

    assert exchange.place(core.buy())[0].status == "executed"


def test_a_subaccount_trades_with_its_own_cash_and_position(core, exchange):
    exchange.treasury.open()
    with pytest.raises(Refusal, match="insufficient_balance"):
        exchange.place(core.buy(subaccount=1))
    moved(exchange)
    row, fills, _ = exchange.place(core.buy(subaccount=1))
    other, _, _ = exchange.place(core.buy(side=Side.NO, cents=20, contracts=1))

    assert (row.subaccount, fills[0].subaccount, fills[0].post_position_e2) == (1, 1, 1_000)
    assert other.status == "executed"
    assert {row.subaccount: row.signed_e2 for row in exchange.positions()} == {1: 1_000, 0: -100}
    with pytest.raises(Refusal, match="subaccount 7"):
        exchange.place(core.buy(subaccount=7))


def test_an_order_is_found_in_its_own_subaccount_only(core, exchange):
    exchange.treasury.open()
    moved(exchange)
    row, _, _ = exchange.place(core.buy(cents=80, subaccount=1))
    with pytest.raises(Refusal, match="not_found"):
        exchange.cancel(row.order_id)
    assert exchange.cancel_all(0) == []

    assert exchange.cancel(row.order_id, subaccount=1)[0].status == "canceled"
