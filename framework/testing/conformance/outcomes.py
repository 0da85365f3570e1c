"""Cases about what is said of orders: one outcome each, one id each, refusals with a reason."""

from typing import Final

import msgspec

from framework.exchange import Absent, Accepted, MarketQuery, Rejected, Unknown
from framework.model.account import RemoteOrder
from framework.model.events import MarketChanged
from framework.model.market import MarketStatus
from framework.model.orders import Order
from framework.model.units import Side
from framework.testing.conformance.bench import Bench, Cases, expect
from framework.testing.conformance.orders import cancel_of, query_of, rests

case = Cases()
_SECOND_US: Final = 1_000_000

# ----------------------------------------------------------------------------- several, and ids


@case("O40")
async def sends_several(bench: Bench) -> None:
    """Several orders have one outcome each, in their order."""
    orders = [bench.order(limit_e4=limit_e4) for limit_e4 in (1_000, 2_000, 3_000)]
    outcomes = await bench.exchange.submit(orders)

    expect(len(outcomes) == 3, "three outcomes")
    for order, outcome in zip(orders, outcomes, strict=True):
        row = bench.remote(order)
        told = outcome.order_id if isinstance(outcome, Accepted) else None
        expect(row is not None and row.order_id == told, "its own outcome")


@case("O41", alone=True)
async def refuses_one(bench: Bench) -> None:
    """One order that is refused does not touch the others."""
    good, bad = bench.order(), bench.order(ticker="NOBODY-KNOWS-T1")
    outcomes = await bench.exchange.submit([bad, good])

    expect(isinstance(outcomes[0], Rejected), "a refusal of the one")
    expect(isinstance(outcomes[1], Accepted), "the other taken")


@case("O42", needs=("client_order_ids",))
async def takes_an_id_once(bench: Bench) -> None:
    """An id is used once, whoever sends it again."""
    order, _ = await rests(bench)
    outcome = await bench.send(order)

    expect(bench.copies(order) == 1, "one order")
    expect(not isinstance(outcome, Accepted) or outcome.order_id, "no second one")


@case("O43", alone=True)
async def finds_by_id(bench: Bench) -> None:
    """An order is found by the exchange's id."""
    order, accepted = await rests(bench)
    await bench.settle_down(2)
    found = await bench.exchange.find(query_of(order, accepted.order_id))

    expect(isinstance(found, RemoteOrder), "the order")
    if isinstance(found, RemoteOrder):
        expect(
            (found.side, found.limit_e4, found.quantity_e2) == (Side.YES, 5_000, 1_000), "its terms"
        )


@case("O44", needs=("client_order_ids",), alone=True)
async def finds_by_name(bench: Bench) -> None:
    """An order is found by our own id."""
    order, accepted = await rests(bench)
    await bench.settle_down(2)
    found = await bench.exchange.find(query_of(order))

    expect(isinstance(found, RemoteOrder) and found.order_id == accepted.order_id, "the order")


@case("O45", needs=("client_order_ids",))
async def finds_nothing(bench: Bench) -> None:
    """An order that was never sent is absent, as of a moment."""
    found = await bench.exchange.find(query_of(bench.order()))

    expect(isinstance(found, Absent), "proof that there is none")
    if isinstance(found, Absent):
        off_us = abs(found.as_of_us - bench.counterpart.now_us())
        expect(off_us < 5 * _SECOND_US, "a moment about now")


@case("O46", needs=("client_order_ids",))
async def absent_as_of(bench: Bench) -> None:
    """Absence is told as of the moment that the lists show."""
    bench.counterpart.lag(20)
    sent_us = bench.counterpart.now_us()
    found = await bench.exchange.find(query_of(bench.order()))

    expect(
        isinstance(found, Unknown) or (isinstance(found, Absent) and found.as_of_us < sent_us),
        "no proof of what came later",
    )


# ----------------------------------------------------------------------------------- refusals


async def _refused(bench: Bench, order: Order, what: str) -> None:
    outcome = await bench.send(order)
    await bench.settle_down()
    expect(isinstance(outcome, Rejected), f"a refusal of {what}, not {outcome}")
    expect(bench.remote(order) is None and not bench.counterpart.fills(), "nothing at the exchange")


@case("O60")
async def refuses_off_grid(bench: Bench) -> None:
    """A price off the grid is refused."""
    await _refused(bench, bench.order(limit_e4=5_050), "a price between two steps")


@case("O61")
async def refuses_without_cash(bench: Bench) -> None:
    """More than the cash pays for is refused."""
    await _refused(bench, bench.order(quantity_e2=90_000_000), "an order of 450,000 dollars")


@case("O62")
async def refuses_unknown_market(bench: Bench) -> None:
    """An order for an unknown market is refused."""
    await _refused(bench, bench.order(ticker="NOBODY-KNOWS-T1"), "an unknown market")


@case("O63")
async def refuses_in_pause(bench: Bench) -> None:
    """An order in a paused market is refused."""
    market = bench.counterpart.market(bench.plain)
    paused = msgspec.structs.replace(market, status=MarketStatus.INACTIVE)
    bench.counterpart.tell(MarketChanged(at_us=bench.counterpart.now_us(), market=paused))

    await _refused(bench, bench.order(), "an order in a paused market")


@case("O64")
async def refuses_after_close(bench: Bench) -> None:
    """An order in a closed market is refused."""
    market = bench.counterpart.market(bench.plain)
    closed = msgspec.structs.replace(market, close_us=bench.counterpart.now_us())
    bench.counterpart.tell(MarketChanged(at_us=bench.counterpart.now_us(), market=closed))
    await bench.settle_down(1)

    await _refused(bench, bench.order(), "an order in a closed market")


@case("O65")
async def refuses_at_rest(bench: Bench) -> None:
    """An order while the whole exchange rests is not taken, and never by mistake later."""
    bench.counterpart.pause(trading_only=True)
    order = bench.order()
    outcome = await bench.send(order)
    bench.counterpart.go_on()
    await bench.settle_down(5)

    expect(not isinstance(outcome, Accepted), "not taken")
    expect(bench.remote(order) is None, "nothing at the exchange")


@case("O66")
async def cancels_at_rest(bench: Bench) -> None:
    """A cancel passes while trading rests."""
    order, accepted = await rests(bench)
    bench.counterpart.pause(trading_only=True)
    [outcome] = await bench.exchange.cancel([cancel_of(order, accepted)])

    expect(isinstance(outcome, Accepted), "a cancel that is done")


@case("O67", alone=True)
async def names_reasons(bench: Bench) -> None:
    """A refusal names the exchange's reason."""
    outcome = await bench.send(bench.order(limit_e4=5_050))

    expect(isinstance(outcome, Rejected) and outcome.code, "a code")


@case("O68")
async def sends_exact_size(bench: Bench) -> None:
    """An order to buy is not larger at the exchange than it was sent."""
    for quantity_e2 in (100, 700, 1_300):
        order, _ = await rests(bench, quantity_e2=quantity_e2)
        row = bench.remote(order)
        expect(row is not None and row.quantity_e2 == quantity_e2, f"{quantity_e2} at the exchange")


@case("O69", alone=True)
async def names_agree(bench: Bench) -> None:
    """A market's list and its orders use one name."""
    [market] = [m async for m in bench.exchange.markets(MarketQuery(tickers=(bench.plain,)))]
    order, accepted = await rests(bench, ticker=market.ticker)
    await bench.settle_down(2)
    found = await bench.exchange.find(query_of(order, accepted.order_id))

    expect(isinstance(found, RemoteOrder) and found.ticker == market.ticker, "one ticker")
