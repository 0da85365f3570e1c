"""Cases about orders: terms, fills, cancels, amendments, refusals, and what is said of each."""

from typing import Final

import msgspec

from framework.exchange import Accepted, Unknown
from framework.model.account import RemoteStatus
from framework.model.commands import CancelOrder, QueryOrder
from framework.model.events import (
    BookReplaced,
    OrderCancelled,
    OrderFilled,
    TradePrinted,
)
from framework.model.orders import Order, Purpose, TimeInForce
from framework.model.units import E2, E4, Side
from framework.testing.conformance.bench import Bench, Cases, expect

case = Cases()
IOC: Final = TimeInForce.IMMEDIATE_OR_CANCEL
FOK: Final = TimeInForce.FILL_OR_KILL
ASK: Final[E4] = 9_300
"""What YES asks in `plain`; 80 contracts are there."""
_SECOND_US: Final = 1_000_000


def cancel_of(order: Order, accepted: Accepted) -> CancelOrder:
    """Return the cancel of an order that was taken."""
    return CancelOrder(
        client_order_id=order.client_order_id,
        order_id=accepted.order_id,
        ticker=order.ticker,
        shard=order.shard,
        reason="conformance",
        quantity_e2=order.quantity_e2,
    )


def query_of(order: Order, order_id: str | None = None) -> QueryOrder:
    """Return the question what became of an order."""
    return QueryOrder(client_order_id=order.client_order_id, order_id=order_id, ticker=order.ticker)


async def rests(bench: Bench, **terms: object) -> tuple[Order, Accepted]:
    """Send an order that rests, with these terms changed."""
    order = msgspec.structs.replace(bench.order(), **terms)
    return order, await bench.accepted(order)


def traded(bench: Bench, price_e4: E4, quantity_e2: E2, taker: Side) -> None:
    """Let somebody trade in `plain`."""
    bench.counterpart.tell(
        TradePrinted(
            at_us=bench.counterpart.now_us(),
            ticker=bench.plain,
            trade_id=f"t-{bench.counterpart.now_us()}-{quantity_e2}",
            yes_price_e4=price_e4,
            quantity_e2=quantity_e2,
            taker_side=taker,
        )
    )


def filled(bench: Bench, order: Order) -> list[OrderFilled]:
    """Return what was told of an order's fills."""
    return [
        event
        for event in bench.watch.of(OrderFilled)
        if isinstance(event, OrderFilled)
        and event.fill.client_order_id in (order.client_order_id, None)
    ]


async def fills(bench: Bench, order: Order, quantity_e2: E2) -> None:
    """Wait until so much of an order is told as filled."""
    await bench.until(
        lambda: sum(e.fill.quantity_e2 for e in filled(bench, order)) == quantity_e2,
        f"{quantity_e2} filled",
    )


# ------------------------------------------------------------------------------ that it rests


@case("O01")
async def rests_whole(bench: Bench) -> None:
    """An order that rests is taken whole, and nothing of it is filled."""
    order, accepted = await rests(bench)

    expect(accepted.order_id, "the exchange's id")
    expect(accepted.filled_e2 in (0, None), "nothing filled")
    expect(accepted.remaining_e2 in (1_000, None), "all of it resting")
    row = bench.remote(order)
    expect(row is not None and row.status is RemoteStatus.OPEN, "it rests at the exchange")
    expect(row is not None and (row.limit_e4, row.quantity_e2) == (5_000, 1_000), "its terms")


@case("O02")
async def rests_on_no(bench: Bench) -> None:
    """An order to buy NO rests as one, at its own price."""
    order, _ = await rests(bench, side=Side.NO, limit_e4=400)

    row = bench.remote(order)
    expect(row is not None and (row.side, row.limit_e4) == (Side.NO, 400), "NO at 0.04")


@case("O03")
async def ends_of_the_grid(bench: Bench) -> None:
    """The cheapest and the dearest price are taken."""
    for limit_e4 in (100, 9_900):
        order = bench.order(limit_e4=limit_e4, quantity_e2=100, side=Side.NO)
        await bench.accepted(order)
        row = bench.remote(order)
        expect(row is not None and row.limit_e4 == limit_e4, f"a limit of {limit_e4}")


@case("O04", needs=("fractional_quantities",))
async def exact_terms(bench: Bench) -> None:
    """Parts of a contract and of a cent are exact."""
    order, _ = await rests(bench, quantity_e2=123)

    row = bench.remote(order)
    expect(row is not None and row.quantity_e2 == 123, "1.23 contracts")


