import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.model.book import BookState, OrderBook
from framework.model.units import Side, to_e2, to_e4

sides = st.sampled_from(Side)
prices = st.integers(1, 9_999)
sizes = st.integers(1, 10**6)
ladders = st.dictionaries(prices, sizes, max_size=8)


def book(yes=(), no=()):
    built = OrderBook()
    built.replace(dict(yes), dict(no))
    return built


def seen(some):
    """Return everything a reader can see of a book, except how often it moved."""
    return (
        some.state,
        some.touch(),
        {side: (some.bid(side), some.ask(side), some.bids(side), some.asks(side)) for side in Side},
    )


@st.composite
def journeys(draw):
    """A snapshot and deltas that never take more than a level holds, with the levels they give."""
    levels = {Side.YES: draw(ladders), Side.NO: draw(ladders)}
    start = {side: dict(held) for side, held in levels.items()}
    deltas = []
    for _ in range(draw(st.integers(0, 25))):
        side = draw(sides)
        held = levels[side]
        if held and draw(st.booleans()):
            price = draw(st.sampled_from(sorted(held)))
            change = draw(st.one_of(st.just(-held[price]), st.integers(-held[price], 1000)))
        else:
            price, change = draw(prices), draw(sizes)
        held[price] = held.get(price, 0) + change
        if held[price] == 0:
            del held[price]
        deltas.append((side, price, change))
    return start, deltas, levels


@given(journeys())
def test_a_book_after_deltas_equals_its_snapshot(journey):
    start, deltas, levels = journey
    moved = book(start[Side.YES], start[Side.NO])
    for delta in deltas:
        moved.change(*delta)

    assert seen(moved) == seen(book(levels[Side.YES], levels[Side.NO]))


@given(journeys())
def test_a_book_after_deltas_equals_plain_dicts(journey):
    start, deltas, levels = journey
    moved = book(start[Side.YES], start[Side.NO])
    for delta in deltas:
        moved.change(*delta)
    best = {side: max(held, default=None) for side, held in levels.items()}

    for side, held in levels.items():
        other = best[side.opposite]
        assert moved.bid(side) == best[side]
        assert moved.ask(side) == (None if other is None else 10_000 - other)
        assert moved.bids(side) == sorted(held.items(), reverse=True)
        assert moved.asks(side.opposite) == sorted((10_000 - p, size) for p, size in held.items())
        assert all(moved.size(side, price) == size for price, size in held.items())
    total = sum(price for price in best.values() if price is not None)
    assert moved.crossed == (None not in best.values() and total >= 10_000)


@given(ladders, ladders, sides, st.integers(0, 9))
def test_a_depth_is_the_best_levels(yes, no, side, depth):
    some = book(yes, no)

    assert some.bids(side, depth) == some.bids(side)[:depth]
    assert some.asks(side, depth) == some.asks(side)[:depth]


@given(ladders, ladders)
def test_yes_and_no_are_the_same_book_seen_from_both_sides(yes, no):
    one, other = book(yes, no), book(no, yes)

    for side in Side:
        assert one.bids(side) == other.bids(side.opposite)
        assert one.asks(side) == other.asks(side.opposite)


class TestEmpty:
    def test_an_empty_side_has_no_price(self):
        empty = book()

        assert empty.touch() == (None, None)
        assert [empty.bid(side) for side in Side] == [None, None]
        assert [empty.ask(side) for side in Side] == [None, None]
        assert empty.bids(Side.YES) == empty.asks(Side.YES) == []
        assert empty.size(Side.YES, 5000) == 0

    def test_an_empty_book_is_a_valid_one(self):
        assert book().state is BookState.VALID
        assert book().valid

    def test_one_side_alone_has_no_ask(self):
        some = book(yes={4000: 100})

        assert (some.bid(Side.YES), some.ask(Side.YES)) == (4000, None)
        assert (some.bid(Side.NO), some.ask(Side.NO)) == (None, 6000)

    def test_the_last_level_taken_away_leaves_none(self):
        some = book(yes={4000: 100})
        some.change(Side.YES, 4000, -100)

        assert some.bid(Side.YES) is None
        assert some.state is BookState.VALID


