"""The engine, as a dialogue: what happened, and what it must do."""

from datetime import timedelta
from decimal import Decimal

import msgspec
import pytest
from pydantic import PrivateAttr

from framework import EntrySignal, ExitSignal, Plugin, Rejection, Side, Urgency, hookimpl
from framework.decisions import EngineSettings
from framework.engine import Engine
from framework.errors import InvariantError
from framework.exchange import Capabilities
from framework.model.account import (
    LedgerOrder,
    OwnedFill,
    RemoteOrder,
    RemotePosition,
    RemoteStatus,
)
from framework.model.commands import (
    AmendOrder,
    CancelOrder,
    QueryOrder,
    SubmitOrder,
    Subscribe,
    Unsubscribe,
)
from framework.model.events import (
    AmendRefused,
    BookChanged,
    BookInvalidated,
    BookReplaced,
    CancelRefused,
    ClockTicked,
    Event,
    ExchangeStatusChanged,
    IntentRefused,
    LedgerRead,
    MarketChanged,
    MarketListed,
    MarketSettled,
    ObservationArrived,
    OrderAbsent,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
    Pause,
    QuoteTicked,
    RunStopping,
    StreamLost,
    StreamRestored,
    TradePrinted,
    TradingHalted,
    TradingResumed,
)
from framework.model.market import MarketStatus, Settlement
from framework.model.observation import Observation
from framework.model.orders import OrderState, Purpose, TimeInForce
from framework.model.records import NO_SIGNAL, Stage
from framework.model.units import to_e4
from framework.pipeline import Pipeline
from framework.testing.builders import NOW_US, TICKER, fill, market, order
from framework.testing.playbook import EVERYTHING, Playbook, PluginSet, account_report

SECOND = 1_000_000


class Buyer(Plugin):
    """Buys YES at its limit while somebody bids at least `from_bid`."""

    limit: Decimal = Decimal("0.93")
    from_bid: Decimal = Decimal("0.90")
    side: Side = Side.YES
    _snapshots: list = PrivateAttr(default_factory=list)

    @hookimpl
    def signal_entry(self, snapshot):
        self._snapshots.append(snapshot)
        bid = snapshot.yes.bid
        if bid is None or bid < self.from_bid:
            return None
        return EntrySignal(self.side, limit=self.limit, reason=f"bid {bid}")


class Sizer(Plugin):
    contracts: Decimal = Decimal(10)

    @hookimpl
    def size_entry(self):
        return self.contracts


class Stop(Plugin):
    """Leaves at once when the bid is at or below the trigger."""

    trigger: Decimal = Decimal("0.80")
    urgency: Urgency = Urgency.STOP
    immediate: bool = True

    @hookimpl
    def signal_exit(self, position, snapshot):
        bid = snapshot.side(position.side).bid
        if bid is None or bid > self.trigger:
            return None
        return ExitSignal(limit=bid, reason="stop", urgency=self.urgency, immediate=self.immediate)


class Target(Plugin):
    price: Decimal = Decimal("0.99")

    @hookimpl
    def signal_exit(self):
        return ExitSignal(limit=self.price, reason="target", urgency=Urgency.TAKE_PROFIT)


class Choosy(Plugin):
    least: Decimal = Decimal(10_000)

    @hookimpl
    def filter_market(self, market):
        if market.volume is None or market.volume < self.least:
            return Rejection("volume", f"{market.volume}")
        return None


class Refuser(Plugin):
    code: str = "no"

    @hookimpl
    def check_risk(self, order, portfolio):
        return Rejection(self.code, f"{order.quantity} on {portfolio.exposure()}")


def listed(at=NOW_US, **terms):
    return MarketListed(at_us=at, market=market(**terms))


def bids(yes="0.92", no="0.07", at=NOW_US, size=100_00):
    return BookReplaced(
        at_us=at,
        ticker=TICKER,
        yes=() if yes is None else ((to_e4(yes), size),),
        no=() if no is None else ((to_e4(no), size),),
    )


def tick(at):
    return ClockTicked(at_us=at)


def accepted(play, at=NOW_US, filled=0, remaining=None):
    sent = play.order
    left = sent.quantity_e2 - filled if remaining is None else remaining
    return OrderAccepted(
        at_us=at,
        client_order_id=sent.client_order_id,
        order_id=f"x-{sent.client_order_id}",
        filled_e2=filled,
        remaining_e2=left,
    )


def filled(play, quantity=None, price=None, at=NOW_US, trade_id=None):
    sent = play.order
    return OrderFilled(
        at_us=at,
        fill=fill(
            trade_id or f"t-{sent.client_order_id}-{at}",
            side=sent.side,
            price=sent.limit if price is None else price,
            quantity=sent.quantity if quantity is None else quantity,
            order_id=f"x-{sent.client_order_id}",
            client_order_id=sent.client_order_id,
            at_us=at,
        ),
    )


def cancelled(play, filled_e2=None, at=NOW_US):
    return OrderCancelled(
        at_us=at,
        client_order_id=play.order.client_order_id,
        order_id=f"x-{play.order.client_order_id}",
        filled_e2=filled_e2,
        reason="cancelled",
    )


@pytest.fixture
def play():
    """A buyer with a size, in a followed market with a book it does not want yet."""
    return following(Buyer(), Sizer())


def following(*plugins, **terms):
    strategy = next(p for p in plugins if isinstance(p, Buyer))
    shared = [p for p in plugins if p is not strategy]
    return Playbook(strategy, *shared, **terms).event(listed()).expect(Subscribe)


def holding(*plugins, quantity=10, **terms):
    """A position of `quantity` bought at 0.93, its entry order ended."""
    play = following(*plugins, **terms).event(bids()).expect(SubmitOrder)
    play.event(accepted(play), filled(play, quantity))
    if quantity != play.order.quantity:
        play.event(cancelled(play, quantity * 100))
    return play


# ---------------------------------------------------------------------------- choosing markets


def test_follows_a_market_that_passes_the_filters():
    Playbook(Buyer(), Choosy()).event(listed()).expect(Subscribe)


def test_never_follows_a_market_that_is_refused_and_writes_down_why():
    play = Playbook(Buyer(), Choosy()).event(listed(volume=9_999)).expect()

    assert play.codes() == ["filter.volume"]


def test_follows_a_market_once_it_changes_for_the_better():
    play = Playbook(Buyer(), Choosy()).event(listed(volume=9_999)).expect()

    play.event(MarketChanged(at_us=NOW_US, market=market(volume=10_000))).expect(Subscribe)


