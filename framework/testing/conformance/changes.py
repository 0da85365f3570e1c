"""Cases about orders that are changed or ended: cancels and amendments."""

from typing import Final

from framework.exchange import Accepted, Rejected
from framework.model.account import RemoteOrder, RemoteStatus
from framework.model.commands import AmendOrder
from framework.model.events import OrderCancelled, OrderFilled
from framework.model.orders import Order
from framework.model.units import E2, E4, Side
from framework.testing.conformance.bench import Bench, Cases, expect
from framework.testing.conformance.orders import (
    ASK,
    cancel_of,
    filled,
    fills,
    query_of,
    rests,
    traded,
)

case = Cases()
_SECOND_US: Final = 1_000_000

# ------------------------------------------------------------------------------------ cancels


@case("O30")
async def cancels(bench: Bench) -> None:
    """A cancelled order rests no more, and the end is told."""
    order, accepted = await rests(bench)
    [outcome] = await bench.exchange.cancel([cancel_of(order, accepted)])

    expect(isinstance(outcome, Accepted), "a cancel that is done")
    row = bench.remote(order)
    expect(row is not None and row.status is RemoteStatus.CANCELLED, "nothing rests")


@case("O31")
async def cancels_the_rest(bench: Bench) -> None:
    """A cancel of a part that was filled leaves the fills."""
    order = bench.order(limit_e4=ASK, quantity_e2=10_000)
    accepted = await bench.accepted(order)
    await fills(bench, order, 8_000)
    await bench.exchange.cancel([cancel_of(order, accepted)])
    await bench.settle_down(2)

    row = bench.remote(order)
    expect(row is not None and row.status is not RemoteStatus.OPEN, "nothing rests")
    expect(sum(e.fill.quantity_e2 for e in filled(bench, order)) == 8_000, "eighty filled")


@case("O32", alone=True)
async def cancels_nothing(bench: Bench) -> None:
    """A cancel of an order that nobody knows is a refusal."""
    order = bench.order()
    lost = Accepted(order_id="00000000-0000-4000-8000-000000000000", filled_e2=0, remaining_e2=0)
    [outcome] = await bench.exchange.cancel([cancel_of(order, lost)])

    expect(isinstance(outcome, Rejected), "a refusal")


@case("O33")
async def cancels_too_late(bench: Bench) -> None:
    """A cancel of an order that was filled is a refusal, and a query tells why."""
    order = bench.order(limit_e4=ASK)
    accepted = await bench.accepted(order)
    [outcome] = await bench.exchange.cancel([cancel_of(order, accepted)])
    found = await bench.exchange.find(query_of(order, accepted.order_id))

    expect(isinstance(outcome, Rejected), "a refusal")
    expect(isinstance(found, RemoteOrder) and found.status is RemoteStatus.FILLED, "a filled order")


@case("O34")
async def cancels_no_list(bench: Bench) -> None:
    """An empty list of cancels never means all."""
    order, _ = await rests(bench)
    refused = False
    try:
        await bench.exchange.cancel([])
    except ValueError:
        refused = True

    row = bench.remote(order)
    expect(refused, "an error")
    expect(row is not None and row.status is RemoteStatus.OPEN, "the order rests on")


@case("O35")
async def cancels_all(bench: Bench) -> None:
    """All orders can be cancelled at once."""
    orders = [bench.order(limit_e4=limit_e4) for limit_e4 in (1_000, 2_000, 3_000)]
    await bench.exchange.submit(orders)
    await bench.exchange.cancel_all()
    await bench.settle_down(5)

    expect(
        all(row.status is not RemoteStatus.OPEN for row in bench.counterpart.orders()),
        "nothing rests",
    )


@case("O36", alone=True)
async def cancels_several(bench: Bench) -> None:
    """Several cancels have one outcome each, in their order."""
    first, taken = await rests(bench)
    second, also = await rests(bench)
    lost = Accepted(order_id="00000000-0000-4000-8000-000000000000", filled_e2=0, remaining_e2=0)
    outcomes = await bench.exchange.cancel(
        [cancel_of(first, taken), cancel_of(bench.order(), lost), cancel_of(second, also)]
    )

    kinds = [type(outcome) for outcome in outcomes]
    expect(kinds == [Accepted, Rejected, Accepted], "done, refused, done")


