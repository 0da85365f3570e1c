"""Carries commands to the exchange and turns its answers into events.

Every order has been committed by the ledger when it gets here, and is sent exactly once.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from anyio.abc import TaskGroup

from framework.errors import AuthError, ExchangeError
from framework.exchange import (
    Absent,
    Accepted,
    Answer,
    Exchange,
    Outcome,
    Prompt,
    Rejected,
    Unknown,
)
from framework.model.account import RemoteOrder, RemoteStatus
from framework.model.commands import (
    AmendOrder,
    AnyCommand,
    CancelOrder,
    QueryOrder,
    SubmitOrder,
    Subscribe,
    Unsubscribe,
)
from framework.model.events import (
    AmendRefused,
    AnyEvent,
    CancelRefused,
    OrderAbsent,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    OrderRejected,
    OrderUnknown,
)
from framework.model.orders import Order
from framework.model.units import E2, Micros, Ticker
from framework.run import Clock

Deliver = Callable[[Sequence[AnyEvent]], None]

TROUBLES_KEPT: Final = 100
"""An exchange can be away for days: only the newest reasons are kept."""


class Outbox:
    """One task per request, so that a slow answer never holds up a cancel."""

    def __init__(
        self, exchange: Exchange, tasks: TaskGroup, clock: Clock, deliver: Deliver
    ) -> None:
        """Send through `exchange`; answers go to `deliver` as events."""
        self._exchange = exchange
        self._prompt = exchange if isinstance(exchange, Prompt) else None
        self._tasks = tasks
        self._clock = clock
        self._deliver = deliver
        self.waiting = 0
        """Requests that have not been answered yet."""
        self.troubles: deque[str] = deque(maxlen=TROUBLES_KEPT)
        """Why requests that carry no order failed, newest last."""

    def send(self, commands: Sequence[AnyCommand]) -> None:
        """Start sending: cancels first, then orders, then the rest.

        A single order with nothing before it is on the wire when this returns, if it can be.
        """
        cancels = [command for command in commands if isinstance(command, CancelOrder)]
        orders = [command.order for command in commands if isinstance(command, SubmitOrder)]
        follow = [
            t for command in commands if isinstance(command, Subscribe) for t in command.tickers
        ]
        leave = [
            t for command in commands if isinstance(command, Unsubscribe) for t in command.tickers
        ]
        if cancels:
            self._start(self._cancel, cancels)
        if orders:
            answer = self._begun(orders[0]) if len(orders) == 1 and not cancels else None
            if answer is None:
                self._start(self._submit, orders)
            else:
                self._start(self._await, (orders[0], answer))
        for command in commands:
            if isinstance(command, QueryOrder):
                self._start(self._find, command)
            elif isinstance(command, AmendOrder):
                self._start(self._amend, command)
        if leave:
            self._start(self._unsubscribe, leave)
        if follow:
            self._start(self._subscribe, follow)

    def _begun(self, order: Order) -> Answer | None:
        return None if self._prompt is None else self._prompt.begin(order)

    def _start(self, send: Callable[..., object], what: object) -> None:
        self.waiting += 1
        self._tasks.start_soon(self._answered, send, what)

    async def _answered(self, send: Callable[..., object], what: object) -> None:
        try:
            await send(what)  # type: ignore[misc]
        except AuthError:
            raise
        except ExchangeError as error:
            self.troubles.append(str(error))
        finally:
            self.waiting -= 1

    async def _submit(self, orders: Sequence[Order]) -> None:
        outcomes: Sequence[Outcome]
        try:
            outcomes = await self._exchange.submit(orders)
        except AuthError:
            raise
        except ExchangeError as error:  # an adapter's fault; without an answer they stay pending
            outcomes = [Unknown(reason=str(error))] * len(orders)
        self._tell(orders, outcomes)

    async def _await(self, begun: tuple[Order, Answer]) -> None:
        order, answer = begun
        try:
            outcome = await answer()
        except AuthError:
            raise
        except ExchangeError as error:
            outcome = Unknown(reason=str(error))
        self._tell([order], [outcome])

    def _tell(self, orders: Sequence[Order], outcomes: Sequence[Outcome]) -> None:
        now = self._clock.now_us()
        self._deliver(
            [
                event
                for order, outcome in zip(orders, outcomes, strict=True)
                for event in submitted(order, outcome, now)
            ]
        )

    async def _amend(self, command: AmendOrder) -> None:
        outcome: Outcome
        try:
            (outcome,) = await self._exchange.amend([command])
        except AuthError:
            raise
        except ExchangeError as error:  # an adapter's fault; without an answer it stays under way
            outcome = Unknown(reason=str(error))
        self._deliver([amended(command, outcome, self._clock.now_us())])

    async def _cancel(self, cancels: Sequence[CancelOrder]) -> None:
        outcomes = await self._exchange.cancel(cancels)
        now = self._clock.now_us()
        self._deliver(
            [
                cancelled(command, outcome, now)
                for command, outcome in zip(cancels, outcomes, strict=True)
            ]
        )

    async def _find(self, query: QueryOrder) -> None:
        found = await self._exchange.find(query)
        self._deliver([told(query, found, self._clock.now_us())])

    async def _subscribe(self, tickers: Sequence[Ticker]) -> None:
        await self._exchange.subscribe(tickers)

    async def _unsubscribe(self, tickers: Sequence[Ticker]) -> None:
        await self._exchange.unsubscribe(tickers)


def submitted(order: Order, outcome: Outcome, at_us: Micros) -> tuple[AnyEvent, ...]:
    """Return what the answer to an order says.

    An acceptance that leaves out how much was filled says only that the order is there. When
    nothing rests of it either, it may have traded whole: it counts as if it worked until a query
    has told.
    """
    match outcome:
        case Accepted(filled_e2=None, remaining_e2=0):
            doubt = Unknown(reason="its answer leaves out how much of it has traded")
            there = Accepted(order_id=outcome.order_id, filled_e2=None, remaining_e2=None)
            return (*submitted(order, there, at_us), *submitted(order, doubt, at_us))
        case Accepted():
            filled = outcome.filled_e2 or 0
            left = outcome.remaining_e2
            accepted = OrderAccepted(
                at_us=at_us,
                client_order_id=order.client_order_id,
                order_id=outcome.order_id,
                filled_e2=filled,
                remaining_e2=order.quantity_e2 - filled if left is None else left,
            )
            return (accepted,)
        case Rejected():
            rejected = OrderRejected(
                at_us=at_us,
                client_order_id=order.client_order_id,
                code=outcome.code,
                message=outcome.message,
            )
            return (rejected,)
        case Unknown(reason=reason):
            lost = OrderUnknown(at_us=at_us, client_order_id=order.client_order_id, reason=reason)
            return (lost,)


def amended(command: AmendOrder, outcome: Outcome, at_us: Micros) -> AnyEvent:
    """Return what the answer to an amendment says."""
    match outcome:
        case Accepted():
            return OrderAmended(
                at_us=at_us,
                client_order_id=command.client_order_id,
                order_id=command.order_id,
                limit_e4=command.limit_e4,
                quantity_e2=command.quantity_e2,
                remaining_e2=outcome.remaining_e2,
            )
        case Rejected():
            return AmendRefused(
                at_us=at_us,
                client_order_id=command.client_order_id,
                code=outcome.code,
                message=outcome.message,
            )
        case Unknown():
            return OrderUnknown(
                at_us=at_us, client_order_id=command.client_order_id, reason=outcome.reason
            )


def cancelled(command: CancelOrder, outcome: Outcome, at_us: Micros) -> AnyEvent:
    """Return what the answer to a cancel says; an unreadable one leaves the order as it is."""
    match outcome:
        case Accepted():
            return OrderCancelled(
                at_us=at_us,
                client_order_id=command.client_order_id,
                order_id=command.order_id,
                filled_e2=_filled_e2(command, outcome),
                reason=command.reason,
            )
        case Rejected():
            return CancelRefused(
                at_us=at_us,
                client_order_id=command.client_order_id,
                code=outcome.code,
                message=outcome.message,
            )
        case Unknown():
            return CancelRefused(
                at_us=at_us,
                client_order_id=command.client_order_id,
                code="unknown",
                message=outcome.reason,
            )


def _filled_e2(command: CancelOrder, outcome: Accepted) -> E2 | None:
    """Return what a cancelled order had traded: its fills may still be on their way to us."""
    taken_out = outcome.cancelled_e2
    if outcome.filled_e2 is not None or taken_out is None or command.quantity_e2 is None:
        return outcome.filled_e2
    return max(command.quantity_e2 - taken_out, 0)


def told(query: QueryOrder, found: RemoteOrder | Absent | Unknown, at_us: Micros) -> AnyEvent:
    """Return what the answer to a query says."""
    match found:
        case Absent():
            return OrderAbsent(
                at_us=at_us, client_order_id=query.client_order_id, as_of_us=found.as_of_us
            )
        case RemoteOrder(status=RemoteStatus.OPEN | RemoteStatus.FILLED):
            return OrderAccepted(
                at_us=at_us,
                client_order_id=query.client_order_id,
                order_id=found.order_id,
                filled_e2=found.filled_e2,
                remaining_e2=found.remaining_e2,
            )
        case RemoteOrder(status=RemoteStatus.CANCELLED):
            return OrderCancelled(
                at_us=at_us,
                client_order_id=query.client_order_id,
                order_id=found.order_id,
                filled_e2=found.filled_e2,
                reason="found cancelled",
            )
        case Unknown(reason=reason):
            return OrderUnknown(at_us=at_us, client_order_id=query.client_order_id, reason=reason)
        case RemoteOrder():
            return OrderUnknown(
                at_us=at_us,
                client_order_id=query.client_order_id,
                reason=f"the exchange calls its status {found.status}",
            )