def test_asks_filters_again_every_so_often_with_the_volume_of_the_stream():
    play = following(Buyer(), Choosy())
    play.event(tick(NOW_US)).expect()
    worse = QuoteTicked(
        at_us=NOW_US, ticker=TICKER, last_price_e4=None, volume_e2=None, open_interest_e2=None
    )
    play.event(
        worse, MarketChanged(at_us=NOW_US, market=market(status=MarketStatus.CLOSED))
    ).expect()

    play.event(tick(NOW_US + 10 * SECOND)).expect()


def test_stops_following_a_market_that_is_refused_later():
    class Fickle(Plugin):
        _asked: int = PrivateAttr(default=0)

        @hookimpl
        def filter_market(self):
            self._asked += 1
            return Rejection("mood", "") if self._asked > 1 else None

    play = Playbook(Buyer(), Fickle()).event(listed()).expect(Subscribe)

    play.event(tick(NOW_US + 10 * SECOND)).expect(Unsubscribe)


def test_a_market_that_closed_long_ago_is_forgotten_unless_something_is_held_there():
    day = 24 * 3_600 * SECOND
    over = Playbook(Buyer(), Sizer(), OnlyActive()).event(listed())
    over.event(MarketChanged(at_us=NOW_US, market=market(status=MarketStatus.CLOSED)))
    held = holding(Buyer(), Sizer())

    for play in (over, held):
        play.event(tick(NOW_US + day), tick(NOW_US + 2 * day), tick(NOW_US + 3 * day))

    assert not over.engine.state.markets
    assert not over.engine.state.events
    assert TICKER in held.engine.state.markets


def test_a_market_followed_again_waits_for_a_new_book():
    play = Playbook(Buyer(), Sizer(), OnlyActive()).event(listed()).expect(Subscribe)
    paused = market(status=MarketStatus.INACTIVE)
    play.event(MarketChanged(at_us=NOW_US, market=paused)).expect(Unsubscribe)
    play.event(bids()).expect()  # it was on its way when we left

    play.event(MarketChanged(at_us=NOW_US, market=market())).expect(Subscribe)
    play.event(bids()).expect(SubmitOrder)


class OnlyActive(Plugin):
    @hookimpl
    def filter_market(self, market):
        return None if market.status is MarketStatus.ACTIVE else Rejection("status", "")


def test_keeps_following_a_market_with_a_position_whatever_its_filters_say():
    play = holding(Buyer(), Sizer(), Choosy(least=Decimal(20_000)))

    play.event(MarketChanged(at_us=NOW_US, market=market(volume=1)))

    assert not any(isinstance(c, Unsubscribe) for r in play.records for c in r.commands)


# ------------------------------------------------------------------------------------- entries


def test_buys_what_the_strategy_signals_at_the_size_it_is_given(play):
    play.event(bids()).expect(SubmitOrder)

    assert play.order.side is Side.YES
    assert play.order.limit == Decimal("0.93")
    assert play.order.quantity == 10
    assert play.order.purpose is Purpose.ENTRY
    assert play.order.client_order_id == "run-1"
    assert play.order.reason == "bid 0.92"


def test_writes_the_numbers_down_on_which_it_decided(play):
    play.event(bids("0.80"))
    play.event(bids("0.92"))

    told = {
        (verdict.stage, verdict.code): verdict.numbers
        for record in play.records
        for verdict in record.verdicts
    }
    assert told[Stage.SIGNAL, NO_SIGNAL] == {
        "bid": Decimal("0.80"),
        "ask": Decimal("0.93"),
        "volume": Decimal(20_000),
    }
    assert told[Stage.SIGNAL, None] == {"limit": Decimal("0.93")}
    assert told[Stage.SIZE, None] == {"contracts": Decimal(10)}


def test_decides_nothing_before_the_account_has_been_read():
    play = Playbook(Buyer(), Sizer(), recovered=False)

    play.event(listed()).expect(Subscribe).event(bids()).expect()


def test_an_event_moves_the_present_moment(play):
    play.event(tick(NOW_US + SECOND))

    assert play.engine.state.now_us == NOW_US + SECOND


def test_an_event_without_a_place_is_a_bug(play):
    class Surprised(Event, frozen=True, kw_only=True, tag=True):
        pass

    with pytest.raises(InvariantError, match="no place for Surprised"):
        play.engine.handle(Surprised(at_us=NOW_US))


def test_is_silent_while_the_best_prices_do_not_change(play):
    play.event(bids(yes="0.80")).expect()
    asked = len(play.engine.state.markets[TICKER].verdicts)

    play.event(BookChanged(at_us=NOW_US, ticker=TICKER, side=Side.YES, price_e4=100, change_e2=5))

    assert len(play.engine.state.markets[TICKER].verdicts) == asked
    play.expect()


@pytest.mark.parametrize("price_e4", [9_200, 5_000, 10_000])
def test_follows_a_market_anew_whose_book_became_impossible_once(play, price_e4):
    play.event(bids(yes="0.80")).expect()
    change = BookChanged(
        at_us=NOW_US, ticker=TICKER, side=Side.YES, price_e4=price_e4, change_e2=-200_00
    )

    play.event(change).expect(Unsubscribe, Subscribe)
    play.event(change).expect()


def test_follows_a_market_anew_whose_snapshot_is_impossible(play):
    play.event(bids(size=-1)).expect(Unsubscribe, Subscribe)


def test_a_book_that_was_told_as_invalid_is_left_to_the_exchange(play):
    play.event(bids(yes="0.80")).expect()
    play.event(BookInvalidated(at_us=NOW_US, ticker=TICKER, reason="gap")).expect()
    play.event(
        BookChanged(at_us=NOW_US, ticker=TICKER, side=Side.YES, price_e4=100, change_e2=-5)
    ).expect()


def test_sends_one_order_for_one_idea(play):
    play.event(bids()).expect(SubmitOrder)

    play.event(bids(no="0.06"), bids(no="0.07")).expect()


def test_two_signals_for_one_side_are_one_order_at_the_first_ones_terms():
    play = following(Buyer(), Sizer(), SecondBuyer(), ByLimit()).event(bids()).expect(SubmitOrder)

    play.event(accepted(play), bids(no="0.06"), tick(NOW_US + SECOND)).expect()

    assert play.order.limit == Decimal("0.91")
    assert play.order.quantity == 9


