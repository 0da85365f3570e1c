"""The embedded exchange's core: how its markets live, and what it announces and pays."""

import pytest

from framework.errors import InvariantError
from framework.model.events import (
    BookChanged,
    ClockTicked,
    MarketChanged,
    QuoteTicked,
)
from framework.model.market import MarketStatus
from framework.model.orders import TimeInForce
from framework.model.units import Side
from plugins.sandbox.core.exchange import (
    SWEEP_AFTER_US,
    LifecycleNotice,
    Refusal,
)

YES, NO = Side.YES, Side.NO
IOC, FOK = TimeInForce.IMMEDIATE_OR_CANCEL, TimeInForce.FILL_OR_KILL
NOW = 1_000_000_000
CLOSE = NOW + 600_000_000


class TestLife:
    def test_a_market_takes_orders_between_open_and_close_only(self, core):
        exchange = core.venue(open_us=NOW + 10)
        with pytest.raises(Refusal, match="MARKET_INACTIVE"):
            exchange.place(core.buy())
        assert exchange.markets["M"].status is MarketStatus.INITIALIZED
        exchange.tick(NOW + 10)

        assert exchange.markets["M"].status is MarketStatus.ACTIVE
        assert exchange.place(core.buy())[0].status == "executed"

    def test_resting_orders_are_swept_soon_after_the_close(self, core):
        exchange = core.venue()
        row, _, _ = exchange.place(core.buy(cents=70))
        exchange.tick(CLOSE)
        assert exchange.markets["M"].status is MarketStatus.CLOSED
        with pytest.raises(Refusal, match="MARKET_INACTIVE"):
            exchange.cancel(row.order_id)
        (notice,) = exchange.tick(CLOSE + SWEEP_AFTER_US)

        assert (notice.order.status, notice.order.reason) == ("canceled", "CloseCancel")

    def test_nothing_is_filled_after_the_close(self, core):
        exchange = core.venue()
        exchange.place(core.buy(cents=82))
        notices = exchange.advance(core.printed(50, 99, NO, CLOSE + 1))

        assert core.kinds(notices) == ["TradePrinted", "QuoteTicked"]
        assert not exchange.fills

    def test_frames_after_the_close_still_change_the_book(self, core):
        exchange = core.venue()
        exchange.advance(core.book(at_us=CLOSE + 5))

        assert exchange.book("M").bids(YES) == []

    def test_a_close_moved_later_keeps_the_market_open(self, core):
        exchange = core.venue()
        exchange.place(core.buy(cents=70))
        (notice,) = exchange.advance(
            MarketChanged(at_us=NOW + 1, market=core.record(close_us=CLOSE + 60_000_000))
        )

        assert notice.kind == "close_date_updated"
        assert exchange.tick(CLOSE + SWEEP_AFTER_US) == []
        assert exchange.markets["M"].status is MarketStatus.ACTIVE

    def test_an_order_of_a_market_that_reopens_can_still_be_cancelled(self, core):
        exchange = core.venue()
        row, _, _ = exchange.place(core.buy(cents=70))
        exchange.tick(CLOSE)
        later = core.record(close_us=CLOSE + 60_000_000)
        exchange.advance(MarketChanged(at_us=CLOSE + 1, market=later))

        assert exchange.cancel(row.order_id)[0].status == "canceled"
        assert exchange.tick(CLOSE + SWEEP_AFTER_US) == []

    def test_a_pause_cancels_and_refuses(self, core):
        exchange = core.venue()
        exchange.place(core.buy(cents=70))
        paused = core.record(status=MarketStatus.INACTIVE)
        notices = exchange.advance(MarketChanged(at_us=NOW + 1, market=paused))
        with pytest.raises(Refusal, match="trading_is_paused"):
            exchange.place(core.buy())
        (back,) = exchange.advance(MarketChanged(at_us=NOW + 2, market=core.record()))

        assert notices[0].order.reason == "HaltCancel"
        assert (notices[1].kind, back.kind) == ("deactivated", "activated")

    def test_listing_is_announced_without_the_future(self, core):
        exchange = core.opened()
        (notice,) = exchange.advance(core.listed())

        assert isinstance(notice, LifecycleNotice)
        assert notice.kind == "created"
        assert (notice.market.result, notice.market.volume_e2) == (None, 0)

    @pytest.mark.parametrize(("result", "revenue"), [("yes", 10_000_000), ("no", 0)])
    def test_a_finalized_market_pays_its_position(self, core, result, revenue):
        exchange = core.venue()
        exchange.place(core.buy())
        before = exchange.cash_e6
        notices = exchange.advance(core.settled(result))
        row = exchange.settlements[0]

        assert exchange.cash_e6 - before == row.revenue_e6 == revenue
        assert (row.yes_e2, row.no_e2, row.yes_cost_e6, row.fee_e6) == (1_000, 0, 8_500_000, 0)
        assert [notice.kind for notice in notices] == ["determined", "settled"]
        assert exchange.markets["M"].status is MarketStatus.FINALIZED
        assert exchange.positions() == []

    def test_a_determined_market_shows_its_result_but_does_not_pay_yet(self, core):
        exchange = core.venue()
        exchange.place(core.buy())
        told = core.record(status=MarketStatus.DETERMINED, result="yes")
        exchange.advance(MarketChanged(at_us=CLOSE + 1_000_000, market=told))
        shown = exchange.markets["M"]

        assert (shown.status, shown.result) == (MarketStatus.DETERMINED, "yes")
        assert shown.settlement_e4 is None
        assert exchange.settlements == []

    def test_a_flat_account_gets_no_settlement(self, core):
        exchange = core.venue()
        exchange.advance(core.settled())

        assert exchange.settlements == []

    def test_the_record_follows_the_book(self, core):
        exchange = core.venue()
        exchange.advance(
            BookChanged(at_us=NOW, ticker="M", side=YES, price_e4=8_100, change_e2=100)
        )
        shown = exchange.markets["M"]

        assert (shown.yes_bid_e4, shown.yes_ask_e4) == (8_100, 8_500)

    def test_statistics_are_told_when_they_change_only(self, core):
        exchange = core.venue()
        deep = exchange.advance(
            BookChanged(at_us=NOW, ticker="M", side=YES, price_e4=1_000, change_e2=100)
        )
        touch = exchange.advance(
            BookChanged(at_us=NOW, ticker="M", side=YES, price_e4=8_100, change_e2=100)
        )

        assert core.kinds(deep) == ["BookChanged"]
        assert isinstance(touch[-1], QuoteTicked)

    def test_what_is_due_happens_before_the_next_event(self, core):
        exchange = core.venue()
        exchange.place(core.buy(cents=70))
        notices = exchange.advance(core.book(at_us=CLOSE + 2 * SWEEP_AFTER_US))

        assert core.kinds(notices)[0] == "OrderNotice"
        assert notices[0].order.updated_us == CLOSE + SWEEP_AFTER_US

    def test_positions_are_worth_their_bids(self, core):
        exchange = core.venue()
        exchange.place(core.buy())

        assert exchange.portfolio_value_e6() == 8_000_000

    @pytest.mark.parametrize(
        "tell", [lambda core: ClockTicked(at_us=NOW), lambda core: core.listed()]
    )
    def test_a_world_that_breaks_its_promise_is_our_bug(self, core, tell):
        with pytest.raises(InvariantError):
            core.venue().advance(tell(core))