class TestUnusable:
    def test_no_snapshot_yet_is_missing(self):
        some = OrderBook()

        assert some.state is BookState.MISSING
        assert not some.valid
        assert some.reason

    def test_a_delta_does_not_make_up_for_a_snapshot(self):
        some = OrderBook()
        some.change(Side.YES, 4000, 100)

        assert some.state is BookState.MISSING
        assert some.bid(Side.YES) is None

    def test_a_gap_is_marked_with_its_reason(self):
        some = book(yes={4000: 100})
        some.invalidate("seq 7 after 5")

        assert some.state is BookState.INVALID
        assert not some.valid
        assert "seq 7 after 5" in some.reason

    def test_a_book_never_seen_can_be_invalidated(self):
        some = OrderBook()
        some.invalidate("stream lost")

        assert not some.valid

    @pytest.mark.parametrize(
        ("price", "change"),
        [(4000, -101), (4100, -1), (0, 100), (10_000, 100), (-1, 1), (10_001, 1)],
    )
    def test_an_impossible_delta_is_marked(self, price, change):
        some = book(yes={4000: 100})
        tells = some.change(Side.YES, price, change)

        assert tells
        assert some.state is BookState.INVALID
        assert str(price) in some.reason or "0." in some.reason

    @pytest.mark.parametrize("levels", [{0: 1}, {10_000: 1}, {-5: 1}, {4000: -1}, {4000: 0}])
    @pytest.mark.parametrize("side", Side)
    def test_an_impossible_level_of_a_snapshot_is_marked(self, side, levels):
        some = book(**{side.value: levels})

        assert some.state is BookState.INVALID

    def test_deltas_do_not_heal_it(self):
        some = book(yes={4000: 100})
        some.invalidate("gap")
        some.change(Side.YES, 4000, 50)

        assert some.state is BookState.INVALID

    def test_a_snapshot_heals_it(self):
        some = book(yes={4000: 100})
        some.invalidate("gap")
        some.replace({3000: 100}, {})

        assert some.state is BookState.VALID
        assert seen(some) == seen(book(yes={3000: 100}))


class TestCrossed:
    @pytest.mark.parametrize("no", [6000, 6001, 9999])
    def test_a_dollar_or_more_for_both_is_crossed(self, no):
        some = book(yes={4000: 100}, no={no: 100})

        assert some.crossed
        assert some.state is BookState.CROSSED
        assert not some.valid

    def test_just_under_a_dollar_is_not(self):
        assert book(yes={4000: 100}, no={5999: 100}).valid

    def test_a_delta_heals_it(self):
        some = book(yes={4000: 100}, no={6000: 100, 5000: 1})
        some.change(Side.NO, 6000, -100)

        assert some.state is BookState.VALID
        assert some.ask(Side.YES) == 5000

    def test_a_delta_can_cross_it(self):
        some = book(yes={4000: 100}, no={5000: 100})
        some.change(Side.YES, 5000, 1)

        assert some.state is BookState.CROSSED


@pytest.mark.parametrize(
    "move",
    [
        lambda some: some.change(Side.YES, 4000, 1),
        lambda some: some.replace({}, {}),
        lambda some: some.invalidate("gap"),
    ],
    ids=["change", "replace", "invalidate"],
)
def test_every_move_is_a_new_version(move):
    some = book(yes={4000: 100})
    before = some.version
    move(some)

    assert some.version > before


def test_a_snapshot_given_is_not_kept_by_reference():
    levels = {4000: 100}
    some = OrderBook()
    some.replace(levels, {})
    levels[4000] = 7

    assert some.size(Side.YES, 4000) == 100


@pytest.mark.recording
def test_a_recorded_market_never_breaks_a_book(recordings):
    """Against a plain fold of the same frames, read by nothing of ours but the units."""
    folder = recordings / "gold-15m-frames" / "events" / "KXGOLD15M-26AUG050000-00"
    kept, folded = OrderBook(), {}
    with gzip.open(folder / "2026-08-05.ndjson.gz", "rt") as lines:
        for frame in (json.loads(line)["event"] for line in lines):
            told = frame["msg"]
            if frame["type"] == "orderbook_snapshot":
                folded = {
                    side: {to_e4(p): to_e2(n) for p, n in told.get(f"{side}_dollars_fp", [])}
                    for side in Side
                }
                kept.replace(folded[Side.YES], folded[Side.NO])
            elif frame["type"] == "orderbook_delta":
                side, price = Side(told["side"]), to_e4(told["price_dollars"])
                change = to_e2(told["delta_fp"])
                left = folded[side].pop(price, 0) + change
                if left:
                    folded[side][price] = left
                kept.change(side, price, change)
                assert kept.state in {BookState.VALID, BookState.CROSSED}
                assert kept.bid(side) == max(folded[side], default=None)

    assert {side: dict(kept.bids(side)) for side in Side} == folded


@pytest.mark.parametrize(
    ("price_e4", "change_e2", "moved"),
    [
        (9100, 50, False),
        (9100, -700, False),
        (9200, -100, False),
        (9200, -500, True),
        (9250, 100, True),
        (9200, -501, True),
        (0, 1, True),
    ],
)
def test_a_change_says_whether_it_moved_the_best_price_or_broke_the_book(
    price_e4, change_e2, moved
):
    some = OrderBook()
    some.replace({9200: 500, 9100: 700}, {700: 300})

    assert some.change(Side.YES, price_e4, change_e2) is moved


def test_the_first_bid_moves_the_best_price():
    some = OrderBook()
    some.replace({}, {})

    assert some.change(Side.NO, 100, 1) is True