class SecondBuyer(Plugin):
    """Wishes to buy too, lower; as a shared plugin it is asked before the strategy."""

    @hookimpl
    def signal_entry(self):
        return EntrySignal(Side.YES, limit=Decimal("0.91"), reason="me too")


class ByLimit(Plugin):
    """Sizes by the signal in hand."""

    @hookimpl
    def size_entry(self, signal):
        return Decimal(9) if signal.limit == Decimal("0.91") else Decimal(1)


def test_refuses_an_entry_without_any_size():
    play = following(Buyer()).event(bids()).expect()

    assert play.codes() == ["size.no_size"]


def test_the_smallest_size_wins():
    play = following(Buyer(), Sizer(), Smaller()).event(bids()).expect(SubmitOrder)

    assert play.order.quantity == 3


class Smaller(Plugin):
    @hookimpl
    def size_entry(self):
        return Decimal(3)


def test_risk_refuses_last_and_every_objection_is_kept():
    play = following(Buyer(), Sizer(), Refuser(), Refuser2()).event(bids()).expect()

    verdict = play.records[-1].verdicts[-1]
    assert verdict.stage == "risk"
    assert verdict.message == "no: 10 on 0.00; also: 10 on 0.00"


class Refuser2(Refuser):
    code: str = "also"


def test_a_price_off_the_markets_grid_is_refused():
    play = following(Buyer(limit=Decimal("0.9301")), Sizer()).event(bids()).expect()

    assert play.codes() == ["signal.off_grid"]
    assert play.records[-1].verdicts[-1].message == (
        "0.9301 is not a price here; the nearest: 0.93 and 0.94"
    )


def test_a_part_of_a_contract_is_no_order_where_the_exchange_knows_no_fractions():
    whole = msgspec.structs.replace(EVERYTHING, fractional_quantities=False)
    play = following(Buyer(), Sizer(contracts=Decimal("0.75")), capabilities=whole)

    play.event(bids()).expect()

    assert play.codes() == ["size.zero_size"]
    assert (
        play.records[-1]
        .verdicts[-1]
        .message.endswith(" sized 0.75, and only whole contracts are traded here")
    )


def test_whole_contracts_where_the_exchange_knows_no_fractions():
    whole = msgspec.structs.replace(EVERYTHING, fractional_quantities=False)
    play = following(Buyer(), Sizer(contracts=Decimal("10.75")), capabilities=whole)

    play.event(bids()).expect(SubmitOrder)

    assert play.order.quantity == 10


def test_behind_a_broker_an_order_counts_with_the_cents_that_its_fills_may_take():
    broker = msgspec.structs.replace(EVERYTHING, balance_step_e6=10_000)

    worst = [
        following(Buyer(), Sizer(), capabilities=capabilities)
        .event(bids())
        .engine.state.worst.reserved_e6(0)
        for capabilities in (EVERYTHING, broker)
    ]

    assert 9_300_000 < worst[0] < 9_500_000
    assert worst[1] == 10_000_000


def test_cancels_an_entry_whose_signal_no_longer_holds(play):
    play.event(bids())
    play.event(accepted(play)).ignore()

    play.event(bids(yes="0.80")).expect(CancelOrder)


def test_cancels_an_entry_at_the_end_of_its_lifetime_and_not_before(play):
    play.event(bids())
    play.event(accepted(play)).ignore()
    end = NOW_US + EngineSettings().good_for_us

    play.event(tick(end - 1)).expect()
    play.event(tick(end)).expect(CancelOrder)


def test_a_signal_may_give_its_entry_a_shorter_life():
    class Brief(Buyer):
        @hookimpl
        def signal_entry(self, snapshot):
            return EntrySignal(
                Side.YES, limit=Decimal("0.93"), reason="brief", good_for=timedelta(seconds=2)
            )

    play = following(Brief(), Sizer()).event(bids())
    play.event(accepted(play)).ignore()

    play.event(tick(NOW_US + 2 * SECOND)).expect(CancelOrder)


class Follower(Buyer):
    """Buys YES at the ask, wherever it goes."""

    @hookimpl
    def signal_entry(self, snapshot):
        return EntrySignal(Side.YES, limit=snapshot.yes.ask, reason="at the ask")


WITHOUT_AMENDMENTS = msgspec.structs.replace(EVERYTHING, amend=False)


def test_reprices_an_entry_by_cancelling_it_where_the_exchange_cannot_amend():
    play = following(Follower(), Sizer(), capabilities=WITHOUT_AMENDMENTS).event(bids())
    play.event(accepted(play)).ignore()
    later = NOW_US + 5 * SECOND

    play.event(bids(no="0.06", at=later)).expect(CancelOrder)
    play.event(cancelled(play, 0, at=later)).expect(SubmitOrder)

    assert play.order.limit == Decimal("0.94")


def test_keeps_the_rest_of_a_partly_filled_entry_or_cancels_it_by_setting():
    for keep, wanted in ((True, ()), (False, (CancelOrder,))):
        play = following(Buyer(), Sizer(), settings=EngineSettings(keep_remainder=keep))
        play.event(bids())
        play.event(accepted(play)).ignore()

        play.event(filled(play, quantity=4)).expect(*wanted)


def test_a_refused_entry_is_not_repeated_at_once(play):
    play.event(bids())
    refused = OrderRejected(
        at_us=NOW_US,
        client_order_id=play.order.client_order_id,
        code="insufficient_balance",
        message="",
    )
    play.event(refused).ignore()

    play.event(bids(no="0.06", at=NOW_US + SECOND)).expect()
    play.event(bids(no="0.07", at=NOW_US + 5 * SECOND)).expect(SubmitOrder)


def test_an_intent_that_the_ledger_refused_is_not_sent_again_at_once(play):
    play.event(bids())

    refused = IntentRefused(
        at_us=NOW_US, client_order_id=play.order.client_order_id, reason="halted"
    )
    play.event(refused).expect(SubmitOrder)  # the intent of before the refusal; nothing after it

    assert play.engine.state.worst.open_orders() == 0


def test_never_enters_on_a_crossed_or_invalid_book(play):
    play.event(bids(yes="0.95", no="0.05")).expect()
    play.event(bids()).expect(SubmitOrder)


