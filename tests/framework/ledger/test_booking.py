import msgspec
import pytest

from framework.errors import InvariantError
from framework.model.account import (
    Account,
    Balances,
    Fills,
    Orders,
    Positions,
    RemoteOrder,
    RemoteStatus,
    Settlements,
)
from framework.model.events import (
    AccountReported,
    ClockTicked,
    IntentRefused,
    MarketSettled,
    OrderAbsent,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
)
from framework.model.market import Settlement
from framework.model.orders import OrderState
from framework.model.units import Side
from framework.testing.builders import NOW_US, OWNER, TICKER, fill, order

ID = "run-1"
SECOND = 1_000_000


def accepted(filled=0, remaining=1000, order_id="order-1", ours=ID):
    return OrderAccepted(
        at_us=NOW_US,
        client_order_id=ours,
        order_id=order_id,
        filled_e2=filled,
        remaining_e2=remaining,
    )


def rejected():
    return OrderRejected(at_us=NOW_US, client_order_id=ID, code="bad", message="no")


def cancelled(filled=0, order_id="order-1"):
    return OrderCancelled(
        at_us=NOW_US, client_order_id=ID, order_id=order_id, filled_e2=filled, reason="asked"
    )


def unknown():
    return OrderUnknown(at_us=NOW_US, client_order_id=ID, reason="timeout")


def absent(after_us):
    return OrderAbsent(at_us=NOW_US, client_order_id=ID, as_of_us=NOW_US + after_us)


def filled(*args, **kwargs):
    return OrderFilled(at_us=NOW_US, fill=fill(*args, **kwargs))


def settled(pays=10_000, fee=0, ticker=TICKER):
    return MarketSettled(
        at_us=NOW_US,
        settlement=Settlement(
            ticker=ticker, at_us=NOW_US, result="yes", yes_pays_e4=pays, fee_e6=fee
        ),
    )


def reported(*, fills=(), settlements=(), orders=(), complete=True, recovery=True, as_of=NOW_US):
    rows = {"as_of_us": as_of, "complete": complete}
    account = Account(
        orders=Orders(rows=orders, **rows),
        fills=Fills(rows=fills, **rows),
        positions=Positions(rows=(), **rows),
        settlements=Settlements(rows=settlements, **rows),
        balances=Balances(rows=(), **rows),
    )
    return AccountReported(at_us=NOW_US, account=account, recovery=recovery)


def remote(status, filled_e2=0, ours=ID, order_id="order-1"):
    return RemoteOrder(
        order_id=order_id,
        client_order_id=ours,
        ticker=TICKER,
        side=Side.YES,
        limit_e4=9300,
        status=status,
        quantity_e2=1000,
        filled_e2=filled_e2,
        remaining_e2=1000 - filled_e2,
    )


@pytest.fixture
def sent(ledger):
    """A ledger with one order of ten contracts on its way."""
    assert ledger.commit_intents([order(client_order_id=ID)], NOW_US) == []
    return ledger


def state_of(ledger, client_order_id=ID):
    with ledger._store.transaction() as connection:
        found = connection.exec_driver_sql(
            "SELECT state FROM orders WHERE client_order_id = ?", (client_order_id,)
        ).scalar()
    return None if found is None else OrderState(found)


def owners(ledger):
    return {
        owned.fill.trade_id: (owned.fill.client_order_id, owned.strategy)
        for owned in ledger.recover(NOW_US).read.fills
    }


