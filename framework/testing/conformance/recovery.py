"""Cases about the stream: what breaks it, what comes back, and books that are right or invalid."""

from itertools import pairwise
from typing import Final

from framework.exchange import Accepted
from framework.model.account import RemoteStatus
from framework.model.book import BookState
from framework.model.events import (
    BookInvalidated,
    BookReplaced,
    OrderCancelled,
    OrderFilled,
    StreamLost,
    StreamRestored,
)
from framework.model.units import Side
from framework.testing.conformance.bench import Bench, Cases, expect
from framework.testing.conformance.counterpart import StreamFault
from framework.testing.conformance.orders import cancel_of

case = Cases()
BACK_OFF_S: Final = (1, 2, 4, 8, 16, 30, 30)


async def _back(bench: Bench) -> None:
    await bench.until(lambda: bench.watch.of(StreamRestored), "the stream restored")


@case("R01")
async def tells(bench: Bench) -> None:
    """A stream that breaks is told, and so is its return."""
    await bench.follow(bench.plain)
    bench.counterpart.drop_streams()

    await bench.until(lambda: bench.watch.of(StreamLost), "the stream lost")
    await _back(bench)


@case("R02")
async def books_after(bench: Bench) -> None:
    """The books are true after a return, whatever happened meanwhile."""
    await bench.follow(bench.plain, bench.other)
    bench.counterpart.drop_streams()
    bench.change(bench.plain, Side.YES, 8_900, 4_400)
    bench.change(bench.other, Side.NO, 9_400, -6_000)
    await _back(bench)

    await bench.until_right(bench.plain)
    await bench.until_right(bench.other)


@case("R03")
async def backs_off(bench: Bench) -> None:
    """Attempts to connect come after 1, 2, 4, 8, 16, 30 and 30 seconds."""
    await bench.follow(bench.plain)
    before = len(bench.counterpart.handshakes)
    bench.counterpart.refuse_streams(len(BACK_OFF_S) - 1)
    bench.counterpart.drop_streams()
    await bench.until(
        lambda: len(bench.counterpart.handshakes) >= before + len(BACK_OFF_S),
        "seven attempts",
        within_s=200,
    )

    moments = [at_us for at_us, _ in bench.counterpart.handshakes[before:]]
    pauses = [round((b - a) / 1_000_000) for a, b in pairwise(moments)]
    expect(tuple(pauses) == BACK_OFF_S[1:], f"the pauses, not {pauses}")


@case("R04")
async def signs_anew(bench: Bench) -> None:
    """Each attempt to connect is signed anew."""
    await bench.follow(bench.plain)
    bench.counterpart.refuse_streams(2)
    bench.counterpart.drop_streams()
    await _back(bench)

    signed = [signature for _, signature in bench.counterpart.handshakes]
    expect(len(signed) >= 4, "four attempts")
    expect(len(set(signed)) == len(signed), "four signatures")


@case("R05")
async def silence(bench: Bench) -> None:
    """A stream on which nothing comes any more is lost, and comes back."""
    await bench.follow(bench.plain)
    bench.counterpart.silence_streams()
    bench.change(bench.plain, Side.YES, 8_900, 700)

    await bench.until(lambda: bench.watch.of(StreamLost), "the stream lost", within_s=60)
    await bench.until_right(bench.plain)


@case("R06")
async def quiet(bench: Bench) -> None:
    """A stream on which nothing happens stays."""
    await bench.follow(bench.plain)
    await bench.clock.sleep(300)

    expect(not bench.watch.of(StreamLost), "no loss in five minutes")


@case("R07")
async def does_not_follow_again(bench: Bench) -> None:
    """What was left before a return is not followed again."""
    await bench.follow(bench.plain, bench.other)
    await bench.exchange.unsubscribe([bench.plain])
    await bench.settle_down(2)
    bench.counterpart.drop_streams()
    await _back(bench)
    await bench.until_right(bench.other)
    bench.watch.heard.clear()
    bench.change(bench.plain, Side.YES, 8_900, 100)
    await bench.settle_down(3)

    expect(not bench.watch.of(BookReplaced, bench.plain), "nothing of what was left")


@case("R08")
async def wants_meanwhile(bench: Bench) -> None:
    """What is wanted while the stream is down is followed on its return."""
    await bench.follow(bench.plain)
    bench.counterpart.refuse_streams(2)
    bench.counterpart.drop_streams()
    await bench.until(lambda: bench.watch.of(StreamLost), "the stream lost")
    await bench.exchange.subscribe([bench.other])
    await _back(bench)

    await bench.until_right(bench.other)


@case("R09", needs=("fills_by_rest",))
async def missed_fill(bench: Bench) -> None:
    """A fill that was missed is told after the return, once."""
    await bench.follow(bench.plain)
    order = bench.order(limit_e4=9_300)
    bench.counterpart.refuse_streams(1)
    bench.counterpart.drop_streams()
    await bench.until(lambda: bench.watch.of(StreamLost), "the stream lost")
    await bench.accepted(order)
    await _back(bench)
    await bench.until(lambda: bench.watch.of(OrderFilled), "the fill")
    await bench.settle_down(10)

    told = [event.fill for event in bench.watch.of(OrderFilled) if isinstance(event, OrderFilled)]
    expect(
        sorted({fill.trade_id for fill in told})
        == sorted(f.trade_id for f in bench.counterpart.fills()),
        "every trade",
    )
    expect(
        sum(f.quantity_e2 for f in {f.trade_id: f for f in told}.values()) == 1_000, "ten filled"
    )