def test_one_market_has_one_owning_strategy_at_a_time():
    pair = {"first": Buyer(), "second": Buyer()}
    engine = Engine(
        Pipeline(PluginSet(pair, {"sizer": Sizer()})), run_id="run", capabilities=EVERYTHING
    )
    engine.handle(account_report(recovery=True))
    engine.handle(listed())

    record = engine.handle(bids())

    assert [c.order.strategy for c in record.commands if isinstance(c, SubmitOrder)] == ["first"]
    assert not engine.handle(bids(no="0.06")).commands


# --------------------------------------------------------------------------------------- exits


def test_leaves_at_once_with_an_immediate_reduce_only_order_when_the_stop_is_hit():
    play = holding(Buyer(), Sizer(), Stop()).ignore()

    play.event(bids(yes="0.70", at=NOW_US + SECOND)).expect(SubmitOrder)

    assert play.order.purpose is Purpose.EXIT
    assert play.order.side is Side.NO
    assert play.order.limit == Decimal("0.30")
    assert play.order.quantity == 10
    assert play.order.time_in_force is TimeInForce.IMMEDIATE_OR_CANCEL
    assert play.order.reduce_only
    assert str(play.order) == f"sell 10 YES {TICKER} at 0.70"


def test_a_stop_rests_where_the_exchange_knows_no_immediate_orders():
    poor = Capabilities(client_order_ids=True)
    play = holding(Buyer(), Sizer(), Stop(), capabilities=poor).ignore()

    play.event(bids(yes="0.70", at=NOW_US + SECOND)).expect(SubmitOrder)

    assert play.order.time_in_force is TimeInForce.GOOD_TILL_CANCELLED
    assert not play.order.reduce_only


def test_repeats_a_stop_that_did_not_finish_until_the_position_is_gone():
    play = holding(Buyer(), Sizer(), Stop()).ignore()
    play.event(bids(yes="0.70", at=NOW_US + SECOND)).expect(SubmitOrder)
    first = play.order
    play.event(
        filled(play, quantity=4, at=NOW_US + SECOND), cancelled(play, 4_00, at=NOW_US + SECOND)
    ).expect()

    play.event(tick(NOW_US + 2 * SECOND)).expect(SubmitOrder)

    assert play.order.client_order_id != first.client_order_id
    assert play.order.quantity == 6


def test_a_resting_target_is_cancelled_for_the_stop_which_is_sent_after_its_end():
    play = holding(Buyer(), Sizer(), Stop(), Target()).expect(SubmitOrder)
    play.event(accepted(play))
    target = play.order
    later = NOW_US + 10 * SECOND

    play.event(bids(yes="0.70", at=later)).expect(CancelOrder)
    play.event(bids(yes="0.69", at=later)).expect()
    play.event(cancelled(play, 0, at=later)).expect(SubmitOrder)

    assert play.order.urgency is Urgency.STOP
    assert play.order.client_order_id != target.client_order_id


def test_the_target_comes_back_when_the_stop_did_not_finish():
    play = holding(Buyer(), Sizer(), Stop(), Target())
    play.event(accepted(play)).ignore()
    later = NOW_US + 10 * SECOND
    play.event(bids(yes="0.70", at=later))
    play.event(cancelled(play, 0, at=later)).ignore()
    play.event(
        filled(play, quantity=4, price="0.30", at=later), cancelled(play, 4_00, at=later)
    ).ignore()

    play.event(bids(at=later + SECOND)).expect(SubmitOrder)

    assert play.order.urgency is Urgency.TAKE_PROFIT
    assert play.order.quantity == 6


@pytest.mark.parametrize(
    ("capabilities", "command"),
    [(EVERYTHING, AmendOrder), (WITHOUT_AMENDMENTS, CancelOrder)],
)
def test_a_resting_exit_shrinks_when_the_position_does(capabilities, command):
    play = holding(Buyer(), Sizer(), Target(), capabilities=capabilities)
    play.event(accepted(play)).ignore()
    by_hand = fill(
        "by hand", side=Side.NO, price="0.08", quantity=4, client_order_id=None, order_id="foreign"
    )

    play.event(OrderFilled(at_us=NOW_US + SECOND, fill=by_hand)).expect(command)


def sold_by_hand(quantity, number=1, at=NOW_US + SECOND):
    done = fill(
        f"by hand {number}",
        side=Side.NO,
        price="0.08",
        quantity=quantity,
        client_order_id=None,
        order_id="foreign",
    )
    return OrderFilled(at_us=at, fill=done)


def test_an_exit_that_shrinks_is_left_to_its_amendment_until_the_answer():
    play = holding(Buyer(), Sizer(), Target())
    play.event(accepted(play)).ignore()
    play.event(sold_by_hand(4)).expect(AmendOrder)
    answer = amended(play, at=NOW_US + 2 * SECOND, remaining=6_00)

    play.event(bids(yes="0.91", at=NOW_US + SECOND), tick(NOW_US + SECOND)).expect()
    play.event(answer, tick(NOW_US + 3 * SECOND)).expect()

    live = play.engine.state.orders.find(play.order.client_order_id)
    assert (live.state, live.remaining_e2) == (OrderState.OPEN, 6_00)


def test_an_exit_that_even_its_amendment_leaves_too_large_is_cancelled_at_once():
    play = holding(Buyer(), Sizer(), Target())
    play.event(accepted(play)).ignore()
    play.event(sold_by_hand(4)).expect(AmendOrder)

    play.event(sold_by_hand(1, number=2)).expect(CancelOrder)


def test_an_exit_that_shrinks_keeps_what_it_has_sold_in_its_total():
    play = holding(Buyer(), Sizer(), Target())
    play.event(accepted(play), filled(play, quantity=3)).ignore()
    by_hand = fill(
        "by hand", side=Side.NO, price="0.08", quantity=4, client_order_id=None, order_id="foreign"
    )

    play.event(OrderFilled(at_us=NOW_US + SECOND, fill=by_hand)).expect(AmendOrder)

    assert play.last[0].quantity_e2 == 6_00
    play.event(amended(play, at=NOW_US + SECOND))
    assert play.engine.state.orders.find(play.order.client_order_id).remaining_e2 == 3_00


def test_a_cancel_that_does_not_say_what_had_traded_is_followed_by_a_question():
    play = following(Buyer(), Sizer()).event(bids()).expect(SubmitOrder)
    play.event(accepted(play))

    play.event(cancelled(play, filled_e2=None))

    assert any(isinstance(command, QueryOrder) for command in play.records[-1].commands)


