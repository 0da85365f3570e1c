from decimal import Decimal

import anyio
import pytest

from framework.errors import AuthError, ExchangeError
from framework.exchange import MarketQuery
from framework.model.fees import FeeTerms
from plugins.kalshi.account.history import History
from plugins.kalshi.codec import FeesChanged
from plugins.kalshi.markets.catalog import Catalog
from plugins.kalshi.markets.fee_changes import FeeChanges

CUTOFF = {
    "market_settled_ts": "2025-10-15T00:00:00Z",
    "trades_created_ts": "2025-10-15T00:00:00Z",
    "orders_updated_ts": "2026-01-01T00:00:00Z",
}
START_US = 1_768_478_400_000_000
GRID = [{"start": "0.0000", "end": "1.0000", "step": "0.0100"}]


def market(ticker, event="E-1", **fields):
    row = {"ticker": ticker, "event_ticker": event, "status": "active", "price_ranges": GRID}
    return {**row, **fields}


def event(ticker, series="S", **fields):
    return {"event_ticker": ticker, "series_ticker": series, "mutually_exclusive": True, **fields}


def series(ticker, multiplier=1):
    return {"ticker": ticker, "fee_type": "quadratic", "fee_multiplier": multiplier}


@pytest.fixture
def catalog(read_rest, codec):
    """Run `test(catalog)`; the codec's counters can be looked at afterwards."""

    def catalog(test):
        async def main(rest, run):
            fees = FeeChanges(rest, codec, run.clock)
            history = History(rest, codec, run.clock)
            async with anyio.create_task_group() as tasks:
                return await test(Catalog(rest, codec, fees, history, tasks, exclude_combos=True))

        return read_rest(main)

    return catalog


async def listed(catalog, **query):
    return [found async for found in catalog.markets(MarketQuery(**query))]


def tell(server, *markets, events=(), all_series=()):
    server.always("GET", "/markets", {"markets": list(markets), "cursor": ""})
    for row in events:
        server.always("GET", f"/events/{row['event_ticker']}", {"event": row})
    for row in all_series:
        server.always("GET", f"/series/{row['ticker']}", {"series": row})
    server.always("GET", "/events", {"events": list(events), "cursor": ""})
    server.always("GET", "/series", {"series": list(all_series)})


def test_markets_are_told_with_series_fees_and_exclusion(catalog, server):
    tell(server, market("M-1"), events=[event("E-1")], all_series=[series("S", 0.5)])

    (found,) = catalog(listed)

    assert (found.series_ticker, found.mutually_exclusive) == ("S", True)
    assert str(found.fee_multiplier) == "0.5"
    assert found.category is None
    assert server.asked("GET", "/markets")[0].query == {
        "limit": "1000",
        "status": "open",
        "mve_filter": "exclude",
    }


def test_a_market_is_told_with_the_category_of_its_series(catalog, server):
    sports = {**series("S"), "category": "Sports"}
    tell(server, market("M-1"), events=[event("E-1")], all_series=[sports])

    (found,) = catalog(listed)

    assert found.category == "Sports"


def test_events_and_series_are_read_once(catalog, server):
    tell(
        server,
        market("M-1"),
        market("M-2"),
        events=[event("E-1")],
        all_series=[series("S")],
    )

    async def twice(catalog):
        return await listed(catalog) + await listed(catalog)

    assert len(catalog(twice)) == 4
    assert len(server.asked("GET", "/events/E-1")) == 1
    assert len(server.asked("GET", "/series/S")) == 1


def test_several_events_are_read_in_one_list(catalog, server):
    events = [event("E-1"), event("E-2"), event("E-3")]
    markets = [market(f"M-{n}", f"E-{n}") for n in (1, 2, 3)]
    tell(server, *markets, events=events, all_series=[series("S")])

    assert {found.series_ticker for found in catalog(listed)} == {"S"}
    assert [seen.query["tickers"] for seen in server.asked("GET", "/events")] == ["E-1%2CE-2%2CE-3"]
    assert server.asked("GET", "/events/E-1") == []


def test_an_event_that_stands_in_no_list_is_read_alone(catalog, server):
    tell(
        server, market("M-1"), market("M-2", "E-2"), events=[event("E-1")], all_series=[series("S")]
    )
    server.always("GET", "/events/E-2", {"event": event("E-2", "T")})

    assert [found.series_ticker for found in catalog(listed)] == ["S", "T"]


