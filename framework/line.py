"""The straight line: events through the engine, decisions into journal and ledger, commands out.

One synchronous call chain per batch. Whatever the chain itself gives rise to (a refusal by the
ledger's gate, a quarantine) goes through it again before anything else does.
"""

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

from framework.engine import Engine
from framework.errors import LedgerError
from framework.fee_check import FeeCheck
from framework.journal import DecisionDigest, JournalWriter
from framework.model.commands import AmendOrder, AnyCommand, SubmitOrder
from framework.model.events import (
    PICTURE,
    AccountReported,
    AmendRefused,
    AnyEvent,
    IntentRefused,
    LedgerRead,
    MarketSettled,
    OrderAbsent,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
    TradingHalted,
    TradingResumed,
)
from framework.model.orders import Order, Purpose
from framework.model.records import Record
from framework.model.units import Micros
from framework.pipeline import Pipeline
from framework.tally import Tally
from framework.watchdog import Watchdog

_DURABLE = frozenset(
    {
        OrderAccepted,
        OrderRejected,
        OrderCancelled,
        OrderUnknown,
        OrderFilled,
        MarketSettled,
        IntentRefused,
        OrderAbsent,
        AccountReported,
    }
)
"""What the ledger keeps of the events."""
_ABOUT_FEES = _DURABLE | {LedgerRead}

_SHOWN_AT_ONCE = 1_000
"""Watchers are fed at the latest after this many records."""
_FLUSHED_AT_ONCE = 5_000


class Gate(Protocol):
    """The part of the ledger that the line needs."""

    def commit_intents(self, orders: Sequence[Order], at_us: Micros) -> Sequence[IntentRefused]:
        """Make orders durable before they are sent, or refuse them."""

    def objections(self, orders: Sequence[Order]) -> Sequence[str | None]:
        """Return why each committed order must not be changed, or None."""

    def record_events(self, events: Sequence[AnyEvent]) -> None:
        """Make order facts, fills and settlements durable."""

    def halt(self, reason: str, at_us: Micros) -> None:
        """Set the latch."""

    def release(self, at_us: Micros) -> None:
        """Release the latch."""