# ------------------------------------------------------------------------------- amending

LATER = NOW_US + 5 * SECOND


def amended(play, at=LATER, remaining=None):
    (sent,) = play.last
    return OrderAmended(
        at_us=at,
        client_order_id=sent.client_order_id,
        order_id=sent.order_id,
        limit_e4=sent.limit_e4,
        quantity_e2=sent.quantity_e2,
        remaining_e2=remaining,
    )


def not_amended(play, code="invalid_price"):
    (sent,) = play.last
    return AmendRefused(at_us=LATER, client_order_id=sent.client_order_id, code=code, message="")


def repricing(*plugins, no="0.06", **terms):
    """An entry that rests at 0.93 while its strategy wants it elsewhere, 0.94 by default."""
    play = following(*(plugins or (Follower(), Sizer())), **terms).event(bids())
    play.event(accepted(play)).ignore()
    return play.event(bids(yes="0.90", no=no, at=LATER))


def entry_of(play):
    return play.engine.state.orders.find(play.order.client_order_id)


def test_reprices_an_entry_by_amending_it_under_its_own_client_id():
    play = repricing().expect(AmendOrder)

    (sent,) = play.last
    assert (sent.client_order_id, sent.order_id) == ("run-1", "x-run-1")
    assert (sent.limit_e4, sent.quantity_e2) == (9_400, 10_00)
    play.event(amended(play)).expect()
    assert entry_of(play).order.limit_e4 == 9_400
    assert entry_of(play).amendment is None


def test_until_the_answer_the_dearer_of_both_terms_counts():
    up = repricing().expect(AmendOrder)
    down = repricing(no="0.09").expect(AmendOrder)

    worst = [play.engine.state.worst.in_market_e6(TICKER) for play in (up, down)]

    assert entry_of(up).worst_e4 == 9_400
    assert entry_of(down).worst_e4 == 9_300
    assert all(cost > 9_300_000 for cost in worst)
    down.event(amended(down))
    assert down.engine.state.worst.in_market_e6(TICKER) < worst[1]


def test_an_amendment_is_not_amended_before_it_is_answered():
    play = repricing(settings=EngineSettings(reprice_after_us=0)).expect(AmendOrder)

    answer = amended(play, at=LATER + SECOND)

    play.event(bids(yes="0.90", no="0.05", at=LATER + SECOND)).expect()
    play.event(answer).expect(AmendOrder)

    assert play.last[0].limit_e4 == 9_500


def test_a_refused_amendment_leaves_the_order_asks_for_it_and_is_followed_by_a_cancel():
    play = repricing().expect(AmendOrder)

    play.event(not_amended(play)).expect(QueryOrder)
    assert (entry_of(play).order.limit_e4, entry_of(play).state) == (9_300, OrderState.OPEN)
    play.event(bids(yes="0.90", no="0.06", at=LATER + 5 * SECOND)).expect()
    play.event(bids(yes="0.90", no="0.05", at=LATER + 6 * SECOND)).expect(CancelOrder)


def test_an_order_whose_amendment_is_unknown_is_taken_back():
    play = repricing().expect(AmendOrder)
    lost = OrderUnknown(at_us=LATER, client_order_id="run-1", reason="time-out")

    play.event(lost).expect(CancelOrder, QueryOrder)

    assert play.last[0].reason == "its terms are unknown"
    assert play.last[0].quantity_e2 == 10_00
    assert entry_of(play).worst_e4 == 9_400


def test_a_cancel_under_unknown_terms_tells_no_total_when_the_totals_differ():
    class Smaller(Plugin):
        @hookimpl
        def size_entry(self, signal):
            return Decimal(10) if signal.limit < Decimal("0.94") else Decimal(6)

    play = repricing(Follower(), Smaller()).expect(AmendOrder)
    assert play.last[0].quantity_e2 == 6_00

    lost = OrderUnknown(at_us=LATER, client_order_id="run-1", reason="time-out")
    play.event(lost).expect(CancelOrder, QueryOrder)

    assert play.last[0].quantity_e2 is None
    assert entry_of(play).remaining_e2 == 10_00


def test_an_amendment_never_asks_for_more_than_was_committed():
    class Larger(Plugin):
        @hookimpl
        def size_entry(self, signal):
            return Decimal(10) if signal.limit > Decimal("0.92") else Decimal(60)

    play = repricing(Follower(), Larger(), no="0.09").expect(AmendOrder)

    assert (play.last[0].limit_e4, play.last[0].quantity_e2) == (9_100, 10_00)


def test_new_terms_pass_risk_without_the_old_ones_beside_them():
    class Tight(Plugin):
        @hookimpl
        def check_risk(self, order, portfolio):
            if portfolio.exposure() + order.cost > 10:
                return Rejection("exposure", f"{portfolio.exposure()}")
            return None

    repricing(Follower(), Sizer(), Tight()).expect(AmendOrder)


def test_an_order_whose_new_terms_risk_refuses_is_taken_back():
    class Cheap(Plugin):
        @hookimpl
        def check_risk(self, order):
            return Rejection("price", "") if order.limit > Decimal("0.93") else None

    play = repricing(Follower(), Sizer(), Cheap()).expect(CancelOrder)

    assert play.codes() == ["risk.price"]


def test_an_entry_that_is_filling_is_not_amended():
    play = following(Follower(), Sizer(), settings=EngineSettings(keep_remainder=True))
    play.event(bids())
    play.event(accepted(play, filled=4_00, remaining=6_00)).ignore()

    play.event(bids(yes="0.90", no="0.06", at=LATER)).expect(CancelOrder)


def test_an_amendment_that_ends_an_order_at_once_is_followed_by_a_question():
    play = repricing().expect(AmendOrder)

    play.event(amended(play, remaining=0)).expect(QueryOrder)

    assert entry_of(play).remaining_e2 == 10_00


def test_a_halt_cancels_an_order_whose_amendment_is_under_way():
    play = repricing().expect(AmendOrder)

    play.event(TradingHalted(at_us=LATER, reason="by hand")).expect(CancelOrder)


def test_a_cancel_that_overtakes_its_amendment_ends_the_order():
    play = repricing().expect(AmendOrder)
    sent = amended(play)

    gone = entry_of(play)
    play.event(cancelled(play, 0, at=LATER), sent)

    assert gone.state is OrderState.CANCELLED
    assert not gone.is_live