def test_many_series_are_read_in_one_list(catalog, server):
    tell(
        server,
        *(market(f"M-{n}", f"E-{n}") for n in range(30)),
        events=[event(f"E-{n}", f"S-{n}") for n in range(30)],
        all_series=[series(f"S-{n}") for n in range(30)],
    )

    assert len(catalog(listed)) == 30
    assert len(server.asked("GET", "/series")) == 1
    assert not any(seen.path.startswith("/series/S-") for seen in server.requests)


def many(server, count, events_of=10):
    """Tell a full page of markets and one more, with their events and series."""
    events = [event(f"E-{n}", f"S-{n}") for n in range(-(-count // events_of))]
    rows = [market(f"M-{n}", f"E-{n // events_of}") for n in range(count)]
    tell(server, *rows, events=events, all_series=[series(f"S-{n}") for n in range(len(events))])


def test_the_events_of_a_long_list_are_read_at_once(catalog, server):
    many(server, 1_001)

    async def twice(catalog):
        return await listed(catalog) + await listed(catalog)

    found = catalog(twice)

    assert {one.series_ticker for one in found} == {f"S-{n}" for n in range(101)}
    assert [seen.query for seen in server.asked("GET", "/events")] == [
        {"status": "open", "limit": "200"}
    ]
    assert len(server.asked("GET", "/series")) == 1
    assert not any(seen.path.startswith(("/series/S", "/events/E")) for seen in server.requests)


def paged(server, path, key, *pages):
    """Tell a list page by page, once."""
    for number, rows in enumerate(pages, 1):
        cursor = str(number) if number < len(pages) else ""
        server.then("GET", path, {key: rows, "cursor": cursor})


def long_list(server, pages=4):
    """Tell full pages of markets, and a page of events for each."""
    numbers = range(pages)
    paged(
        server,
        "/markets",
        "markets",
        *([market(f"M-{n}-{m}", f"E-{n}") for m in range(1_000)] for n in numbers),
    )
    paged(server, "/events", "events", *([event(f"E-{n}")] for n in numbers))
    server.always("GET", "/series", {"series": [series("S")]})


def test_markets_wait_for_no_events_but_their_own(catalog, server):
    long_list(server)

    async def first(catalog):
        ahead = catalog.markets(MarketQuery())
        found = await anext(ahead)
        read = len(server.asked("GET", "/events"))
        rest = [market async for market in ahead]
        return found, read, rest

    found, read, rest = catalog(first)

    assert found.series_ticker == "S"
    assert read <= 2  # one of them ahead
    assert {market.series_ticker for market in rest} == {"S"}
    assert len(server.asked("GET", "/events")) == 4


def test_the_next_page_of_markets_is_read_while_one_is_told(catalog, server):
    long_list(server)

    async def first(catalog):
        ahead = catalog.markets(MarketQuery())
        await anext(ahead)
        await anyio.wait_all_tasks_blocked()
        read = len(server.asked("GET", "/markets"))
        await ahead.aclose()
        return read

    assert catalog(first) == 2


def test_events_that_no_market_needed_are_not_read_to_their_end(catalog, server):
    long_list(server, pages=1)
    server.always("GET", "/events", {"events": [], "cursor": ""})
    paged(server, "/events", "events", [], *([event(f"X-{n}")] for n in range(9)))

    catalog(listed)

    assert len(server.asked("GET", "/events")) <= 3


def test_a_survey_that_broke_off_is_begun_again_by_the_next_list(catalog, server):
    server.then("GET", "/events", (400, {"error": {"code": "bad_request"}}))
    many(server, 1_001)

    async def twice(catalog):
        with pytest.raises(ExchangeError):
            await listed(catalog)
        return await listed(catalog)

    assert {one.event_ticker for one in catalog(twice)} == {f"E-{n}" for n in range(101)}
    assert [seen.query.get("status") for seen in server.asked("GET", "/events")] == ["open"] * 2


def test_a_list_that_broke_off_begins_its_survey_again(catalog, server):
    page = [market(f"M-{n}", "E-0") for n in range(1_000)]
    server.then("GET", "/markets", {"markets": page, "cursor": "c"})
    server.then("GET", "/markets", (400, {"error": {"code": "bad_request"}}))
    for cursor, rows in (("1", [event("E-0", "S-0")]), ("2", [])):
        server.then("GET", "/events", {"events": rows, "cursor": cursor})
    many(server, 1_001)

    async def twice(catalog):
        with pytest.raises(ExchangeError):
            await listed(catalog)
        await anyio.wait_all_tasks_blocked()
        return await listed(catalog)

    assert {one.series_ticker for one in catalog(twice)} == {f"S-{n}" for n in range(101)}
    begun = [seen for seen in server.asked("GET", "/events") if "cursor" not in seen.query]
    assert [seen.query.get("status") for seen in begun] == ["open", "open"]


def test_a_long_list_of_one_series_asks_for_no_other_event(catalog, server):
    many(server, 1_000)

    catalog(lambda catalog: listed(catalog, series="S-1"))

    assert all("tickers" in seen.query for seen in server.asked("GET", "/events"))


def test_a_market_whose_event_is_missing_is_listed_without_its_series(catalog, server, codec):
    tell(server, market("M-1"))
    schedule(server)

    (found,) = catalog(listed)

    assert (found.ticker, found.series_ticker) == ("M-1", None)
    assert codec.drift.counters == {"/events/{event_ticker}: not found": 1}


def test_a_market_that_can_not_be_read_is_left_out_and_named(catalog, server, codec):
    broken = {key: value for key, value in market("M-1").items() if key != "status"}
    tell(server, broken, market("M-2"), events=[event("E-1")], all_series=[series("S")])

    assert [found.ticker for found in catalog(listed)] == ["M-2"]
    assert codec.drift.failures[0].startswith("market M-1 E-1: ")


def test_a_failing_page_is_an_error_not_a_shorter_list(catalog, server):
    server.then("GET", "/markets", {"markets": [market("M-1")], "cursor": "c"})
    server.always("GET", "/markets", (400, {"error": {"code": "bad_request"}}))

    async def failing(catalog):
        with pytest.raises(ExchangeError):
            await listed(catalog)

    catalog(failing)


def test_a_failing_event_is_an_error_too(catalog, server):
    tell(server, market("M-1"))
    server.always("GET", "/events/E-1", (400, {"error": {"code": "bad_request"}}))

    async def failing(catalog):
        with pytest.raises(ExchangeError):
            await listed(catalog)

    catalog(failing)


def test_a_refused_key_is_an_auth_error(catalog, server):
    tell(server, market("M-1"))
    server.always("GET", "/events/E-1", (401, b""))

    async def failing(catalog):
        with pytest.raises(AuthError):
            await listed(catalog)

    catalog(failing)


def test_many_named_markets_are_asked_for_in_parts(catalog, server):
    tell(server, events=[event("E-1")])
    tickers = tuple(f"M-{n}" for n in range(250))

    catalog(lambda catalog: listed(catalog, open_only=False, tickers=tickers))

    parts = [seen.query["tickers"].split("%2C") for seen in server.asked("GET", "/markets")]
    assert [len(part) for part in parts] == [100, 100, 50]
    assert [ticker for part in parts for ticker in part] == list(tickers)


def test_no_named_market_asks_for_none(catalog, server):
    assert catalog(lambda catalog: listed(catalog, tickers=())) == []
    assert server.requests == []


def test_listed_markets_are_known(catalog, server):
    tell(server, market("M-1"), events=[event("E-1")], all_series=[series("S")])

    async def main(catalog):
        await listed(catalog)
        return "M-1" in catalog.known, "M-2" in catalog.known

    assert catalog(main) == (True, False)


def test_one_market_is_read_with_what_it_pays(catalog, server):
    final = market(
        "M-1",
        status="finalized",
        result="no",
        settlement_value_dollars="0.0000",
        settlement_ts="2026-01-15T12:00:00Z",
    )
    tell(server, events=[event("E-1")], all_series=[series("S")])
    server.always("GET", "/markets/M-1", {"market": final})

    found, payment = catalog(lambda catalog: catalog.market("M-1"))

    assert (found.ticker, found.settlement_e4) == ("M-1", 0)
    assert (payment.result, payment.yes_pays_e4) == ("no", 0)


SOON = "2026-01-20T05:00:00Z"
SOON_US = 1_768_885_200_000_000


def schedule(server, *, of_series=(), of_event=()):
    server.always("GET", "/series/fee_changes", {"series_fee_change_arr": list(of_series)})
    server.always("GET", "/events/fee_changes", {"event_fee_changes": list(of_event), "cursor": ""})


def test_a_market_is_told_with_the_fees_that_are_to_come(catalog, server):
    tell(server, market("M-1"), events=[event("E-1")], all_series=[series("S")])
    change = {"id": "1", "series_ticker": "S", "fee_type": "quadratic", "fee_multiplier": 0.5}
    schedule(server, of_series=[{**change, "scheduled_ts": SOON}])

    (found,) = catalog(listed)

    assert found.fee_terms(SOON_US - 1).multiplier == 1
    assert str(found.fee_terms(SOON_US).multiplier) == "0.5"


def test_an_event_sets_and_clears_its_own_fees_at_their_dates(catalog, server):
    own = event("E-1", fee_type_override="quadratic_with_maker_fees", fee_multiplier_override=2)
    tell(server, market("M-1"), market("M-2", "E-2"), events=[own, event("E-2")])
    server.always("GET", "/series/S", {"series": series("S")})
    cleared = {"fee_type_override": None, "fee_multiplier_override": None}
    schedule(server, of_event=[{"id": "1", "event_ticker": "E-1", "scheduled_ts": SOON, **cleared}])

    found = {market.ticker: market for market in catalog(listed)}

    assert found["M-1"].fee_terms(SOON_US - 1) == FeeTerms("quadratic_with_maker_fees", Decimal(2))
    assert found["M-1"].fee_terms(SOON_US) == FeeTerms()
    assert found["M-2"].fees is None


def test_a_waiver_stands_above_a_schedule(catalog, server):
    free = market("M-1", fee_waiver_expiration_time=SOON)
    tell(server, free, events=[event("E-1")], all_series=[series("S")])
    change = {"id": "1", "series_ticker": "S", "fee_type": "quadratic", "fee_multiplier": 0.5}
    schedule(server, of_series=[{**change, "scheduled_ts": "2026-01-16T00:00:00Z"}])

    (found,) = catalog(listed)

    assert found.fee_terms(SOON_US - 1).multiplier == 0
    assert str(found.fee_terms(SOON_US).multiplier) == "0.5"


def test_fees_that_the_stream_tells_hold_from_that_moment_on(catalog, server):
    tell(server, market("M-1"), events=[event("E-1")], all_series=[series("S")])

    async def main(catalog):
        await listed(catalog)
        change = FeesChanged(1, 1, "E-1", "quadratic_with_maker_fees", Decimal("0.25"))
        to_tell = catalog.fees_changed(change)
        (after,) = await listed(catalog)
        return to_tell, after.fee_terms(START_US - 1), after.fee_terms(START_US)

    to_tell, before, after = catalog(main)
    assert to_tell == ("M-1",)
    assert before == FeeTerms()
    assert after == FeeTerms("quadratic_with_maker_fees", Decimal("0.25"))


def test_fees_that_may_have_changed_unheard_are_read_again(catalog, server):
    tell(server, market("M-1"), events=[event("E-1")], all_series=[series("S")])

    async def main(catalog):
        (before,) = await listed(catalog)
        changed = event("E-1", fee_type_override="flat", fee_multiplier_override=0.25)
        server.always("GET", "/events/E-1", {"event": changed})
        catalog.fees_uncertain({"M-1"})
        (after,) = await listed(catalog)
        return before.fee_type, after.fee_type, str(after.fee_multiplier)

    assert catalog(main) == ("quadratic", "flat", "0.25")
    assert len(server.asked("GET", "/events/fee_changes")) == 1  # it is not there: asked once


def test_named_markets_that_have_left_the_list_are_read_from_the_archive(catalog, server):
    tell(server, market("M-1"), events=[event("E-1")], all_series=[series("S")])
    server.always("GET", "/historical/cutoff", CUTOFF)
    old = market("M-2", status="finalized", settlement_value_dollars="1.0000", result="yes")
    server.always("GET", "/historical/markets", {"markets": [old], "cursor": ""})

    found = catalog(lambda catalog: listed(catalog, open_only=False, tickers=("M-1", "M-2")))

    assert [(one.ticker, one.settlement_e4) for one in found] == [("M-1", None), ("M-2", 10_000)]
    assert server.asked("GET", "/historical/markets")[0].query["tickers"] == "M-2"


def test_markets_that_are_wanted_open_are_never_looked_for_in_the_archive(catalog, server):
    tell(server)

    assert catalog(lambda catalog: listed(catalog, tickers=("M-1",))) == []
    assert server.asked("GET", "/historical/cutoff") == []


def test_a_settled_market_is_read_with_its_payment_from_the_archive(catalog, server):
    paid = {"settlement_value_dollars": "0.0000", "settlement_ts": "2025-01-15T12:00:00Z"}
    old = market("M-1", status="finalized", result="no", **paid)
    tell(server, events=[event("E-1")], all_series=[series("S")])
    server.always("GET", "/historical/cutoff", CUTOFF)
    server.always("GET", "/historical/markets/M-1", {"market": old})

    _, payment = catalog(lambda catalog: catalog.market("M-1"))

    assert payment.yes_pays_e4 == 0
