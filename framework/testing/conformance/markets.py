"""Cases about markets: lists, terms, and the steps of their lives."""

from typing import Final

import msgspec

from framework.exchange import MarketQuery
from framework.model.events import (
    MarketChanged,
    MarketListed,
    MarketSettled,
)
from framework.model.market import DECI_CENT, Market, MarketStatus, Settlement
from framework.model.units import E4, Ticker
from framework.testing.conformance.bench import Bench, Cases, expect

case = Cases()
_SECOND_US: Final = 1_000_000
_HOUR_US: Final = 3_600 * _SECOND_US


async def _listed(bench: Bench, query: MarketQuery | None = None) -> list[Market]:
    return [found async for found in bench.exchange.markets(query or MarketQuery())]


def another(bench: Bench, name: str, **terms: object) -> Market:
    """Return a market like `plain` under another name."""
    return msgspec.structs.replace(
        bench.counterpart.market(bench.plain), ticker=f"{bench.plain}{name}", **terms
    )


def list_market(bench: Bench, market: Market) -> Ticker:
    """List one more market and return its ticker."""
    bench.counterpart.tell(MarketListed(at_us=bench.counterpart.now_us(), market=market))
    return market.ticker


def _change(bench: Bench, **terms: object) -> None:
    """Let `plain` become another."""
    changed = msgspec.structs.replace(bench.counterpart.market(bench.plain), **terms)
    bench.counterpart.tell(MarketChanged(at_us=bench.counterpart.now_us(), market=changed))


async def _told(bench: Bench, field: str, value: object) -> None:
    """Wait until the adapter has told that a field of `plain` has a value."""
    await bench.until(
        lambda: any(
            getattr(event.market, field) == value
            for event in bench.watch.of(MarketChanged, None)
            if isinstance(event, MarketChanged) and event.market.ticker == bench.plain
        ),
        f"{field} = {value} of {bench.plain}",
    )


# ----------------------------------------------------------------------------------- markets


@case("D01", alone=True)
async def lists_each_once(bench: Bench) -> None:
    """Lists every open market, each once."""
    tickers = [market.ticker for market in await _listed(bench)]

    expect(tickers, "a market")
    expect(len(tickers) == len(set(tickers)), "no market twice")


@case("D02")
async def lists_all_pages(bench: Bench) -> None:
    """A list of several pages is whole and without repeats."""
    names = {list_market(bench, another(bench, f"-{number}")) for number in range(7)}
    bench.counterpart.page(2)

    tickers = [market.ticker for market in await _listed(bench)]

    expect(sorted(tickers) == sorted(names | {bench.plain, bench.other}), "nine markets, each once")


@case("D03")
async def keeps_terms(bench: Bench) -> None:
    """A market keeps its event, series, grid, hours and shard."""
    [told] = await _listed(bench, MarketQuery(tickers=(bench.plain,)))
    true = bench.counterpart.market(bench.plain)

    for field in (
        "ticker",
        "event_ticker",
        "series_ticker",
        "grid",
        "open_us",
        "close_us",
        "shard",
    ):
        expect(getattr(told, field) == getattr(true, field), f"{field} as it is")
    expect(told.status is MarketStatus.ACTIVE, "an active market")


@case("D04")
async def knows_exclusion(bench: Bench) -> None:
    """A market knows whether its event's markets exclude each other."""
    [told] = await _listed(bench, MarketQuery(tickers=(bench.plain,)))

    expect(told.mutually_exclusive is True, "an event of which one market wins")


@case("D05")
async def empty_touch_is_none(bench: Bench) -> None:
    """An empty side of the touch is missing, not zero and not a dollar."""
    ticker = list_market(bench, another(bench, "-EMPTY"))

    [told] = await _listed(bench, MarketQuery(tickers=(ticker,)))

    expect(told.yes_bid_e4 is None, "no bid")
    expect(told.yes_ask_e4 is None, "no ask")
    expect(told.last_price_e4 is None, "no last price")


@case("D06")
async def leaves_closed_out(bench: Bench) -> None:
    """A market that is not open is not in the list of open ones, and is in the other."""
    _change(bench, status=MarketStatus.INACTIVE)

    open_ones = {market.ticker for market in await _listed(bench)}
    whatever = {market.ticker for market in await _listed(bench, MarketQuery(open_only=False))}

    expect(bench.plain not in open_ones, "the paused market left out")
    expect(bench.plain in whatever, "the paused market among all")


