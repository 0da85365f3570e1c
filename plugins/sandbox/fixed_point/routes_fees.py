"""Fee changes, past and to come, of series and of events."""

from collections.abc import Callable, Iterator
from decimal import Decimal

import msgspec

from framework.model.fees import FeeChange, FeeSchedule, FeeTerms
from framework.model.market import EventGroup
from framework.model.units import Ticker
from plugins.sandbox import selecting
from plugins.sandbox.core.life import override_now
from plugins.sandbox.core.rows import FeeOverride
from plugins.sandbox.request import Reply, Request, page_of, reply
from plugins.sandbox.venue import Venue
from plugins.sandbox.wire import iso, plain_number, stable_id


class _Planned(msgspec.Struct, frozen=True):
    """One change of what a series or an event charges."""

    series: Ticker | None
    event: Ticker
    change: FeeChange


def series_terms(venue: Venue) -> dict[Ticker, FeeTerms]:
    """Return what series charge now, where a market of theirs has a schedule."""
    terms: dict[Ticker, FeeTerms] = {}
    for market in venue.exchange.markets.values():
        series, fees = selecting.series_of(venue, market), market.fees
        if fees is not None and series is not None and series not in terms:
            plan = FeeSchedule(series=fees.series, series_changes=fees.series_changes)
            terms[series] = plan.terms(venue.exchange.now_us)
    return terms


def event_override(venue: Venue, group: EventGroup) -> FeeOverride:
    """Return what an event charges instead of its series now."""
    override = FeeOverride(group.fee_type, group.fee_multiplier)
    for market in selecting.markets_of(venue, group)[:1]:
        override = override_now(market, venue.exchange.now_us) or override
    return override


def series_changes(venue: Venue, request: Request) -> Reply:
    """Answer `GET /series/fee_changes`: those to come, and with `show_historical` all."""
    query = request.query
    series, past = query.text("series_ticker"), query.flag("show_historical")
    now_us = venue.exchange.now_us
    found = {
        (plan.series, plan.change): plan
        for plan in _planned(venue, lambda fees: fees.series_changes)
        if series in (None, plan.series) and (past or plan.change.at_us > now_us)
    }
    bodies = [
        {
            "id": stable_id("fee change", f"{plan.series} {plan.change.at_us}"),
            "series_ticker": plan.series,
            "fee_type": plan.change.fee_type,
            "fee_multiplier": _multiplier(plan.change),
            "scheduled_ts": iso(plan.change.at_us),
        }
        for plan in found.values()
    ]
    return reply({"series_fee_change_arr": bodies})


def event_changes(venue: Venue, request: Request) -> Reply:
    """Answer `GET /events/fee_changes`, of one event or of all."""
    event = request.query.text("event_ticker")
    found = {
        (plan.event, plan.change): plan
        for plan in _planned(venue, lambda fees: fees.event_changes)
        if event in (None, plan.event)
    }
    page, cursor = page_of(request.query).oldest_first(list(found.values()), lambda _plan: True)
    bodies = [
        {
            "id": stable_id("fee change", f"{plan.event} {plan.change.at_us}"),
            "event_ticker": plan.event,
            "series_ticker": plan.series,
            "fee_type_override": plan.change.fee_type,
            "fee_multiplier_override": _multiplier(plan.change),
            "scheduled_ts": iso(plan.change.at_us),
        }
        for plan in page
    ]
    return reply({"event_fee_changes": bodies, "cursor": cursor})


def _planned(
    venue: Venue, changes: Callable[[FeeSchedule], tuple[FeeChange, ...]]
) -> Iterator[_Planned]:
    """Yield the changes of every market's schedule; markets of one event repeat them."""
    for market in venue.exchange.markets.values():
        for change in () if market.fees is None else changes(market.fees):
            series = selecting.series_of(venue, market)
            yield _Planned(series, market.event_ticker, change)


def _multiplier(change: FeeChange) -> Decimal | None:
    return None if change.multiplier is None else plain_number(change.multiplier)