@case("O05")
async def expires(bench: Bench) -> None:
    """An order that expires is gone at its moment, and told as cancelled."""
    moment_us = (bench.counterpart.now_us() // _SECOND_US + 30) * _SECOND_US
    order, _ = await rests(bench, expires_us=moment_us)
    await bench.clock.sleep(33)

    row = bench.remote(order)
    expect(row is not None and row.status is RemoteStatus.CANCELLED, "it rests no more")
    await bench.until(lambda: bench.watch.of(OrderCancelled), "the end of the order")


@case("O06", needs=("post_only",))
async def posts(bench: Bench) -> None:
    """An order that must not take rests when it does not."""
    order, _ = await rests(bench, post_only=True)

    row = bench.remote(order)
    expect(row is not None and row.status is RemoteStatus.OPEN, "it rests")


@case("O07", needs=("post_only",))
async def posts_or_not_at_all(bench: Bench) -> None:
    """An order that must not take never takes."""
    order = bench.order(limit_e4=ASK, post_only=True)
    outcome = await bench.send(order)
    await bench.settle_down()

    expect(not bench.counterpart.fills(), "no fill")
    row = bench.remote(order)
    ended = row is None or row.status is RemoteStatus.CANCELLED
    expect(ended and not isinstance(outcome, Unknown), "refused or cancelled, and known to be")


# -------------------------------------------------------------------------------- that it takes


@case("O10")
async def takes(bench: Bench) -> None:
    """An order that takes is filled at the exchange's price, and told so once."""
    order = bench.order(limit_e4=ASK)
    accepted = await bench.accepted(order)
    await fills(bench, order, 1_000)
    await bench.settle_down(5)

    expect(accepted.filled_e2 in (1_000, None), "filled in the reply, if it says")
    told = [event.fill for event in filled(bench, order)]
    true = list(bench.counterpart.fills())
    expect(len({fill.trade_id for fill in told}) == len(told), "each trade once")
    expect(
        [(f.trade_id, f.side, f.price_e4, f.quantity_e2, f.is_taker) for f in told]
        == [(f.trade_id, f.side, f.price_e4, f.quantity_e2, f.is_taker) for f in true],
        "the exchange's trades",
    )


@case("O11")
async def tells_fees(bench: Bench) -> None:
    """The fee of a fill is the exchange's."""
    order = bench.order(limit_e4=ASK)
    await bench.accepted(order)
    await fills(bench, order, 1_000)

    told = sum(event.fill.fee_e6 for event in filled(bench, order))
    expect(told == sum(fill.fee_e6 for fill in bench.counterpart.fills()), "the true fee")


@case("O12")
async def rests_after_taking(bench: Bench) -> None:
    """What is not filled at once rests."""
    order = bench.order(limit_e4=ASK, quantity_e2=10_000)
    await bench.accepted(order)
    await fills(bench, order, 8_000)

    row = bench.remote(order)
    expect(row is not None and row.status is RemoteStatus.OPEN, "the rest of it rests")
    expect(row is not None and row.remaining_e2 == 2_000, "twenty contracts of it")


@case("O13")
async def takes_by_no(bench: Bench) -> None:
    """Buying NO takes what is bid for YES."""
    order = bench.order(side=Side.NO, limit_e4=1_000)
    await bench.accepted(order)
    await fills(bench, order, 1_000)

    [fill, *_] = [event.fill for event in filled(bench, order)]
    expect((fill.side, fill.price_e4) == (Side.NO, 1_000), "NO at 0.10")


@case("O14", needs=("immediate_or_cancel",))
async def immediate(bench: Bench) -> None:
    """The rest of an immediate order is cancelled."""
    order = bench.order(limit_e4=ASK, quantity_e2=10_000, time_in_force=IOC)
    accepted = await bench.accepted(order)
    await fills(bench, order, 8_000)

    expect(accepted.remaining_e2 in (0, None), "nothing left in the reply")
    row = bench.remote(order)
    expect(row is not None and row.status is not RemoteStatus.OPEN, "nothing rests")


@case("O15", needs=("immediate_or_cancel",))
async def immediate_and_alone(bench: Bench) -> None:
    """An immediate order that meets nothing ends without a fill."""
    order = bench.order(limit_e4=8_000, time_in_force=IOC)
    outcome = await bench.send(order)
    await bench.settle_down(2)

    expect(not isinstance(outcome, Unknown), "a known end")
    expect(not bench.counterpart.fills(), "no fill")
    row = bench.remote(order)
    expect(row is None or row.status is not RemoteStatus.OPEN, "nothing rests")


@case("O16", needs=("immediate_or_cancel",))
async def all_of_it(bench: Bench) -> None:
    """An order that wants all or nothing gets all."""
    order = bench.order(limit_e4=ASK, quantity_e2=8_000, time_in_force=FOK)
    await bench.accepted(order)

    await fills(bench, order, 8_000)


@case("O17", needs=("immediate_or_cancel",))
async def nothing_of_it(bench: Bench) -> None:
    """An order that wants all or nothing gets nothing."""
    order = bench.order(limit_e4=ASK, quantity_e2=8_100, time_in_force=FOK)
    outcome = await bench.send(order)
    await bench.settle_down(2)

    expect(not isinstance(outcome, Unknown), "a known end")
    expect(not bench.counterpart.fills(), "no fill")


@case("O18")
async def makes(bench: Bench) -> None:
    """A resting order that is met is told as the maker."""
    order, _ = await rests(bench, limit_e4=9_000)
    now_us = bench.counterpart.now_us()
    bench.counterpart.tell(
        BookReplaced(at_us=now_us, ticker=bench.plain, yes=((8_500, 100),), no=((700, 8_000),))
    )
    traded(bench, 9_000, 50_000, Side.NO)
    await fills(bench, order, 1_000)

    told = [event.fill for event in filled(bench, order)]
    expect(all(not fill.is_taker for fill in told), "not as the taker")
    expect({fill.price_e4 for fill in told} == {9_000}, "at its own price")


@case("O19")
async def lists_fills(bench: Bench) -> None:
    """An own trade is in the account as it was told."""
    order = bench.order(limit_e4=ASK)
    await bench.accepted(order)
    await fills(bench, order, 1_000)
    await bench.settle_down(2)
    account = await bench.exchange.account()

    key = [
        (f.trade_id, f.order_id, f.side, f.price_e4, f.quantity_e2, f.fee_e6)
        for f in account.fills.rows
    ]
    told = [
        (
            e.fill.trade_id,
            e.fill.order_id,
            e.fill.side,
            e.fill.price_e4,
            e.fill.quantity_e2,
            e.fill.fee_e6,
        )
        for e in filled(bench, order)
    ]
    expect(sorted(key) == sorted(told), "the same executions")
    expect([p.signed_e2 for p in account.positions.rows] == [1_000], "ten YES held")


@case("O20")
async def pays_for_fills(bench: Bench) -> None:
    """An own trade leaves the exchange's cash."""
    order = bench.order(limit_e4=ASK)
    await bench.accepted(order)
    await fills(bench, order, 1_000)
    await bench.settle_down(2)
    account = await bench.exchange.account()

    off = abs(account.balances.total_e6 - bench.counterpart.cash_e6())
    expect(off < 10_000, "the true cash, to the cent")


@case("O21")
async def holds_no(bench: Bench) -> None:
    """What is held in NO is told as negative."""
    order = bench.order(side=Side.NO, limit_e4=1_000)
    await bench.accepted(order)
    await fills(bench, order, 1_000)
    await bench.settle_down(2)
    account = await bench.exchange.account()

    expect([p.signed_e2 for p in account.positions.rows] == [-1_000], "ten NO held")


@case("O22")
async def closes(bench: Bench) -> None:
    """Buying the other outcome closes a position."""
    entry = bench.order(limit_e4=ASK)
    await bench.accepted(entry)
    await fills(bench, entry, 1_000)
    leave = bench.order(side=Side.NO, limit_e4=1_000, purpose=Purpose.EXIT)
    await bench.accepted(leave)
    await fills(bench, leave, 1_000)
    await bench.settle_down(2)
    account = await bench.exchange.account()

    expect(not [p for p in account.positions.rows if p.signed_e2], "nothing held")


@case("O23", needs=("reduce_only",))
async def reduces_only(bench: Bench) -> None:
    """An exit that may only reduce never goes past flat."""
    entry = bench.order(limit_e4=ASK, quantity_e2=500)
    await bench.accepted(entry)
    await fills(bench, entry, 500)
    leave = bench.order(
        side=Side.NO,
        limit_e4=1_000,
        quantity_e2=2_000,
        purpose=Purpose.EXIT,
        reduce_only=True,
        time_in_force=IOC,
    )
    await bench.send(leave)
    await bench.settle_down(2)
    account = await bench.exchange.account()

    expect(all(p.signed_e2 >= 0 for p in account.positions.rows), "no NO held")


@case("O24")
async def keeps_from_itself(bench: Bench) -> None:
    """An own order is never traded with another own one."""
    await bench.accepted(bench.order(side=Side.NO, limit_e4=800, quantity_e2=500))
    await bench.send(bench.order(side=Side.YES, limit_e4=9_200, quantity_e2=500))
    await bench.settle_down(2)

    expect(not bench.counterpart.fills(), "no trade with itself")