@case("R10")
async def missed_end(bench: Bench) -> None:
    """An order that ended meanwhile is in the account as ended."""
    order = bench.order()
    accepted = await bench.accepted(order)
    bench.counterpart.refuse_streams(1)
    bench.counterpart.drop_streams()
    await bench.until(lambda: bench.watch.of(StreamLost), "the stream lost")
    bench.counterpart.cancel(accepted.order_id)
    await _back(bench)
    await bench.settle_down(2)
    account = await bench.exchange.account()

    rows = [row for row in account.orders.rows if row.order_id == accepted.order_id]
    gone = account.orders.complete and all(row.status is not RemoteStatus.OPEN for row in rows)
    expect(gone or bench.watch.of(OrderCancelled), "an ended order")


@case("R11")
async def trades_without_stream(bench: Bench) -> None:
    """An order can be sent and cancelled while the stream is down."""
    bench.counterpart.refuse_streams(3)
    bench.counterpart.drop_streams()
    await bench.settle_down(1)
    order = bench.order()
    accepted = await bench.accepted(order)
    [outcome] = await bench.exchange.cancel([cancel_of(order, accepted)])

    expect(isinstance(outcome, Accepted), "a cancel that is done")


async def _disturbed(bench: Bench, fault: StreamFault) -> None:
    """Disturb a book's stream: the book is right or invalid, and right in the end."""
    await bench.follow(bench.plain)
    bench.counterpart.disturb(fault, bench.plain)
    for step in range(6):
        bench.change(bench.plain, Side.YES, 8_900 - 100 * step, 100 * (step + 1))
        await bench.clock.sleep(1)
    await bench.until_right(bench.plain)
    expect(bench.watch.book(bench.plain).state is BookState.VALID, "a valid book")


@case("R20")
async def gap(bench: Bench) -> None:
    """A message that never comes leaves a book that is true again."""
    await _disturbed(bench, StreamFault.GAP)


@case("R21")
async def duplicate(bench: Bench) -> None:
    """A message that comes twice leaves a book that is true again."""
    await _disturbed(bench, StreamFault.DUPLICATE)


@case("R22")
async def swap(bench: Bench) -> None:
    """Messages that change places leave a book that is true again."""
    await _disturbed(bench, StreamFault.SWAP)


@case("R23")
async def unreadable(bench: Bench) -> None:
    """A message that can't be read leaves a book that is true again."""
    await _disturbed(bench, StreamFault.UNREADABLE)


@case("R24")
async def unknown_kind(bench: Bench) -> None:
    """A message of an unknown kind is passed over."""
    await _disturbed(bench, StreamFault.UNKNOWN)

    expect(not bench.watch.of(StreamLost), "no loss of the stream")


@case("R25")
async def channel_error(bench: Bench) -> None:
    """A channel that dies is opened again."""
    await _disturbed(bench, StreamFault.CHANNEL_ERROR)


@case("R26")
async def overflow(bench: Bench) -> None:
    """A channel that dies of a slow client is opened again."""
    await _disturbed(bench, StreamFault.OVERFLOW)


@case("R27")
async def invalid_before_true(bench: Bench) -> None:
    """A book that is no longer true is told as invalid before it is true again."""
    await bench.follow(bench.plain)
    bench.watch.heard.clear()
    bench.counterpart.disturb(StreamFault.UNREADABLE, bench.plain)
    bench.change(bench.plain, Side.YES, 8_900, 100)
    await bench.until_right(bench.plain)

    told = [
        type(event)
        for event in bench.watch.heard
        if isinstance(event, BookInvalidated | BookReplaced | StreamLost)
    ]
    expect(told[0] is not BookReplaced, "an end of trust before the whole book")


@case("R28")
async def others_stay_right(bench: Bench) -> None:
    """What breaks one book leaves the others right."""
    await bench.follow(bench.plain, bench.other)
    bench.counterpart.disturb(StreamFault.GAP, bench.plain)
    for step in range(4):
        bench.change(bench.plain, Side.YES, 8_900, 100)
        bench.change(bench.other, Side.YES, 500, 100 * (step + 1))
        await bench.clock.sleep(1)

    await bench.until_right(bench.other)
    await bench.until_right(bench.plain)


@case("R29")
async def two_breaks(bench: Bench) -> None:
    """Two breaks in a row are survived."""
    await bench.follow(bench.plain)
    for _ in range(2):
        bench.watch.heard.clear()
        bench.counterpart.drop_streams()
        await _back(bench)
    bench.change(bench.plain, Side.YES, 8_900, 100)

    await bench.until_right(bench.plain)


@case("R30")
async def account_after(bench: Bench) -> None:
    """An account that is asked after a return holds what was missed."""
    since_us = bench.counterpart.now_us()
    bench.counterpart.refuse_streams(1)
    bench.counterpart.drop_streams()
    await bench.accepted(bench.order(limit_e4=9_300))
    await _back(bench)
    await bench.settle_down(2)
    account = await bench.exchange.account(since_us)

    expect(sum(fill.quantity_e2 for fill in account.fills.rows) == 1_000, "ten filled")
    expect(account.fills.complete, "a whole list")
