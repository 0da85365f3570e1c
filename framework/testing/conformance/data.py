"""Cases about books, trades, statistics and the account."""

from typing import Final

from framework.model.book import BookState
from framework.model.events import BookChanged, BookReplaced, QuoteTicked, TradePrinted
from framework.model.market import DECI_CENT
from framework.model.units import Side
from framework.testing.conformance.bench import Bench, Cases, expect
from framework.testing.conformance.markets import another, list_market

case = Cases()
_SECOND_US: Final = 1_000_000

# ------------------------------------------------------------------------------------- books


@case("D20")
async def first_book(bench: Bench) -> None:
    """The first book is the exchange's."""
    await bench.follow(bench.plain)

    expect(bench.is_right(bench.plain), "the true book")


@case("D21")
async def sides_are_one(bench: Bench) -> None:
    """YES asks a dollar less what NO bids."""
    await bench.follow(bench.plain)
    book = bench.watch.book(bench.plain)

    expect(book.bid(Side.YES) == 9_000, "0.90 bid for YES")
    expect(book.ask(Side.YES) == 9_300, "0.93 asked for YES")
    expect(book.bid(Side.NO) == 700, "0.07 bid for NO")


@case("D22")
async def follows_changes(bench: Bench) -> None:
    """A hundred changes of levels leave the exchange's book."""
    await bench.follow(bench.plain)
    for step in range(100):
        side = Side.YES if step % 3 else Side.NO
        best = 9_000 if side is Side.YES else 700
        bench.change(bench.plain, side, best - 100 * (step % 5), 100 * (1 + step % 7))

    await bench.until_right(bench.plain)


@case("D23")
async def removes_levels(bench: Bench) -> None:
    """A level whose size is taken away is gone."""
    await bench.follow(bench.plain)
    bench.change(bench.plain, Side.YES, 9_000, -10_000)
    await bench.until_right(bench.plain)

    expect(bench.watch.book(bench.plain).bid(Side.YES) == 8_900, "the next level is the best")


@case("D24")
async def empties(bench: Bench) -> None:
    """A side may be empty, and a book too."""
    await bench.follow(bench.plain)
    now_us = bench.counterpart.now_us()
    bench.counterpart.tell(BookReplaced(at_us=now_us, ticker=bench.plain, yes=(), no=()))
    await bench.until_right(bench.plain)

    expect(bench.watch.book(bench.plain).bid(Side.YES) is None, "no bid")
    expect(bench.watch.book(bench.plain).ask(Side.YES) is None, "no ask")


@case("D25")
async def crosses(bench: Bench) -> None:
    """A book whose sides cross is told as crossed, and heals."""
    await bench.follow(bench.plain)
    bench.change(bench.plain, Side.NO, 1_000, 500)
    await bench.until(
        lambda: bench.watch.book(bench.plain).state is BookState.CROSSED, "a crossed book"
    )
    bench.change(bench.plain, Side.NO, 1_000, -500)
    await bench.until_right(bench.plain)


@case("D26", needs=("fractional_quantities",))
async def exact_parts(bench: Bench) -> None:
    """A tenth of a cent and a hundredth of a contract are exact."""
    ticker = list_market(bench, another(bench, "-FINE", grid=DECI_CENT))
    levels = ((9_015, 12_345), (8_990, 1))
    now_us = bench.counterpart.now_us()
    bench.counterpart.tell(BookReplaced(at_us=now_us, ticker=ticker, yes=levels, no=((905, 7),)))
    await bench.follow(ticker)

    expect(bench.watch.book(ticker).bids(Side.YES) == list(levels), "exact levels")
    expect(bench.watch.book(ticker).bid(Side.NO) == 905, "an exact bid for NO")


@case("D27")
async def books_stay_apart(bench: Bench) -> None:
    """The books of several markets don't mix."""
    await bench.follow(bench.plain, bench.other)
    for step in range(20):
        bench.change(bench.plain, Side.YES, 8_900, 100 * (step + 1))
        bench.change(bench.other, Side.YES, 500, 100 * (step + 3))

    await bench.until_right(bench.plain)
    await bench.until_right(bench.other)


@case("D28")
async def follows_once(bench: Bench) -> None:
    """Following a market twice does nothing."""
    await bench.follow(bench.plain)
    await bench.exchange.subscribe([bench.plain])
    await bench.settle_down(2)
    bench.watch.heard.clear()
    bench.change(bench.plain, Side.YES, 8_900, 100)
    await bench.until_right(bench.plain)

    told = [e for e in bench.watch.heard if isinstance(e, BookChanged | BookReplaced)]
    expect(len(told) == 1, "one change told once")