def test_a_fill_under_new_terms_is_booked_at_its_own_price():
    play = repricing().expect(AmendOrder)

    play.event(filled(play, price="0.94", at=LATER), amended(play))

    held = play.engine.state.portfolio.position(TICKER)
    assert (held.quantity, held.entry_price) == (10, Decimal("0.94"))
    assert not entry_of(play).is_live


def test_a_more_urgent_exit_cancels_instead_of_amending():
    play = holding(Buyer(), Sizer(), Stop(), Target()).expect(SubmitOrder)

    play.event(accepted(play), bids(yes="0.75", no="0.20")).expect(CancelOrder)


def test_an_urgent_exit_takes_a_working_entry_out_of_its_way_first():
    play = following(Buyer(), Sizer(), Stop()).event(bids())
    play.event(accepted(play), filled(play, quantity=4)).ignore()
    entry = play.order

    play.event(bids(yes="0.70", at=NOW_US + SECOND)).expect(CancelOrder)
    assert play.last[0].client_order_id == entry.client_order_id
    play.event(cancelled(play, 4_00, at=NOW_US + SECOND)).expect(SubmitOrder)

    assert play.order.purpose is Purpose.EXIT
    assert play.order.quantity == 4


def test_an_exit_never_asks_the_risk_checks():
    play = holding(Buyer(), Sizer(), Stop()).ignore()
    play.engine.state.halted = "a limit"

    play.event(bids(yes="0.70", at=NOW_US + SECOND)).expect(SubmitOrder)


def test_an_unusable_book_leaves_a_working_exit_where_it_is():
    play = holding(Buyer(), Sizer(), Target())
    play.event(accepted(play)).ignore()

    play.event(
        BookInvalidated(at_us=NOW_US, ticker=TICKER, reason="gap"), tick(NOW_US + SECOND)
    ).expect()


def test_a_position_whose_strategy_is_off_keeps_its_shared_exits():
    play = Playbook(None, Stop(), recovered=False)
    left = fill("t", price="0.93", quantity=10)
    play.event(
        LedgerRead(at_us=NOW_US, opening_cash_e6=0, fills=(OwnedFill(fill=left, strategy="gone"),)),
        account_report(recovery=True, positions=(RemotePosition(ticker=TICKER, signed_e2=10_00),)),
        listed(),
    ).expect(Subscribe)

    play.event(bids(yes="0.70")).expect(SubmitOrder)

    assert play.order.strategy == "gone"


# ------------------------------------------------------------------- orders nobody can speak for


def test_an_unknown_order_is_asked_about_keeps_its_budget_and_blocks_the_next(play):
    play.event(bids()).ignore()
    lost = OrderUnknown(at_us=NOW_US, client_order_id=play.order.client_order_id, reason="time-out")

    play.event(lost).expect(QueryOrder)

    assert play.engine.state.worst.in_market_e6(TICKER) > 9_300_000
    play.event(bids(no="0.06"), bids()).expect()


def test_an_unknown_order_is_asked_about_again_every_five_seconds(play):
    play.event(bids())
    play.event(OrderUnknown(at_us=NOW_US, client_order_id="run-1", reason="time-out")).ignore()

    play.event(tick(NOW_US + 4 * SECOND)).expect()
    play.event(tick(NOW_US + 5 * SECOND)).expect(QueryOrder)


def test_not_found_is_proof_only_when_the_read_is_newer_than_the_send(play):
    play.event(bids())
    play.event(OrderUnknown(at_us=NOW_US, client_order_id="run-1", reason="time-out")).ignore()

    play.event(OrderAbsent(at_us=NOW_US, client_order_id="run-1", as_of_us=NOW_US + 5 * SECOND))
    assert play.engine.state.orders.find("run-1").state is OrderState.UNKNOWN
    play.event(OrderAbsent(at_us=NOW_US, client_order_id="run-1", as_of_us=NOW_US + 5 * SECOND + 1))

    assert play.engine.state.orders.find("run-1").state is OrderState.REJECTED
    assert not play.engine.state.orders.find("run-1").is_live


def test_a_refused_cancel_is_followed_by_a_question_not_by_a_guess(play):
    play.event(bids())
    play.event(accepted(play), bids(yes="0.80")).ignore()

    play.event(
        CancelRefused(at_us=NOW_US, client_order_id="run-1", code="not_found", message="")
    ).expect(QueryOrder)

    assert play.engine.state.orders.find("run-1").state is OrderState.OPEN


def test_an_acceptance_that_tells_of_fills_not_yet_seen_keeps_the_market_engaged(play):
    play.event(bids())

    play.event(accepted(play, filled=10_00, remaining=0)).ignore()
    play.event(bids(no="0.06"), bids()).expect()
    play.event(filled(play))

    assert play.engine.state.portfolio.position(TICKER).quantity == 10


def test_a_fill_before_the_acceptance_and_twice_counts_once(play):
    play.event(bids())
    early = filled(play, trade_id="t1")

    play.event(early, accepted(play, filled=10_00, remaining=0), early)

    assert play.engine.state.portfolio.position(TICKER).quantity == 10
    assert play.engine.state.orders.find("run-1").state is OrderState.FILLED


def test_a_late_fill_on_a_cancelled_order_is_money(play):
    play.event(bids())
    play.event(accepted(play), cancelled(play))

    play.event(filled(play, quantity=2))

    assert play.engine.state.portfolio.position(TICKER).quantity == 2


# -------------------------------------------------------------------- halt, stop, stream, account


def test_a_halt_cancels_entries_and_sends_none_until_it_is_released(play):
    play.event(bids())
    play.event(accepted(play)).ignore()

    play.event(TradingHalted(at_us=NOW_US, reason="by hand")).expect(CancelOrder)
    play.event(cancelled(play, 0), bids(no="0.06")).expect()
    play.event(TradingResumed(at_us=NOW_US), bids()).expect(SubmitOrder)


def paused(at=NOW_US, shard=None, **terms):
    pause = Pause(shard=shard, reason="trading pauses", **terms)
    return ExchangeStatusChanged(at_us=at, pauses=(pause,))


def test_a_pause_of_the_exchange_is_a_refusal_with_its_reason_and_ends_by_itself(play):
    play.event(paused(), bids()).expect()

    assert "signal.exchange_paused" in play.codes()
    play.event(ExchangeStatusChanged(at_us=NOW_US + SECOND)).expect(SubmitOrder)


