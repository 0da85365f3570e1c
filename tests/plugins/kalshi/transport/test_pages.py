from datetime import UTC, datetime, timedelta, timezone

import pytest

from framework.errors import ConfigError, ExchangeError
from plugins.kalshi.codec import Reach
from plugins.kalshi.codec.bodies import PublicTrade
from plugins.kalshi.transport.pages import Spoken, bodies_of, given, in_path, needed, split

TRADE = {
    "trade_id": "t",
    "ticker": "A",
    "count_fp": "1.00",
    "yes_price_dollars": "0.50",
    "created_time": "2026-01-15T12:00:00Z",
}


def test_a_query_holds_what_is_given_in_the_exchanges_words():
    noon = datetime(2026, 1, 15, 12, tzinfo=UTC)

    assert given(
        limit=5, status=None, tickers=("A", "B"), nested=True, deep=False, min_ts=noon
    ) == {
        "limit": 5,
        "tickers": "A,B",
        "nested": "true",
        "deep": "false",
        "min_ts": 1_768_478_400,
    }


def test_a_moment_is_the_same_in_every_zone_and_utc_without_one():
    there = datetime(2026, 1, 15, 7, tzinfo=timezone(timedelta(hours=-5)))

    assert given(at=there) == given(at=datetime(2026, 1, 15, 12)) == {"at": 1_768_478_400}  # noqa: DTZ001 - the case


@pytest.mark.parametrize("name", ["", "A/B", "A?x=1", "A B", "../status", "A#", "A%2F"])
def test_no_name_leads_to_another_path(name):
    with pytest.raises(ValueError, match="not a name of the exchange's"):
        in_path(name)


def test_tickers_are_names():
    assert in_path("KXHIGHNY-26JAN09-B56.5") == "KXHIGHNY-26JAN09-B56.5"


def test_what_could_not_be_read_is_an_error_that_says_where_the_reason_stands():
    assert needed(0, "nothing") == 0
    with pytest.raises(ExchangeError, match="market A: the answer can't be read; see surprises"):
        needed(None, "market A")


def test_parts_hold_at_most_so_many():
    assert split(["a", "b", "c"], 2) == [["a", "b"], ["c"]]
    assert split([], 2) == []


def test_rows_that_can_not_be_read_are_left_out_by_name_and_the_page_goes_on(
    read_rest, server, codec
):
    broken = {key: value for key, value in TRADE.items() if key != "count_fp"}
    server.then("GET", "/x", {"trades": [broken, TRADE], "cursor": "c"})
    server.then("GET", "/x", {"trades": [TRADE], "cursor": ""})

    async def main(rest, run):
        pages = bodies_of(rest, codec.drift, "/x", {}, "trades", PublicTrade)
        return [row.trade_id async for row in pages]

    assert read_rest(main) == ["t", "t"]
    assert list(codec.drift.failures) == ["PublicTrade A: Object missing required field `count_fp`"]


class Counted:
    """A REST side that only notes what it is asked."""

    def __init__(self):
        self.asked = []

    async def get(self, path, query=None, **options):
        self.asked.append((path, query))
        return {}

    def pages(self, path, query, key, **options):
        self.asked.append((path, query))


@pytest.fixture
def counted():
    return Counted()


async def test_everything_may_be_asked_in_todays_dialect(counted):
    await Spoken(counted, Reach()).get("/x", {"a": 1})

    assert counted.asked == [("/x", {"a": 1})]


async def test_what_a_dialect_has_no_words_for_is_not_asked(counted):
    reach = Reach(reads={"/a/{b}": frozenset({"c"}), "/d": None}, setting='api = "old"')
    spoken = Spoken(counted, reach)

    await spoken.get("/a/1", {"c": 1}, template="/a/{b}")
    spoken.pages("/d", {"any": 1}, "rows")
    for path, template, query, what in (
        ("/e", "", {}, "/e"),
        ("/a/1", "/a/{b}", {"f": 1, "e": 2, "c": 3}, "/a/{b} by e, f"),
    ):
        with pytest.raises(ConfigError) as told:
            await spoken.get(path, query, template=template)
        assert str(told.value) == (
            f'plugins.kalshi: api = "old" has no {what} that could be read; '
            'set api = "fixed-point" for it'
        )
    assert counted.asked == [("/a/1", {"c": 1}), ("/d", {"any": 1})]
