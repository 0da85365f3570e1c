"""The records of markets as they are known at a moment."""

from framework.model.events import QuoteTicked
from framework.model.market import Market, MarketStatus, Settlement
from plugins.sandbox.core.listings import Listing, MarketsView

RECORD = Market(
    ticker="M", event_ticker="E", status=MarketStatus.ACTIVE, open_us=10, close_us=20, result=None
)


def test_a_status_follows_the_clock():
    listing = Listing(RECORD)

    assert [listing.status(at) for at in (9, 10, 19, 20)] == [
        MarketStatus.INITIALIZED,
        MarketStatus.ACTIVE,
        MarketStatus.ACTIVE,
        MarketStatus.CLOSED,
    ]


def test_a_market_without_times_is_open():
    record = Market(ticker="M", event_ticker="E", status=MarketStatus.ACTIVE)

    assert Listing(record).status(5) is MarketStatus.ACTIVE


def test_a_payment_finalizes_the_record():
    listing = Listing(RECORD)
    listing.settlement = Settlement(ticker="M", at_us=30, result="no", yes_pays_e4=0)
    shown = listing.market(30)

    assert (shown.status, shown.result, shown.settlement_e4) == (MarketStatus.FINALIZED, "no", 0)


def test_an_unusable_book_shows_no_touch():
    listing = Listing(RECORD)
    listing.matching.replace({6_000: 1}, {5_000: 1})
    shown = listing.market(12)

    assert (shown.yes_bid_e4, shown.yes_ask_e4) == (None, None)


def test_volume_and_last_price_come_from_the_trades():
    listing = Listing(RECORD)
    listing.traded(6_000, 500)
    listing.traded(6_100, 200)
    shown = listing.market(12)

    assert (shown.volume_e2, shown.last_price_e4) == (700, 6_100)


def test_told_statistics_replace_smaller_ones():
    listing = Listing(RECORD)
    listing.traded(6_000, 500)
    for volume, interest in ((900, 40), (800, 50)):
        listing.told(
            QuoteTicked(
                at_us=12,
                ticker="M",
                last_price_e4=6_100,
                volume_e2=volume,
                open_interest_e2=interest,
            )
        )
    shown = listing.market(12)

    assert (shown.volume_e2, shown.last_price_e4, shown.open_interest_e2) == (900, 6_100, 50)


def test_an_unchanged_record_is_made_once():
    listing = Listing(RECORD)

    assert listing.market(12) is listing.market(13)
    assert listing.market(13) is not listing.market(20)


def test_the_view_shows_every_market_now():
    now = [12]
    view = MarketsView({"M": Listing(RECORD)}, lambda: now[0])
    before = view["M"].status
    now[0] = 20

    assert (before, view["M"].status) == (MarketStatus.ACTIVE, MarketStatus.CLOSED)
    assert (list(view), len(view), "M" in view, "X" in view) == (["M"], 1, True, False)