def test_a_pause_of_another_shard_concerns_nobody_here(play):
    play.event(paused(shard=2), bids()).expect(SubmitOrder)


def test_a_pause_takes_entries_back_only_where_cancels_are_taken(play):
    play.event(bids())
    play.event(accepted(play)).ignore()

    play.event(paused(takes_cancels=False)).expect()
    play.event(paused(takes_cancels=True)).expect(CancelOrder)


def test_an_exit_waits_for_the_end_of_a_pause():
    play = holding(Buyer(), Sizer(), Stop()).ignore()

    play.event(paused(), bids(yes="0.70", at=NOW_US + SECOND)).expect()
    play.event(ExchangeStatusChanged(at_us=NOW_US + 2 * SECOND)).expect(SubmitOrder)


def test_a_resting_exit_stays_where_it_is_during_a_pause():
    play = holding(Buyer(), Sizer(), Target()).expect(SubmitOrder)

    play.event(accepted(play), paused(), tick(NOW_US + SECOND)).expect()


def test_a_stopping_run_cancels_its_entries_and_sends_nothing_new(play):
    play.event(bids())
    play.event(accepted(play)).ignore()

    play.event(RunStopping(at_us=NOW_US, reason="over")).expect(CancelOrder)
    play.event(cancelled(play, 0), bids(no="0.06")).expect()


def test_a_stop_waits_for_the_fills_of_the_exit_it_cancelled():
    play = holding(Buyer(), Sizer(), Stop(), Target()).expect(SubmitOrder)
    play.event(accepted(play), bids(yes="0.75", no="0.20")).expect(CancelOrder)

    play.event(cancelled(play, 6_00), tick(NOW_US + 2 * SECOND)).expect()
    play.event(filled(play, 6), tick(NOW_US + 4 * SECOND)).expect(SubmitOrder)

    assert play.order.quantity == 4


def test_a_stopping_run_leaves_its_exits_where_they_are_and_sends_no_new_one():
    play = holding(Buyer(), Sizer(), Stop(), Target()).expect(SubmitOrder)
    play.event(accepted(play), RunStopping(at_us=NOW_US, reason="over")).expect()

    play.event(bids(yes="0.75", no="0.20"), tick(NOW_US + 2 * SECOND)).expect()
    play.event(cancelled(play, 0), tick(NOW_US + 4 * SECOND)).expect()


def test_a_lost_stream_silences_entries_until_the_book_is_fresh(play):
    play.event(bids(yes="0.80"), StreamLost(at_us=NOW_US, reason="closed")).expect()

    play.event(StreamRestored(at_us=NOW_US)).expect()
    play.event(bids()).expect(SubmitOrder)


def test_a_settlement_pays_and_ends_the_position():
    play = holding(Buyer(), Sizer())
    paid = Settlement(ticker=TICKER, at_us=NOW_US, result="yes", yes_pays_e4=10_000)

    play.event(MarketSettled(at_us=NOW_US, settlement=paid))

    assert play.engine.state.portfolio.position(TICKER) is None
    assert play.engine.state.portfolio.realized_e6 == 700_000
    assert play.engine.state.portfolio.cash_e6 == 1_000_700_000


@pytest.mark.parametrize(("told", "paid"), [(None, 0), (0, 0), (2, 2)])
def test_a_settlement_pays_into_the_cash_of_its_shard_else_of_its_market(told, paid):
    play = holding(Buyer(), Sizer())
    worst = play.engine.state.worst
    before = {shard: worst.cash_e6(shard) for shard in (0, 2)}
    payment = Settlement(ticker=TICKER, at_us=NOW_US, result="yes", yes_pays_e4=10_000, shard=told)

    play.event(MarketSettled(at_us=NOW_US, settlement=payment))

    moved = {shard: worst.cash_e6(shard) - before[shard] for shard in (0, 2)}
    assert moved == {0: 0, 2: 0} | {paid: 10_000_000}


def test_a_fill_told_by_the_exchanges_id_alone_is_its_orders_once_the_id_is_known(play):
    play.event(bids()).expect(SubmitOrder)
    nameless = msgspec.structs.replace(filled(play).fill, client_order_id=None)

    play.event(OrderFilled(at_us=NOW_US, fill=nameless), accepted(play, filled=1000, remaining=0))

    live = play.engine.state.orders.find("run-1")
    held = play.engine.state.portfolio.position(TICKER)
    assert not live.is_live
    assert live.state is OrderState.FILLED
    assert held is not None
    assert held.strategy == "under_test"


def test_without_an_exit_that_speaks_for_it_a_position_is_held_to_settlement():
    play = holding(Buyer(), Sizer())
    lost = Settlement(ticker=TICKER, at_us=NOW_US + 3, result="no", yes_pays_e4=0)

    play.event(bids("0.10", "0.80", at=NOW_US + 1)).expect()
    play.event(tick(NOW_US + 2)).expect()
    play.event(MarketSettled(at_us=NOW_US + 3, settlement=lost)).expect()

    (closed,) = play.engine.state.portfolio.closed
    assert closed.pnl_e6 == play.engine.state.portfolio.realized_e6 == -9_300_000


def test_a_report_brings_the_fill_that_the_stream_lost(play):
    play.event(bids())
    play.event(accepted(play)).ignore()
    missed = filled(play).fill

    play.event(account_report(at_us=NOW_US + 60 * SECOND, fills=(missed,)))

    assert play.engine.state.portfolio.position(TICKER).quantity == 10


def test_an_open_order_missing_from_a_newer_complete_report_becomes_a_question(play):
    play.event(bids())
    play.event(accepted(play)).ignore()

    play.event(account_report(at_us=NOW_US + 60 * SECOND, complete=False)).expect()
    play.event(account_report(at_us=NOW_US + 60 * SECOND)).expect(QueryOrder)


def test_cash_that_no_fill_explains_is_booked_as_external():
    play = Playbook()

    play.event(account_report(at_us=NOW_US + 60 * SECOND, cash_e6=1_250_000_000))

    assert play.engine.state.portfolio.external_e6 == 1_250_000_000
    assert play.engine.state.portfolio.realized_e6 == 0


def test_a_position_we_know_nothing_of_keeps_entries_out_of_its_market(play):
    foreign = RemotePosition(ticker=TICKER, signed_e2=-5_00)

    play.event(account_report(at_us=NOW_US, positions=(foreign,)), bids()).expect()

    assert "the exchange holds -500" in play.engine.state.markets[TICKER].mistrusted


