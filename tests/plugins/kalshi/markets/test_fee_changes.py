from decimal import Decimal

import pytest

from framework.errors import AuthError
from framework.model.fees import FeeTerms
from framework.model.market import EventGroup, Series
from framework.testing.builders import market
from plugins.kalshi.markets.fee_changes import REREAD_US, FeeChanges

START_US = 1_768_478_400_000_000
HOUR_US = 3_600_000_000
GROUP = EventGroup(ticker="E", series_ticker="S")
SERIES = Series(ticker="S")
MARKET = market("M", event_ticker="E")


def series_change(at, multiplier, number=1):
    return {
        "id": str(number),
        "series_ticker": "S",
        "fee_type": "quadratic",
        "fee_multiplier": multiplier,
        "scheduled_ts": at,
    }


def event_change(at, fee_type=None, multiplier=None, number=1):
    return {
        "id": str(number),
        "event_ticker": "E",
        "fee_type_override": fee_type,
        "fee_multiplier_override": multiplier,
        "scheduled_ts": at,
    }


@pytest.fixture
def changes(read_rest, codec):
    def changes(test):
        async def main(rest, run):
            return await test(FeeChanges(rest, codec, run.clock), run)

        return read_rest(main)

    return changes


def tell(server, of_series=(), of_event=()):
    server.always("GET", "/series/fee_changes", {"series_fee_change_arr": list(of_series)})
    server.always("GET", "/events/fee_changes", {"event_fee_changes": list(of_event), "cursor": ""})


def test_a_market_without_changes_stays_as_it_is(changes, server):
    tell(server)

    async def main(fees, run):
        await fees.refresh(lambda _: True)
        return fees.priced(MARKET, GROUP, SERIES)

    assert changes(main) is MARKET


def test_what_has_come_into_force_stays_when_the_exchange_forgets_it(changes, server):
    tell(server, [series_change("2026-01-15T13:00:00Z", 0.5)])

    async def main(fees, run):
        await fees.refresh(lambda _: True)
        await run.clock.sleep(2 * 3600)
        tell(server)
        await fees.refresh(lambda _: True)
        return fees.priced(MARKET, GROUP, SERIES)

    found = changes(main)
    assert found.fee_terms(START_US) == FeeTerms()
    assert found.fee_terms(START_US + HOUR_US).multiplier == Decimal("0.5")


def test_what_is_withdrawn_before_its_date_never_was(changes, server):
    tell(server, [series_change("2026-01-16T13:00:00Z", 0.5)])

    async def main(fees, run):
        await fees.refresh(lambda _: True)
        await run.clock.sleep(REREAD_US / 1_000_000)
        tell(server)
        await fees.refresh(lambda _: True)
        return fees.priced(MARKET, GROUP, SERIES)

    assert changes(main) is MARKET


def test_the_lists_are_read_again_only_when_due_or_when_news_may_be_missing(changes, server):
    tell(server)

    async def main(fees, run):
        await fees.refresh(lambda _: True)
        await fees.refresh(lambda _: True)
        once = len(server.requests)
        fees.uncertain()
        await fees.refresh(lambda _: True)
        return once, len(server.requests)

    assert changes(main) == (2, 4)


def test_an_override_of_the_stream_outlives_the_next_reading(changes, server):
    tell(server)

    async def main(fees, run):
        await fees.refresh(lambda _: True)
        fees.note("E", None, Decimal(2))
        await run.clock.sleep(REREAD_US / 1_000_000)
        await fees.refresh(lambda _: True)
        fees.note("E", None, None)
        return fees.priced(MARKET, GROUP, SERIES), run.clock.now_us()

    found, cleared_us = changes(main)
    assert found.fee_terms(START_US).multiplier == 2
    assert found.fee_terms(cleared_us) == FeeTerms()


def test_what_is_in_force_for_an_event_that_is_forgotten_goes_with_it(changes, server):
    tell(server)

    async def main(fees, run):
        fees.note("E", None, Decimal(2))
        await fees.refresh(lambda event: event != "E")
        return fees.priced(MARKET, GROUP, SERIES)

    assert changes(main) is MARKET


def test_what_is_to_come_is_kept_for_an_event_nobody_knows_yet(changes, server):
    tell(server, of_event=[event_change("2026-01-16T00:00:00Z", multiplier=3)])

    async def main(fees, run):
        await fees.refresh(lambda _: False)
        return fees.priced(MARKET, GROUP, SERIES)

    assert changes(main).worst_fee_terms(START_US).multiplier == 3


def test_a_row_that_can_not_be_read_fails_alone_and_by_name(changes, server, codec):
    broken = {k: v for k, v in event_change("x", number=7).items() if k != "scheduled_ts"}
    tell(server, of_event=[broken, event_change("2026-01-16T00:00:00Z", multiplier=3, number=8)])

    async def main(fees, run):
        await fees.refresh(lambda _: True)
        return fees.priced(MARKET, GROUP, SERIES)

    assert changes(main).worst_fee_terms(START_US).multiplier == 3
    assert list(codec.drift.failures) == [
        "EventFeeChange 7: Object missing required field `scheduled_ts`"
    ]


@pytest.mark.parametrize("status", [404, 400])
def test_an_exchange_that_does_not_tell_changes_is_no_error(changes, server, codec, status):
    server.always("GET", "/series/fee_changes", (status, b""))
    server.always("GET", "/events/fee_changes", (status, b""))

    async def main(fees, run):
        await fees.refresh(lambda _: True)
        fees.uncertain()
        await fees.refresh(lambda _: True)
        return fees.priced(MARKET, GROUP, SERIES)

    assert changes(main) is MARKET
    assert codec.drift.counters
    assert len(server.requests) == (2 if status == 404 else 4)


def test_a_refused_key_is_an_error(changes, server):
    server.always("GET", "/series/fee_changes", (401, b""))

    async def main(fees, run):
        with pytest.raises(AuthError):
            await fees.refresh(lambda _: True)

    changes(main)