@case("D07")
async def lists_an_event(bench: Bench) -> None:
    """A list can be restricted to an event."""
    event = bench.counterpart.market(bench.plain).event_ticker
    list_market(bench, another(bench, "-ELSE", event_ticker=f"{event}X"))

    told = await _listed(bench, MarketQuery(event=event))

    expect({market.ticker for market in told} == {bench.plain, bench.other}, "the event's two")


@case("D08")
async def lists_a_series(bench: Bench) -> None:
    """A list can be restricted to a series."""
    series = bench.counterpart.market(bench.plain).series_ticker

    told = await _listed(bench, MarketQuery(series=series))

    expect({market.ticker for market in told} == {bench.plain, bench.other}, "the series' two")


@case("D09")
async def one_bad_record(bench: Bench) -> None:
    """A record that can't be read is left out, and the others of its page are not."""
    bench.counterpart.spoil(bench.plain, field_gone=True)

    expect(
        [market.ticker for market in await _listed(bench)] == [bench.other], "the readable market"
    )


@case("D10")
async def unknown_fields(bench: Bench) -> None:
    """Fields and values that nobody knows are passed over."""
    bench.counterpart.spoil(bench.plain, news=True)

    told = {market.ticker: market for market in await _listed(bench, MarketQuery(open_only=False))}

    expect(bench.plain in told, "the market with news in its record")
    expect(told[bench.plain].status is MarketStatus.UNKNOWN, "a status that is never traded on")


@case("D11")
async def announces(bench: Bench) -> None:
    """A new market is announced."""
    await bench.follow(bench.plain)
    ticker = list_market(bench, another(bench, "-NEW"))

    await bench.until(
        lambda: any(
            event.market.ticker == ticker
            for event in bench.watch.of(MarketListed)
            if isinstance(event, MarketListed)
        ),
        "the new market",
    )


@case("D12")
async def tells_a_pause(bench: Bench) -> None:
    """A pause of a market is told, and its end."""
    await bench.follow(bench.plain)
    _change(bench, status=MarketStatus.INACTIVE)
    await _told(bench, "status", MarketStatus.INACTIVE)
    bench.watch.heard.clear()
    _change(bench, status=MarketStatus.ACTIVE)
    await _told(bench, "status", MarketStatus.ACTIVE)


@case("D13")
async def tells_a_moved_close(bench: Bench) -> None:
    """A close that is moved is told."""
    await bench.follow(bench.plain)
    close_us = (bench.counterpart.now_us() + 2 * _HOUR_US) // _SECOND_US * _SECOND_US
    _change(bench, close_us=close_us)

    await _told(bench, "close_us", close_us)


@case("D14", needs=("fractional_quantities",))
async def tells_a_new_grid(bench: Bench) -> None:
    """A grid that changes in place is told."""
    await bench.follow(bench.plain)
    _change(bench, grid=DECI_CENT)

    await _told(bench, "grid", DECI_CENT)


def _finish(bench: Bench, result: str, pays_e4: E4) -> None:
    """Let `plain` be determined, and paid."""
    _change(
        bench,
        status=MarketStatus.DETERMINED,
        result=result,
        close_us=bench.counterpart.now_us(),
    )
    bench.counterpart.tell(
        MarketSettled(
            at_us=bench.counterpart.now_us() + _SECOND_US,
            settlement=Settlement(
                ticker=bench.plain,
                at_us=bench.counterpart.now_us() + _SECOND_US,
                result=result,
                yes_pays_e4=pays_e4,
            ),
        )
    )


async def _pays(bench: Bench, result: str, pays_e4: E4) -> None:
    await bench.follow(bench.plain)
    _finish(bench, result, pays_e4)
    await bench.until(lambda: bench.watch.of(MarketSettled), "a settlement")
    await bench.settle_down(20)
    told = bench.watch.of(MarketSettled)
    expect(len(told) == 1, "one settlement")
    [event] = told
    if isinstance(event, MarketSettled):
        expect(event.settlement.yes_pays_e4 == pays_e4, f"{pays_e4} for YES")
        expect(event.settlement.ticker == bench.plain, "of the market that ended")


@case("D15")
async def pays_yes(bench: Bench) -> None:
    """A market that ends YES pays a dollar for YES, once."""
    await _pays(bench, "yes", 10_000)


@case("D16")
async def pays_no(bench: Bench) -> None:
    """A market that ends NO pays nothing for YES, once."""
    await _pays(bench, "no", 0)


@case("D17")
async def pays_scalar(bench: Bench) -> None:
    """A market that ends on a scale pays a part of the dollar."""
    await _pays(bench, "scalar", 4_300)