@case("O37")
async def ends_elsewhere(bench: Bench) -> None:
    """An order that ends by other means is told."""
    order, accepted = await rests(bench)
    await bench.settle_down()
    bench.counterpart.cancel(accepted.order_id)

    await bench.until(
        lambda: any(
            isinstance(event, OrderCancelled) and event.client_order_id == order.client_order_id
            for event in bench.watch.of(OrderCancelled)
        ),
        "the end of the order",
    )


# ----------------------------------------------------------------------------------- amending


def _amend(order: Order, accepted: Accepted, limit_e4: E4, quantity_e2: E2) -> AmendOrder:
    return AmendOrder(
        client_order_id=order.client_order_id,
        order_id=accepted.order_id,
        order=order,
        limit_e4=limit_e4,
        quantity_e2=quantity_e2,
    )


@case("O50", needs=("amend",))
async def amends(bench: Bench) -> None:
    """An amended order has its new price and size."""
    order, accepted = await rests(bench)
    [outcome] = await bench.exchange.amend([_amend(order, accepted, 5_200, 1_500)])
    open_ones = [row for row in bench.counterpart.orders() if row.status is RemoteStatus.OPEN]

    expect(isinstance(outcome, Accepted), "an amendment that is done")
    expect([(r.limit_e4, r.quantity_e2) for r in open_ones] == [(5_200, 1_500)], "its new terms")


@case("O51", needs=("amend",))
async def amends_down(bench: Bench) -> None:
    """An amendment may shrink an order."""
    order, accepted = await rests(bench)
    await bench.exchange.amend([_amend(order, accepted, 5_000, 400)])
    open_ones = [row for row in bench.counterpart.orders() if row.status is RemoteStatus.OPEN]

    expect([row.remaining_e2 for row in open_ones] == [400], "four contracts resting")


@case("O52", needs=("amend",))
async def amends_to_take(bench: Bench) -> None:
    """An amendment that takes is filled, and told so."""
    order, accepted = await rests(bench)
    await bench.exchange.amend([_amend(order, accepted, ASK, 1_000)])

    await bench.until(
        lambda: (
            sum(
                e.fill.quantity_e2
                for e in bench.watch.of(OrderFilled)
                if isinstance(e, OrderFilled)
            )
            == 1_000
        ),
        "ten filled",
    )


@case("O53", needs=("amend",), alone=True)
async def amends_too_late(bench: Bench) -> None:
    """An amendment of an order that ended is a refusal."""
    order, accepted = await rests(bench)
    await bench.exchange.cancel([cancel_of(order, accepted)])
    [outcome] = await bench.exchange.amend([_amend(order, accepted, 5_200, 1_000)])

    expect(isinstance(outcome, Rejected), "a refusal")


@case("O54", needs=("amend",))
async def shrinks_in_place(bench: Bench) -> None:
    """An order that only shrinks keeps its place in the queue."""
    order, accepted = await rests(bench, limit_e4=9_000)
    bench.change(bench.plain, order.side, 9_000, 50_000)  # they come behind it
    await bench.exchange.amend([_amend(order, accepted, 9_000, 400)])
    traded(bench, 9_000, 10_400, Side.NO)  # what came before it, and all of it

    await fills(bench, order, 400)
    row = bench.remote(order)
    expect(row is not None and row.status is not RemoteStatus.OPEN, "nothing left of it")


@case("O55", needs=("amend",))
async def keeps_its_expiry(bench: Bench) -> None:
    """An amended order keeps our id, and its moment of expiry."""
    moment_us = (bench.counterpart.now_us() // _SECOND_US + 30) * _SECOND_US
    order, accepted = await rests(bench, expires_us=moment_us)
    await bench.exchange.amend([_amend(order, accepted, 5_200, 1_000)])
    row = bench.remote(order)
    expect(row is not None and row.limit_e4 == 5_200, "our id, with the new price")
    await bench.clock.sleep(33)

    row = bench.remote(order)
    expect(row is not None and row.status is RemoteStatus.CANCELLED, "it rests no more")
