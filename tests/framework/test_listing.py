"""Reading lists of markets: part by part, and told once."""

import anyio
import pytest

from framework.engine import Engine
from framework.errors import ExchangeError
from framework.exchange import MarketQuery
from framework.listing import SHOWN_EVERY, Listing
from framework.model.events import MarketChanged, MarketListed
from framework.pipeline import Pipeline
from framework.testing.builders import NOW_US, market
from framework.testing.playbook import EVERYTHING, PluginSet


class Venue:
    """Tells its markets; breaks off before the one that is an error."""

    def __init__(self, *markets):
        self.rows = list(markets)
        self.queries = []

    async def markets(self, query):
        self.queries.append(query)
        for row in self.rows:
            if isinstance(row, Exception):
                raise row
            if query.tickers is None or row.ticker in query.tickers:
                yield row


class Line:
    """Hands events to the engine, and keeps the parts they came in."""

    def __init__(self, engine):
        self.engine = engine
        self.parts = []

    def process(self, events):
        if events:
            self.parts.append(list(events))
        for event in events:
            self.engine.handle(event)


class Clock:
    def now_us(self):
        return NOW_US


def numbered(count, **settings):
    return [market(ticker=f"M-{number}", **settings) for number in range(count)]


def listing_of(venue):
    engine = Engine(Pipeline(PluginSet({})), run_id="r", capabilities=EVERYTHING)
    line = Line(engine)
    return Listing(venue, engine, line, Clock()), line


def read(listing, **how):
    async def once():
        await listing.read(**how)

    anyio.run(once)


def test_a_long_list_is_reported_part_by_part():
    listing, line = listing_of(Venue(*numbered(5)))

    read(listing, part=2)

    assert [len(part) for part in line.parts] == [2, 2, 1]
    assert all(type(event) is MarketListed for part in line.parts for event in part)


def test_a_part_is_reported_before_the_next_market_is_read():
    venue = Venue(*numbered(3))
    listing, line = listing_of(venue)
    venue.rows.append(ExchangeError("the next page can't be read"))

    with pytest.raises(ExchangeError):
        read(listing, part=2)

    assert [len(part) for part in line.parts] == [2]


def test_what_a_broken_list_did_not_report_the_next_one_does():
    venue = Venue(*numbered(3), ExchangeError("the next page can't be read"))
    listing, line = listing_of(venue)
    with pytest.raises(ExchangeError):
        read(listing, part=2)
    venue.rows.pop()

    read(listing, part=2)

    assert [event.market.ticker for event in line.parts[-1]] == ["M-2"]


def test_an_unchanged_market_is_not_told_again():
    listing, line = listing_of(Venue(*numbered(2)))
    read(listing)

    read(listing)

    assert len(line.parts) == 1


def test_a_changed_market_is_told_as_such():
    venue = Venue(*numbered(2))
    listing, line = listing_of(venue)
    read(listing)
    venue.rows = numbered(2, volume=30_000)

    read(listing)

    assert [type(event) for event in line.parts[-1]] == [MarketChanged, MarketChanged]


def test_says_whether_any_market_is_open():
    venue = Venue()
    listing, _ = listing_of(venue)
    read(listing)
    none_open = listing.none_open
    venue.rows = numbered(1)

    read(listing)

    assert (none_open, listing.none_open) == (True, False)


def test_a_followed_market_is_read_when_no_list_tells_of_it():
    venue = Venue(*numbered(1))
    listing, line = listing_of(venue)
    read(listing)
    line.engine.state.markets["M-0"].subscribed = True
    venue.rows = []

    read(listing)

    assert venue.queries[-1] == MarketQuery(open_only=False, tickers=("M-0",))


def test_says_when_a_part_has_been_reported():
    listing, line = listing_of(Venue(*numbered(3)))
    reported = []

    read(listing, part=2, then=lambda: reported.append(sum(map(len, line.parts))))

    assert reported == [2, 3]


def test_a_part_reaches_us_at_one_moment():
    listing, line = listing_of(Venue(*numbered(3)))

    read(listing)

    assert [event.at_us for event in line.parts[0]] == [NOW_US] * 3


def test_shows_a_person_how_far_a_long_list_is():
    listing, _ = listing_of(Venue(*numbered(2 * SHOWN_EVERY + 1)))
    shown = []

    read(listing, show=shown.append)

    assert shown == [SHOWN_EVERY, 2 * SHOWN_EVERY]