@case("D29")
async def leaves(bench: Bench) -> None:
    """A market that is left tells nothing more."""
    await bench.follow(bench.plain, bench.other)
    await bench.exchange.unsubscribe([bench.plain])
    await bench.settle_down(2)
    bench.watch.heard.clear()
    bench.change(bench.plain, Side.YES, 8_900, 100)
    bench.change(bench.other, Side.YES, 500, 100)
    await bench.until_right(bench.other)

    told = {e.ticker for e in bench.watch.heard if isinstance(e, BookChanged | BookReplaced)}
    expect(told == {bench.other}, "the other market alone")


@case("D30")
async def tells_only_what_is_followed(bench: Bench) -> None:
    """A market that nobody follows tells no book."""
    await bench.follow(bench.other)
    bench.change(bench.plain, Side.YES, 8_900, 100)
    await bench.settle_down(2)

    expect(bench.watch.book(bench.plain).state is BookState.MISSING, "no book of it")


@case("D31")
async def comes_back(bench: Bench) -> None:
    """A market that is left and followed again has a true book."""
    await bench.follow(bench.plain)
    await bench.exchange.unsubscribe([bench.plain])
    await bench.settle_down(2)
    bench.change(bench.plain, Side.YES, 8_800, 700)
    await bench.exchange.subscribe([bench.plain])

    await bench.until_right(bench.plain)


@case("D32")
async def arrives_in_pieces(bench: Bench) -> None:
    """Messages that arrive byte by byte say the same."""
    bench.counterpart.split(1)
    await bench.follow(bench.plain)
    bench.change(bench.plain, Side.YES, 8_900, 100)

    await bench.until_right(bench.plain)


@case("D33")
async def keeps_order(bench: Bench) -> None:
    """What happened in one moment keeps its order."""
    await bench.follow(bench.plain)
    for _ in range(10):
        bench.change(bench.plain, Side.YES, 8_500, 100)
        bench.change(bench.plain, Side.YES, 8_500, -100)

    await bench.settle_down(2)
    await bench.until_right(bench.plain)
    expect(bench.watch.book(bench.plain).state is BookState.VALID, "a valid book")


# ------------------------------------------------------------------------ trades and numbers


@case("D40")
async def tells_trades(bench: Bench) -> None:
    """A trade is told with its price, size and who took."""
    await bench.follow(bench.plain)
    bench.counterpart.tell(
        TradePrinted(
            at_us=bench.counterpart.now_us(),
            ticker=bench.plain,
            trade_id="t-1",
            yes_price_e4=9_300,
            quantity_e2=1_200,
            taker_side=Side.YES,
        )
    )
    await bench.until(lambda: bench.watch.of(TradePrinted), "the trade")

    [told] = bench.watch.of(TradePrinted)
    if isinstance(told, TradePrinted):
        expect(told.ticker == bench.plain, "its market")
        expect((told.yes_price_e4, told.quantity_e2) == (9_300, 1_200), "its price and size")
        expect(told.taker_side is Side.YES, "its taker")


@case("D41")
async def tells_volume(bench: Bench) -> None:
    """What was traded in all is told."""
    await bench.follow(bench.plain)
    bench.counterpart.tell(
        QuoteTicked(
            at_us=bench.counterpart.now_us(),
            ticker=bench.plain,
            last_price_e4=9_100,
            volume_e2=2_345_600,
            open_interest_e2=120_000,
        )
    )
    await bench.until(
        lambda: any(
            (e.last_price_e4, e.volume_e2, e.open_interest_e2) == (9_100, 2_345_600, 120_000)
            for e in bench.watch.of(QuoteTicked, bench.plain)
            if isinstance(e, QuoteTicked)
        ),
        "last price, volume and open interest",
    )


# ----------------------------------------------------------------------------------- account


@case("D50", alone=True)
async def tells_the_account(bench: Bench) -> None:
    """An account without orders is told whole."""
    account = await bench.exchange.account()

    for part in ("orders", "fills", "positions", "settlements", "balances"):
        expect(getattr(account, part).complete, f"{part} whole")
    expect(bench.exchange.account_id, "a name for the account")


@case("D51")
async def tells_cash(bench: Bench) -> None:
    """The cash is the exchange's."""
    account = await bench.exchange.account()

    expect(account.balances.total_e6 == bench.counterpart.cash_e6(), "the true cash")


@case("D52", alone=True)
async def tells_as_of(bench: Bench) -> None:
    """Lists of the account say which moment they show."""
    account = await bench.exchange.account()
    off_us = abs(account.orders.as_of_us - bench.counterpart.now_us())

    expect(off_us <= 5 * _SECOND_US, "a moment that is about now")


@case("D53")
async def tells_lag(bench: Bench) -> None:
    """A list that lags says so."""
    bench.counterpart.lag(30)
    account = await bench.exchange.account()

    expect(
        account.orders.as_of_us <= bench.counterpart.now_us() - 29 * _SECOND_US,
        "a moment half a minute ago",
    )