@pytest.mark.parametrize(
    ("events", "state"),
    [
        ([], OrderState.PENDING),
        ([accepted()], OrderState.OPEN),
        ([accepted(), accepted(400, 600)], OrderState.OPEN),
        ([accepted(1000, 0)], OrderState.FILLED),
        ([accepted(400, 0)], OrderState.CANCELLED),
        ([rejected()], OrderState.REJECTED),
        ([cancelled()], OrderState.CANCELLED),
        ([unknown()], OrderState.UNKNOWN),
        ([unknown(), accepted()], OrderState.OPEN),
        ([unknown(), absent(6 * SECOND)], OrderState.REJECTED),
        ([unknown(), absent(5 * SECOND)], OrderState.UNKNOWN),
        ([accepted(), absent(6 * SECOND)], OrderState.UNKNOWN),
        ([filled(quantity=4)], OrderState.OPEN),
        ([filled(quantity=10)], OrderState.FILLED),
        ([filled("a", quantity=4), filled("b", quantity=6)], OrderState.FILLED),
        ([filled("a", quantity=4), filled("a", quantity=4)], OrderState.OPEN),
        ([accepted(), filled(quantity=4), cancelled(400)], OrderState.CANCELLED),
        ([cancelled(), filled(quantity=4)], OrderState.CANCELLED),
        ([cancelled(), filled(quantity=10)], OrderState.FILLED),
        ([filled(quantity=4), absent(6 * SECOND)], OrderState.UNKNOWN),
        ([rejected(), filled(quantity=4)], OrderState.OPEN),
    ],
    ids=str,
)
def test_events_move_an_order_along_the_table(sent, events, state):
    sent.record_events(events)

    assert state_of(sent) is state


def test_events_together_and_one_by_one_come_to_the_same(sent):
    for event in (unknown(), filled(quantity=4, client_order_id=None), accepted(400, 600)):
        sent.record_events([event])

    assert state_of(sent) is OrderState.OPEN
    assert owners(sent) == {"trade-1": (ID, OWNER)}


def test_events_that_move_no_money_write_nothing(sent):
    before = sent._store._connection.connection.total_changes
    sent.record_events([ClockTicked(at_us=NOW_US)])

    assert sent._store._connection.connection.total_changes == before


@pytest.mark.parametrize("event", [accepted(ours="theirs"), cancelled(), rejected(), unknown()])
def test_a_stranger_to_the_ledger_is_not_taken_up(ledger, event):
    ledger.record_events([event])

    assert ledger.recover(NOW_US).orders == ()


def test_a_refused_intent_never_becomes_an_order(sent):
    sent.record_events([IntentRefused(at_us=NOW_US, client_order_id=ID, reason="halted")])

    assert state_of(sent) is OrderState.REJECTED


def test_a_refusal_does_not_undo_what_was_sent(sent):
    refused = IntentRefused(at_us=NOW_US, client_order_id=ID, reason="halted")
    sent.record_events([unknown(), refused])

    assert state_of(sent) is OrderState.UNKNOWN


class TestFills:
    def test_a_fill_before_its_acceptance_finds_its_order(self, sent):
        sent.record_events([filled(quantity=10, client_order_id=None)])
        before = owners(sent)
        sent.record_events([accepted(1000, 0)])

        assert before == {"trade-1": (None, None)}
        assert owners(sent) == {"trade-1": (ID, OWNER)}
        assert state_of(sent) is OrderState.FILLED

    def test_a_fill_after_its_acceptance_finds_its_order_by_the_exchanges_id(self, sent):
        sent.record_events([accepted(), filled(quantity=10, client_order_id=None)])

        assert owners(sent) == {"trade-1": (ID, OWNER)}
        assert state_of(sent) is OrderState.FILLED

    def test_a_fill_tells_the_exchanges_id_of_its_order(self, sent):
        sent.record_events([filled("a", quantity=1), filled("b", quantity=1, client_order_id=None)])

        assert owners(sent) == {"a": (ID, OWNER), "b": (ID, OWNER)}

    def test_a_strangers_fill_is_kept_without_an_owner(self, ledger):
        ledger.record_events([filled(client_order_id="by-hand", order_id="x")])

        assert owners(ledger) == {"trade-1": (None, None)}

    def test_the_same_fill_by_stream_and_by_list_is_one(self, sent):
        by_list = fill(client_order_id=None, at_us=NOW_US + 7)
        sent.record_events([accepted(), filled(), reported(fills=(by_list,))])
        kept = sent.recover(NOW_US).read.fills

        assert [owned.fill for owned in kept] == [fill()]

    @pytest.mark.parametrize(
        "other",
        [{"price": "0.92"}, {"quantity": 9}, {"fee": "0.01"}, {"side": Side.NO}, {"order_id": "o"}],
        ids=str,
    )
    def test_another_fill_under_the_same_trade_id_is_an_alarm(self, sent, other):
        sent.record_events([filled()])
        (name,) = other
        with pytest.raises(
            InvariantError, match=rf"trade trade-1: the ledger holds {name}.*now says {name}"
        ):
            sent.record_events([filled(**other)])

        assert [owned.fill for owned in sent.recover(NOW_US).read.fills] == [fill()]

    def test_an_alarm_does_not_lose_the_other_facts(self, sent):
        sent.record_events([filled("a", quantity=1)])
        with pytest.raises(InvariantError, match=r"holds quantity_e2 100; .* says quantity_e2 200"):
            sent.record_events([filled("a", quantity=2), filled("b", quantity=3)])

        assert set(owners(sent)) == {"a", "b"}

    def test_an_alarm_is_raised_once(self, sent):
        sent.record_events([filled(quantity=1)])
        with pytest.raises(InvariantError):
            sent.record_events([filled(quantity=2)])
        sent.record_events([accepted()])

        assert state_of(sent) is OrderState.OPEN


