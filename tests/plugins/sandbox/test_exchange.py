"""The embedded exchange's core: how its markets live, and what it announces and pays."""

from dataclasses import dataclass, field

import pytest

from framework.errors import InvariantError
from framework.model.events import (
    BookChanged,
    BookReplaced,
    ClockTicked,
    MarketChanged,
    MarketListed,
    MarketSettled,
    QuoteTicked,
    TradePrinted,
)
from framework.model.market import Market, MarketStatus, Settlement
from framework.model.orders import TimeInForce
from framework.model.units import Side
from plugins.sandbox.exchange import (
    SWEEP_AFTER_US,
    LifecycleNotice,
    NewOrder,
    Refusal,
    SandboxExchange,
)

YES, NO = Side.YES, Side.NO
IOC, FOK = TimeInForce.IMMEDIATE_OR_CANCEL, TimeInForce.FILL_OR_KILL
NOW = 1_000_000_000
CLOSE = NOW + 600_000_000


@dataclass
class Scripted:
    start_us: int = NOW
    end_us: int | None = None
    series: dict = field(default_factory=dict)
    event_groups: dict = field(default_factory=dict)

    def events(self):
        return iter(())


def record(ticker="M", **more):
    terms = {"status": MarketStatus.ACTIVE, "open_us": NOW, "close_us": CLOSE, **more}
    return Market(ticker=ticker, event_ticker="E", **terms)


def venue(yes=((80, 50),), no=((15, 50),), cash=1_000, **terms):
    """An exchange with one open market M and its book in cents and contracts."""
    exchange = SandboxExchange(Scripted(), cash_e6=cash * 1_000_000)
    exchange.advance(MarketListed(at_us=NOW, market=record(**terms)))
    exchange.advance(book(yes, no))
    return exchange


def book(yes=(), no=(), at_us=NOW, ticker="M"):
    levels = [tuple((price * 100, size * 100) for price, size in side) for side in (yes, no)]
    return BookReplaced(at_us=at_us, ticker=ticker, yes=levels[0], no=levels[1])


def buy(side=YES, cents=85, contracts=10, **more):
    return NewOrder(
        ticker="M", side=side, limit_e4=cents * 100, quantity_e2=contracts * 100, **more
    )


def printed(cents, contracts, taker, at_us=NOW, trade_id="t"):
    return TradePrinted(
        at_us=at_us,
        ticker="M",
        trade_id=trade_id,
        yes_price_e4=cents * 100,
        quantity_e2=contracts * 100,
        taker_side=taker,
        exchange_us=at_us,
    )


def settled(result="yes", at_us=CLOSE + 10_000_000):
    pays = 10_000 if result == "yes" else 0
    return MarketSettled(
        at_us=at_us,
        settlement=Settlement(ticker="M", at_us=at_us, result=result, yes_pays_e4=pays),
    )


def kinds(notices):
    return [type(notice).__name__ for notice in notices]


