"""Commands out, answers back in as events."""

from contextlib import asynccontextmanager

import anyio
import msgspec
import pytest

from framework.errors import AuthError, ExchangeError
from framework.exchange import Absent, Accepted, Rejected, Unknown
from framework.model.account import RemoteOrder, RemoteStatus
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
    CancelRefused,
    OrderAbsent,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    OrderRejected,
    OrderUnknown,
)
from framework.model.units import Side
from framework.outbox import Outbox, amended, cancelled, submitted, told
from framework.testing.builders import NOW_US, TICKER, order


class Venue:
    """An exchange that notes what it is asked and answers as told."""

    def __init__(self, answer=None, fault=None):
        self.asked = []
        self.answer = answer
        self.fault = fault

    async def _note(self, verb, what):
        self.asked.append((verb, what))
        await anyio.lowlevel.checkpoint()
        if self.fault:
            raise self.fault

    async def submit(self, orders):
        await self._note("submit", [o.client_order_id for o in orders])
        return [self.answer or Accepted(order_id="x", filled_e2=0, remaining_e2=10_00)] * len(
            orders
        )

    async def cancel(self, cancels):
        await self._note("cancel", [c.order_id for c in cancels])
        return [Accepted(order_id=c.order_id, filled_e2=None, remaining_e2=0) for c in cancels]

    async def find(self, query):
        await self._note("find", query.client_order_id)
        return Unknown(reason="time-out")

    async def subscribe(self, tickers):
        await self._note("subscribe", list(tickers))

    async def unsubscribe(self, tickers):
        await self._note("unsubscribe", list(tickers))


class StoppedClock:
    def now_us(self):
        return NOW_US


@asynccontextmanager
async def outbox(venue):
    delivered = []
    async with anyio.create_task_group() as tasks:
        yield Outbox(venue, tasks, StoppedClock(), delivered.extend), delivered


CANCEL = CancelOrder(client_order_id="run-1", order_id="x", ticker=TICKER, shard=0, reason="why")
QUERY = QueryOrder(client_order_id="run-1", order_id=None, ticker=TICKER)


async def test_sends_each_kind_of_command_once_cancels_first():
    venue = Venue()
    async with outbox(venue) as (box, _):
        box.send(
            [
                SubmitOrder(order=order()),
                Subscribe(tickers=("A",)),
                CANCEL,
                Subscribe(tickers=("B",)),
                Unsubscribe(tickers=("C",)),
                QUERY,
            ]
        )

    assert venue.asked == [
        ("cancel", ["x"]),
        ("submit", ["run-1"]),
        ("find", "run-1"),
        ("unsubscribe", ["C"]),
        ("subscribe", ["A", "B"]),
    ]


class PromptVenue(Venue):
    """Sends at once what is not for market `LATER`."""

    def deliver_to(self, deliver):
        pass

    def begin(self, order):
        if order.ticker == "LATER":
            return None
        self.asked.append(("begin", order.client_order_id))

        async def answer():
            if self.fault is not None:
                raise self.fault
            return Accepted(order_id="x", filled_e2=0, remaining_e2=order.quantity_e2)

        return answer


async def test_a_prompt_exchange_has_an_order_before_send_returns():
    venue = PromptVenue()
    async with outbox(venue) as (box, delivered):
        box.send([SubmitOrder(order=order())])
        at_once = list(venue.asked)

    assert at_once == venue.asked == [("begin", "run-1")]
    assert [type(event) for event in delivered] == [OrderAccepted]


@pytest.mark.parametrize(
    "commands",
    [
        [SubmitOrder(order=msgspec.structs.replace(order(), ticker="LATER"))],
        [SubmitOrder(order=order()), SubmitOrder(order=order())],
        [SubmitOrder(order=order()), CANCEL],
    ],
    ids=["has to wait", "several go together", "cancels go first"],
)
async def test_what_has_to_wait_goes_as_with_any_other_exchange(commands):
    venue = PromptVenue()
    async with outbox(venue) as (box, _):
        box.send(commands)
        assert venue.asked == []

    assert ("begin", "run-1") not in venue.asked
    assert "submit" in dict(venue.asked)


async def test_an_order_begun_whose_answer_broke_is_unknown():
    async with outbox(PromptVenue(fault=ExchangeError("broken"))) as (box, delivered):
        box.send([SubmitOrder(order=order())])

    assert [type(event) for event in delivered] == [OrderUnknown]
    assert delivered[0].reason == "broken"


async def test_answers_come_back_as_events():
    async with outbox(Venue()) as (box, delivered):
        box.send([SubmitOrder(order=order()), CANCEL, QUERY])

    assert {type(event) for event in delivered} == {OrderAccepted, OrderCancelled, OrderUnknown}
    assert box.waiting == 0


def test_what_a_cancel_took_out_tells_what_the_order_had_traded():
    taken_out = Accepted(order_id="x", filled_e2=None, remaining_e2=0, cancelled_e2=4_00)
    of_ten = msgspec.structs.replace(CANCEL, quantity_e2=10_00)

    assert cancelled(of_ten, taken_out, NOW_US).filled_e2 == 6_00
    assert cancelled(CANCEL, taken_out, NOW_US).filled_e2 is None