class TestSettlements:
    def test_a_payment_is_kept_once(self, sent):
        sent.record_events([filled(), settled(), settled()])

        assert [s.ticker for s in sent.recover(NOW_US).read.settlements] == [TICKER]

    def test_a_payment_is_the_same_whoever_says_its_shard(self, sent):
        told = msgspec.structs.replace(settled().settlement, shard=2)
        sent.record_events([filled(), settled(), MarketSettled(at_us=NOW_US, settlement=told)])

        assert len(sent.recover(NOW_US).read.settlements) == 1

    @pytest.mark.parametrize("other", [{"pays": 0}, {"fee": 1}])
    def test_another_payment_for_the_same_market_is_an_alarm(self, sent, other):
        sent.record_events([filled(), settled()])

        with pytest.raises(InvariantError, match=f"settlement of {TICKER}: the ledger holds"):
            sent.record_events([settled(**other)])

    def test_a_market_without_a_position_leaves_no_row(self, sent):
        sold = filled("b", side=Side.NO, price="0.05")
        sent.record_events([settled(ticker="ELSEWHERE"), filled("a"), sold, settled()])

        assert sent.recover(NOW_US).read.settlements == ()


class TestReports:
    @pytest.mark.parametrize(
        ("status", "state"),
        [
            (RemoteStatus.OPEN, OrderState.OPEN),
            (RemoteStatus.FILLED, OrderState.FILLED),
            (RemoteStatus.CANCELLED, OrderState.CANCELLED),
            (RemoteStatus.UNKNOWN, OrderState.UNKNOWN),
        ],
    )
    @pytest.mark.parametrize("ours", [ID, None])
    def test_a_listed_order_is_what_the_list_says(self, sent, status, state, ours):
        sent.record_events([unknown()])
        if ours is None:
            sent.record_events([filled(quantity="0.01"), absent(6 * SECOND)])
        sent.record_events([reported(orders=(remote(status, ours=ours),))])

        assert state_of(sent) is state

    def test_a_start_moves_the_watermark(self, sent):
        sent.record_events([reported(as_of=NOW_US + 5)])

        assert sent.recover(NOW_US).since_us == NOW_US + 5

    def test_the_watermark_never_goes_back(self, sent):
        sent.record_events([reported(as_of=NOW_US + 5), reported(as_of=NOW_US)])

        assert sent.recover(NOW_US).since_us == NOW_US + 5

    @pytest.mark.parametrize("weak", [{"complete": False}, {"recovery": False}])
    def test_a_report_that_may_lack_fills_leaves_the_watermark(self, sent, weak):
        sent.record_events([reported(**weak), filled()])

        assert sent.recover(NOW_US).since_us is None