class TestLife:
    def test_a_market_takes_orders_between_open_and_close_only(self):
        exchange = venue(open_us=NOW + 10)
        with pytest.raises(Refusal, match="MARKET_INACTIVE"):
            exchange.place(buy())
        assert exchange.markets["M"].status is MarketStatus.INITIALIZED
        exchange.tick(NOW + 10)

        assert exchange.markets["M"].status is MarketStatus.ACTIVE
        assert exchange.place(buy())[0].status == "executed"

    def test_resting_orders_are_swept_soon_after_the_close(self):
        exchange = venue()
        row, _, _ = exchange.place(buy(cents=70))
        exchange.tick(CLOSE)
        assert exchange.markets["M"].status is MarketStatus.CLOSED
        with pytest.raises(Refusal, match="MARKET_INACTIVE"):
            exchange.cancel(row.order_id)
        (notice,) = exchange.tick(CLOSE + SWEEP_AFTER_US)

        assert (notice.order.status, notice.order.reason) == ("canceled", "CloseCancel")

    def test_nothing_is_filled_after_the_close(self):
        exchange = venue()
        exchange.place(buy(cents=82))
        notices = exchange.advance(printed(50, 99, NO, CLOSE + 1))

        assert kinds(notices) == ["TradePrinted", "QuoteTicked"]
        assert not exchange.fills

    def test_frames_after_the_close_still_change_the_book(self):
        exchange = venue()
        exchange.advance(book(at_us=CLOSE + 5))

        assert exchange.book("M").bids(YES) == []

    def test_a_close_moved_later_keeps_the_market_open(self):
        exchange = venue()
        exchange.place(buy(cents=70))
        (notice,) = exchange.advance(
            MarketChanged(at_us=NOW + 1, market=record(close_us=CLOSE + 60_000_000))
        )

        assert notice.kind == "close_date_updated"
        assert exchange.tick(CLOSE + SWEEP_AFTER_US) == []
        assert exchange.markets["M"].status is MarketStatus.ACTIVE

    def test_an_order_of_a_market_that_reopens_can_still_be_cancelled(self):
        exchange = venue()
        row, _, _ = exchange.place(buy(cents=70))
        exchange.tick(CLOSE)
        later = record(close_us=CLOSE + 60_000_000)
        exchange.advance(MarketChanged(at_us=CLOSE + 1, market=later))

        assert exchange.cancel(row.order_id)[0].status == "canceled"
        assert exchange.tick(CLOSE + SWEEP_AFTER_US) == []

    def test_a_pause_cancels_and_refuses(self):
        exchange = venue()
        exchange.place(buy(cents=70))
        paused = record(status=MarketStatus.INACTIVE)
        notices = exchange.advance(MarketChanged(at_us=NOW + 1, market=paused))
        with pytest.raises(Refusal, match="trading_is_paused"):
            exchange.place(buy())
        (back,) = exchange.advance(MarketChanged(at_us=NOW + 2, market=record()))

        assert notices[0].order.reason == "HaltCancel"
        assert (notices[1].kind, back.kind) == ("deactivated", "activated")

    def test_listing_is_announced_without_the_future(self):
        exchange = SandboxExchange(Scripted())
        (notice,) = exchange.advance(MarketListed(at_us=NOW, market=record()))

        assert isinstance(notice, LifecycleNotice)
        assert notice.kind == "created"
        assert (notice.market.result, notice.market.volume_e2) == (None, 0)

    @pytest.mark.parametrize(("result", "revenue"), [("yes", 10_000_000), ("no", 0)])
    def test_a_finalized_market_pays_its_position(self, result, revenue):
        exchange = venue()
        exchange.place(buy())
        before = exchange.cash_e6
        notices = exchange.advance(settled(result))
        row = exchange.settlements[0]

        assert exchange.cash_e6 - before == row.revenue_e6 == revenue
        assert (row.yes_e2, row.no_e2, row.yes_cost_e6, row.fee_e6) == (1_000, 0, 8_500_000, 0)
        assert [notice.kind for notice in notices] == ["determined", "settled"]
        assert exchange.markets["M"].status is MarketStatus.FINALIZED
        assert exchange.positions() == []

    def test_a_determined_market_shows_its_result_but_does_not_pay_yet(self):
        exchange = venue()
        exchange.place(buy())
        told = record(status=MarketStatus.DETERMINED, result="yes")
        exchange.advance(MarketChanged(at_us=CLOSE + 1_000_000, market=told))
        shown = exchange.markets["M"]

        assert (shown.status, shown.result) == (MarketStatus.DETERMINED, "yes")
        assert shown.settlement_e4 is None
        assert exchange.settlements == []

    def test_a_flat_account_gets_no_settlement(self):
        exchange = venue()
        exchange.advance(settled())

        assert exchange.settlements == []

    def test_the_record_follows_the_book(self):
        exchange = venue()
        exchange.advance(
            BookChanged(at_us=NOW, ticker="M", side=YES, price_e4=8_100, change_e2=100)
        )
        shown = exchange.markets["M"]

        assert (shown.yes_bid_e4, shown.yes_ask_e4) == (8_100, 8_500)

    def test_statistics_are_told_when_they_change_only(self):
        exchange = venue()
        deep = exchange.advance(
            BookChanged(at_us=NOW, ticker="M", side=YES, price_e4=1_000, change_e2=100)
        )
        touch = exchange.advance(
            BookChanged(at_us=NOW, ticker="M", side=YES, price_e4=8_100, change_e2=100)
        )

        assert kinds(deep) == ["BookChanged"]
        assert isinstance(touch[-1], QuoteTicked)

    def test_what_is_due_happens_before_the_next_event(self):
        exchange = venue()
        exchange.place(buy(cents=70))
        notices = exchange.advance(book(at_us=CLOSE + 2 * SWEEP_AFTER_US))

        assert kinds(notices)[0] == "OrderNotice"
        assert notices[0].order.updated_us == CLOSE + SWEEP_AFTER_US

    def test_positions_are_worth_their_bids(self):
        exchange = venue()
        exchange.place(buy())

        assert exchange.portfolio_value_e6() == 8_000_000

    @pytest.mark.parametrize(
        "event", [ClockTicked(at_us=NOW), MarketListed(at_us=NOW, market=record())]
    )
    def test_a_world_that_breaks_its_promise_is_our_bug(self, event):
        with pytest.raises(InvariantError):
            venue().advance(event)