class Line:
    """Takes batches of events, sends commands."""

    def __init__(
        self,
        engine: Engine,
        pipeline: Pipeline,
        journal: JournalWriter,
        ledger: Gate,
        watchdog: Watchdog,
    ) -> None:
        """Connect the parts; commands wait until `send` is set."""
        self._engine = engine
        self._pipeline = pipeline
        self._journal = journal
        self._ledger = ledger
        self._watchdog = watchdog
        self._events: deque[AnyEvent] = deque()
        self._busy = False
        self._unseen: list[Record] = []
        self._unflushed = 0
        self._unwritable: str | None = None
        """Why the journal could not be written last time."""
        self.send: Callable[[Sequence[AnyCommand]], None] = lambda _: None
        self.digest = DecisionDigest()
        self.tally = Tally()
        self.fees = FeeCheck(engine.state.market, engine.capabilities.balance_step_e6)
        self.count = 0
        """Events handled."""

    def process(self, events: Sequence[AnyEvent]) -> None:
        """Take a batch through the line."""
        self._events.extend(events)
        if self._busy:
            return
        self._busy = True
        self._watchdog.enter()
        try:
            while self._events:
                batch = tuple(self._events)
                self._events.clear()
                self._take(batch)
        finally:
            self._watchdog.leave()
            self._busy = False
        if len(self._unseen) >= _SHOWN_AT_ONCE:
            self.show()

    def _take(self, batch: Sequence[AnyEvent]) -> None:
        told: list[Record] = []
        try:
            self._decide(batch, told)
            commands = [command for record in told for command in record.commands]
            durable = [record.event for record in told if type(record.event) in _DURABLE]
            self.count += len(batch)
            self._unflushed += len(batch)
            if durable:
                self._record(durable, batch[-1].at_us)
            if commands:
                self._commit_and_send(commands, batch[-1].at_us)
            elif self._unflushed >= _FLUSHED_AT_ONCE:
                self.flush()
        finally:
            for record in told:  # behind the orders: nobody waits for it
                self._note(record)
        self._events.extend(self._pipeline.pending_events(batch[-1].at_us))

    def _decide(self, batch: Sequence[AnyEvent], told: list[Record]) -> None:
        """Take events through the engine; `told` gets the records that say more than a picture.

        If one breaks the engine, what came before it is kept and counted all the same.
        """
        records: list[Record] = []
        try:
            records.extend(map(self._engine.handle, batch))
        finally:
            self._journal.extend(records)
            self._unseen.extend(records)
            told += [
                record
                for record in records
                if record.commands or record.verdicts or type(record.event) not in PICTURE
            ]
            for record in told:  # before anything is committed
                event = record.event
                if isinstance(event, TradingHalted):
                    self._latch(event)
                elif isinstance(event, TradingResumed):
                    self._release(event)

    def _note(self, record: Record) -> None:
        """Count a record, and keep what it says of fees."""
        self.digest.update(record)
        self.tally.update(record)
        if type(record.event) in _ABOUT_FEES:
            self.fees.update(record.event)

    def _record(self, facts: Sequence[AnyEvent], at_us: Micros) -> None:
        """Make facts durable; a ledger that can't write ends new risk, not the run."""
        try:
            self._ledger.record_events(facts)
        except LedgerError as error:
            self._events.append(TradingHalted(at_us=at_us, reason=str(error)))

    def _latch(self, event: TradingHalted) -> None:
        with suppress(LedgerError):  # it holds in memory, and the engine has halted already
            self._ledger.halt(event.reason, event.at_us)

    def _release(self, event: TradingResumed) -> None:
        try:
            self._ledger.release(event.at_us)
        except LedgerError as error:  # its latch still stands: the engine must know
            self._events.append(TradingHalted(at_us=event.at_us, reason=str(error)))

    def _commit_and_send(self, commands: list[AnyCommand], at_us: Micros) -> None:
        if any(isinstance(command, AmendOrder) for command in commands):
            commands = self._permitted(commands, at_us)
        orders = [command.order for command in commands if isinstance(command, SubmitOrder)]
        if orders:
            refused = self._commit(orders, at_us)
            stopped = {refusal.client_order_id for refusal in refused}
            self._events.extend(refused)
            commands = [
                command
                for command in commands
                if not isinstance(command, SubmitOrder)
                or command.order.client_order_id not in stopped
            ]
        self.send(commands)

    def _permitted(self, commands: list[AnyCommand], at_us: Micros) -> list[AnyCommand]:
        """Take out the amendments that the ledger's gate refuses; their cause is written first."""
        self.flush()
        amendments = [command for command in commands if isinstance(command, AmendOrder)]
        whys = self._ledger.objections([amendment.order for amendment in amendments])
        refused = {}
        for amendment, objection in zip(amendments, whys, strict=True):
            is_entry = amendment.order.purpose is Purpose.ENTRY
            why = objection or (self._unwritable if is_entry else None)
            if why is not None:
                name = amendment.client_order_id
                refused[name] = AmendRefused(
                    at_us=at_us, client_order_id=name, code="ledger", message=why
                )
        self._events.extend(refused.values())
        return [
            command
            for command in commands
            if not isinstance(command, AmendOrder) or command.client_order_id not in refused
        ]

    def _commit(self, orders: Sequence[Order], at_us: Micros) -> list[IntentRefused]:
        """Write each intent's cause, then the intent; what can't be written is not sent."""
        self.flush()
        refused: list[IntentRefused] = []
        if self._unwritable is not None:
            refused = [
                IntentRefused(
                    at_us=at_us,
                    client_order_id=order.client_order_id,
                    reason=self._unwritable,
                )
                for order in orders
                if order.purpose is Purpose.ENTRY
            ]
            orders = [order for order in orders if order.purpose is Purpose.EXIT]
        return refused + list(self._ledger.commit_intents(orders, at_us))

    def flush(self) -> None:
        """Write what has been journalled; a disk that refuses ends new risk, not the run."""
        self._unflushed = 0
        try:
            self._journal.flush()
            self._unwritable = None
        except OSError as error:
            self._unwritable = f"the journal can't be written: {error.strerror}"

    def show(self) -> None:
        """Feed the watchers."""
        if self._unseen:
            seen, self._unseen = self._unseen, []
            self._pipeline.observe(seen)