async def test_a_failed_subscription_is_noted_and_trading_goes_on():
    async with outbox(Venue(fault=ExchangeError("no stream"))) as (box, delivered):
        box.send([Subscribe(tickers=("A",))])

    assert list(box.troubles) == ["no stream"]
    assert not delivered


async def test_orders_of_a_send_that_broke_are_unknown():
    class Broken(Venue):
        async def submit(self, orders):
            raise ExchangeError("no answer")

    async with outbox(Broken()) as (box, delivered):
        box.send([SubmitOrder(order=order())])

    assert [type(event) for event in delivered] == [OrderUnknown]


async def test_refused_credentials_end_the_run():
    with pytest.raises(ExceptionGroup) as raised:
        async with outbox(Venue(fault=AuthError("bad key"))) as (box, _):
            box.send([Subscribe(tickers=("A",))])

    assert raised.group_contains(AuthError)


@pytest.mark.parametrize(
    ("outcome", "event"),
    [
        (
            Accepted(order_id="x", filled_e2=4_00, remaining_e2=6_00),
            OrderAccepted(
                at_us=NOW_US,
                client_order_id="run-1",
                order_id="x",
                filled_e2=4_00,
                remaining_e2=6_00,
            ),
        ),
        (
            Accepted(order_id="x", filled_e2=None, remaining_e2=None),
            OrderAccepted(
                at_us=NOW_US, client_order_id="run-1", order_id="x", filled_e2=0, remaining_e2=10_00
            ),
        ),
        (
            Rejected(code="invalid_price", message="off grid"),
            OrderRejected(
                at_us=NOW_US, client_order_id="run-1", code="invalid_price", message="off grid"
            ),
        ),
        (
            Unknown(reason="time-out"),
            OrderUnknown(at_us=NOW_US, client_order_id="run-1", reason="time-out"),
        ),
    ],
)
def test_what_the_answer_to_an_order_says(outcome, event):
    assert submitted(order(), outcome, NOW_US) == (event,)


def test_an_ended_order_that_does_not_say_what_it_traded_counts_whole_until_asked_about():
    ended = Accepted(order_id="x", filled_e2=None, remaining_e2=0)

    there, doubt = submitted(order(), ended, NOW_US)

    assert isinstance(there, OrderAccepted)
    assert (there.order_id, there.filled_e2, there.remaining_e2) == ("x", 0, 10_00)
    assert isinstance(doubt, OrderUnknown)


AMEND = AmendOrder(
    client_order_id="run-1", order_id="x", order=order(), limit_e4=9_000, quantity_e2=5_00
)


@pytest.mark.parametrize(
    ("outcome", "event"),
    [
        (
            Accepted(order_id="x", filled_e2=None, remaining_e2=3_00),
            OrderAmended(
                at_us=NOW_US,
                client_order_id="run-1",
                order_id="x",
                limit_e4=9_000,
                quantity_e2=5_00,
                remaining_e2=3_00,
            ),
        ),
        (
            Rejected(code="invalid_price", message="off grid"),
            AmendRefused(
                at_us=NOW_US, client_order_id="run-1", code="invalid_price", message="off grid"
            ),
        ),
        (
            Unknown(reason="time-out"),
            OrderUnknown(at_us=NOW_US, client_order_id="run-1", reason="time-out"),
        ),
    ],
)
def test_what_the_answer_to_an_amendment_says(outcome, event):
    assert amended(AMEND, outcome, NOW_US) == event


def test_an_unreadable_answer_to_a_cancel_leaves_the_order_as_it_is():
    event = cancelled(CANCEL, Unknown(reason="time-out"), NOW_US)

    assert event == CancelRefused(
        at_us=NOW_US, client_order_id="run-1", code="unknown", message="time-out"
    )


def test_a_refused_cancel_names_its_code():
    event = cancelled(CANCEL, Rejected(code="not_found", message=""), NOW_US)

    assert event == CancelRefused(
        at_us=NOW_US, client_order_id="run-1", code="not_found", message=""
    )


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (RemoteStatus.OPEN, OrderAccepted),
        (RemoteStatus.FILLED, OrderAccepted),
        (RemoteStatus.CANCELLED, OrderCancelled),
        (RemoteStatus.UNKNOWN, OrderUnknown),
    ],
)
def test_what_a_found_order_says(status, kind):
    row = RemoteOrder(
        order_id="x",
        client_order_id="run-1",
        ticker=TICKER,
        side=Side.YES,
        limit_e4=9_300,
        status=status,
        quantity_e2=10_00,
        filled_e2=0,
        remaining_e2=10_00,
    )

    assert type(told(QUERY, row, NOW_US)) is kind


def test_an_absent_order_carries_how_new_the_read_was():
    event = told(QUERY, Absent(as_of_us=NOW_US - 1), NOW_US)

    assert event == OrderAbsent(at_us=NOW_US, client_order_id="run-1", as_of_us=NOW_US - 1)
