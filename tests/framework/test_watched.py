"""What the engine remembers of one market."""

import pytest

from framework.model.events import TradePrinted
from framework.model.units import Side
from framework.testing.builders import NOW_US, market
from framework.watched import TRADES_KEPT, Siblings, Watched


@pytest.fixture
def watched():
    seen = Watched(market(volume=100))
    seen.subscribed = True
    return seen


def test_the_touch_moves_only_on_a_usable_book(watched):
    assert not watched.touch_moved()
    watched.book.replace({9_000: 1}, {900: 1})

    assert watched.touch_moved()
    assert not watched.touch_moved()


def test_keeps_the_last_good_bids_while_the_book_is_unusable(watched):
    watched.book.replace({9_000: 1}, {900: 1})
    watched.touch_moved()

    watched.forget_feed("gap")

    assert watched.mark_e4(Side.YES) == 9_000
    assert watched.mark_e4(Side.NO) == 900


def test_a_side_without_bids_is_marked_at_nothing_and_no_book_at_unknown(watched):
    assert watched.mark_e4(Side.YES) is None
    watched.book.replace({}, {900: 1})
    watched.touch_moved()

    assert watched.mark_e4(Side.YES) == 0


def test_a_listing_that_lags_never_lowers_the_volume(watched):
    watched.quote(None, 500_00, None)

    watched.relist(market(volume=300))

    assert watched.market.volume == 500


def test_a_message_that_leaves_out_a_figure_leaves_it_as_it_was(watched):
    watched.quote(None, None, None)

    assert watched.market.volume == 100


def test_filters_see_the_touch_of_the_book(watched):
    watched.book.replace({8_000: 1}, {1_000: 1})
    watched.touch_moved()

    assert (str(watched.present().yes_bid), str(watched.present().yes_ask)) == ("0.80", "0.90")


def test_remembers_the_newest_trades_only(watched):
    for number in range(TRADES_KEPT + 5):
        watched.print_trade(
            TradePrinted(
                at_us=NOW_US,
                ticker="A",
                trade_id=str(number),
                yes_price_e4=100 + number,
                quantity_e2=100,
                taker_side=None,
            )
        )

    assert len(watched.trades) == TRADES_KEPT
    assert str(watched.trades[0].price) == "0.0124"


def test_siblings_leave_out_the_market_itself_and_cannot_be_changed(watched):
    siblings = Siblings({"A": watched, "B": Watched(market("B"))}, ("A", "B"), "A")

    assert list(siblings) == ["B"]
    assert "A" not in siblings
    with pytest.raises(TypeError):
        siblings["B"] = None