def test_an_order_of_an_earlier_run_is_asked_about_before_it_is_believed():
    play = Playbook(Buyer(), Sizer(), recovered=False)
    old = LedgerOrder(
        order=order(),
        state=OrderState.PENDING,
        order_id=None,
        filled_e2=0,
        sent_us=NOW_US - 60 * SECOND,
    )

    play.event(LedgerRead(at_us=NOW_US, opening_cash_e6=0, orders=(old,))).expect(QueryOrder)

    live = play.engine.state.orders.find(old.order.client_order_id)
    assert live.state is OrderState.UNKNOWN
    row = RemoteOrder(
        order_id="x",
        client_order_id=old.order.client_order_id,
        ticker=TICKER,
        side=Side.YES,
        limit_e4=9_300,
        status=RemoteStatus.OPEN,
        quantity_e2=10_00,
        filled_e2=0,
        remaining_e2=10_00,
    )
    play.event(account_report(recovery=True, orders=(row,)))
    assert live.state is OrderState.OPEN


# ----------------------------------------------------------------------------------- what is seen


def test_outside_data_stands_in_the_snapshot(play):
    seen = Observation(source="nws", key="high", value=Decimal(57), at_us=NOW_US)
    buyer = Buyer()
    play = following(buyer, Sizer())

    play.event(ObservationArrived(at_us=NOW_US, observation=seen), bids())

    assert buyer._snapshots[-1].observations["nws.high"] == Decimal(57)


def test_a_snapshot_shows_trades_newest_first_and_the_events_other_markets():
    buyer = Buyer()
    play = following(buyer, Sizer())
    other = market("OTHER", yes_bid="0.05", yes_ask="0.06")
    play.event(MarketListed(at_us=NOW_US, market=other))
    for number, price in enumerate((9_100, 9_200)):
        play.event(
            TradePrinted(
                at_us=NOW_US,
                ticker=TICKER,
                trade_id=str(number),
                yes_price_e4=price,
                quantity_e2=100,
                taker_side=Side.YES,
            )
        )

    play.event(bids())

    snapshot = buyer._snapshots[-1]
    assert [trade.price for trade in snapshot.trades] == [Decimal("0.92"), Decimal("0.91")]
    assert dict(snapshot.siblings) == {"OTHER": (Decimal("0.05"), Decimal("0.06"))}


def test_an_event_the_engine_does_not_know_is_a_bug():
    class Strange(ClockTicked, frozen=True, kw_only=True, tag=True):
        pass

    with pytest.raises(InvariantError, match="Strange"):
        Playbook().event(Strange(at_us=NOW_US))


def test_the_same_events_lead_to_the_same_records():
    def story():
        play = holding(Buyer(), Sizer(), Stop(), Target())
        play.event(bids(yes="0.70", at=NOW_US + SECOND), tick(NOW_US + 2 * SECOND))
        return play.records

    assert msgspec.json.encode(story()) == msgspec.json.encode(story())


def test_an_exit_between_two_prices_is_sent_at_the_next_one_below():
    play = holding(Buyer(), Sizer(), Target(price=Decimal("0.985"))).ignore()

    assert play.order.purpose is Purpose.EXIT
    assert str(play.order) == f"sell 10 YES {TICKER} at 0.98"
    assert "exit.off_grid" not in play.codes()


# ------------------------------------------------------------ exchanges that repeat no client id


NAMELESS = msgspec.structs.replace(EVERYTHING, client_order_ids=False)


@pytest.fixture
def lost():
    """A market with an entry of which nobody can say whether the exchange has it."""
    playbook = Playbook(Buyer(), Sizer(), Stop(), capabilities=NAMELESS)
    playbook.event(account_report(recovery=True), listed()).expect(Subscribe)
    playbook.event(bids()).expect(SubmitOrder)
    playbook.event(OrderUnknown(at_us=NOW_US, client_order_id="run-1", reason="time-out"))
    return playbook


def test_without_client_ids_an_unknown_order_stops_its_market_until_a_person_decides(lost):
    lost.expect()  # no question: nothing could answer it
    late = NOW_US + 3_600 * SECOND

    lost.event(tick(late), bids(at=late), account_report(at_us=late)).expect()

    assert lost.engine.state.orders.find("run-1").state is OrderState.UNKNOWN
    assert [live.order.client_order_id for live in lost.engine.state.undecidable()] == ["run-1"]


def test_without_client_ids_no_list_proves_that_an_order_is_absent(lost):
    late = NOW_US + 3_600 * SECOND

    lost.event(OrderAbsent(at_us=late, client_order_id="run-1", as_of_us=late)).expect()

    assert lost.engine.state.orders.find("run-1").state is OrderState.UNKNOWN


def test_a_persons_resume_decides_that_the_order_is_not_there(lost):
    late = NOW_US + 3_600 * SECOND

    lost.event(*lost.engine.decided(late), TradingResumed(at_us=late)).expect()
    later = late + 60 * SECOND
    lost.event(tick(later), bids(yes="0.93", no="0.06", at=later)).expect(SubmitOrder)

    assert lost.engine.state.orders.find("run-1").state is OrderState.REJECTED
    assert lost.engine.decided(later) == []


def test_without_client_ids_an_order_with_an_exchange_id_is_asked_about():
    playbook = Playbook(Buyer(), Sizer(), capabilities=NAMELESS)
    playbook.event(account_report(recovery=True), listed(), bids()).ignore()
    playbook.event(accepted(playbook)).ignore()
    late = NOW_US + 60 * SECOND

    playbook.event(account_report(at_us=late)).expect(QueryOrder)


def test_a_lost_order_of_an_earlier_run_stops_its_market_too():
    earlier = LedgerOrder(
        order=order(client_order_id="old-1", strategy="buyer"),
        state=OrderState.PENDING,
        order_id=None,
        filled_e2=0,
        sent_us=NOW_US,
    )
    playbook = Playbook(Buyer(side=Side.NO), Sizer(), capabilities=NAMELESS)
    late = NOW_US + 3_600 * SECOND
    read = LedgerRead(at_us=late, opening_cash_e6=1_000_000_000, orders=(earlier,))

    playbook.event(read, account_report(at_us=late, recovery=True), listed(at=late)).ignore()
    playbook.event(bids(at=late)).expect()

    assert [live.order.client_order_id for live in playbook.engine.state.undecidable()] == ["old-1"]
