"""The pure state machine: `handle(event)` gives what was decided and what is to be done.

State first, exits before entries, risk last.
It reads no clock, draws no random number and does no I/O, so the same events always lead to the
same commands.
"""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from framework.decisions import Decisions, EngineSettings
from framework.errors import InvariantError
from framework.exchange import Capabilities
from framework.facts import places
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
    AnyEvent,
    ClockTicked,
    Event,
    OrderRejected,
    PluginOverran,
    PluginQuarantined,
)
from framework.model.market import MarketStatus
from framework.model.orders import Order, OrderState, Purpose
from framework.model.records import Record, Verdict
from framework.model.units import Micros, Ticker
from framework.pipeline import Pipeline
from framework.state import State
from framework.watched import Watched
from framework.working import LiveOrder, Patience, Wanted, compare

_ASK_AGAIN_US = 5_000_000
"""An order nobody can speak for is asked about this often."""


class Engine:
    """Events in, records out."""

    def __init__(
        self,
        pipeline: Pipeline,
        *,
        run_id: str,
        capabilities: Capabilities,
        settings: EngineSettings | None = None,
        last_number: int = 0,
    ) -> None:
        """Start empty: what earlier runs left arrives as the first event.

        Args:
            pipeline: Asks the plugins.
            run_id: The first part of every client order id.
            capabilities: What the exchange can do.
            settings: Times and habits.
            last_number: The highest number a client order id of this run carries already.
        """
        self.settings = settings or EngineSettings()
        self.state = State(
            names_orders=capabilities.client_order_ids,
            balance_step_e6=capabilities.balance_step_e6,
        )
        self._pipeline = pipeline
        self._run_id = run_id
        self.capabilities = capabilities
        self._number = last_number
        self._verdicts: list[Verdict] = []
        self._commands: list[AnyCommand] = []
        self._decisions = Decisions(
            self.state, pipeline, self.settings, capabilities, self._verdicts
        )
        self._patience = Patience(reprice_us=self.settings.reprice_after_us)
        self._round: list[Ticker] = []
        """Markets whose filters this round of refiltering has yet to ask."""
        self._filtered_us: Micros = 0
        """When time passed last, or the first market was listed: its filters were asked then."""
        self._places: dict[type[Event], Callable[[Any], object]] = {
            **places(self.state),
            ClockTicked: self._pass_time,
            PluginOverran: pipeline.apply,
            PluginQuarantined: pipeline.apply,
        }
        """Where events go: into the state, but for the few that ask for more."""

    def handle(self, event: AnyEvent) -> Record:
        """Take one event and decide.

        Raises:
            InvariantError: the event does not fit the state; the run must stop.
        """
        state = self.state
        try:
            place = self._places[type(event)]
        except KeyError:
            name = type(event).__name__
            raise InvariantError(f"the engine has no place for {name}") from None
        if event.at_us != state.now_us:  # what came together has one time
            state.pass_to(event.at_us)
        place(event)
        if not (state.touched or state.relisted or state.questions):
            return Record(event=event)
        if state.relisted:
            for ticker in _drain(state.relisted):
                self._admit(state.markets[ticker])
        if state.touched:
            for ticker in _drain(state.touched):
                self._decide(ticker)
        if state.questions:
            self._ask()
        record = Record(event=event, verdicts=tuple(self._verdicts), commands=tuple(self._commands))
        self._verdicts.clear()
        self._commands.clear()
        return record

    def decided(self, at_us: Micros) -> list[AnyEvent]:
        """Return what a person's resume says of the orders only a person can speak for."""
        why = "somebody looked at the exchange and resumed: it is not there"
        return [
            OrderRejected(
                at_us=at_us,
                client_order_id=live.order.client_order_id,
                code="decided",
                message=why,
            )
            for live in self.state.undecidable()
        ]

    # ------------------------------------------------------------------------- market choice

    def _pass_time(self, tick: ClockTicked) -> None:
        """Ask a slice of the filters again, so that no tick asks all of them at once."""
        self.state.tick(tick)
        if not self._round:
            self._round = list(self.state.markets)
            self._round.reverse()
        elapsed = self.state.now_us - self._filtered_us
        self._filtered_us = self.state.now_us
        due = -(-len(self.state.markets) * elapsed // self.settings.refilter_every_us)
        for _ in range(min(due, len(self._round))):
            ticker = self._round.pop()
            if not self.state.forget_if_over(ticker):
                self.state.relisted[ticker] = None
        for live in self.state.orders.live():
            if live.state is OrderState.UNKNOWN:
                self.state.questions[live.order.client_order_id] = None

    def _admit(self, watched: Watched) -> None:
        """Ask every strategy's filters, and follow the market if one of them wants it."""
        ticker = watched.market.ticker
        self._filtered_us = self._filtered_us or self.state.now_us
        if watched.market.status is MarketStatus.FINALIZED and not watched.subscribed:
            return
        wanted = self._decisions.admit(watched) or self.state.is_engaged(ticker)
        if wanted and not watched.subscribed:
            watched.subscribed = True
            watched.forget_feed("no snapshot yet")  # one may have come after we left last time
            self._commands.append(Subscribe(tickers=(ticker,)))
        elif not wanted and watched.subscribed:
            watched.subscribed = False
            watched.forget_feed("not followed")
            self._commands.append(Unsubscribe(tickers=(ticker,)))
        elif wanted and watched.book.is_impossible:
            watched.forget_feed(watched.book.reason)
            # Only we know that the changes led nowhere: whoever follows anew gets a whole book.
            self._commands += (Unsubscribe(tickers=(ticker,)), Subscribe(tickers=(ticker,)))

    # ------------------------------------------------------------------------------ deciding

    def _decide(self, ticker: Ticker) -> None:
        state = self.state
        watched = state.markets.get(ticker)
        if watched is None or not state.ready:
            return
        working = state.orders.in_market(ticker)
        wanted = self._decisions.wanted(watched, working)
        if not wanted and not working:
            return
        plan = compare(
            wanted, working, state.now_us, self._patience, amends=self.capabilities.amend
        )
        for live, why in plan.cancel:
            self._cancel(live, why)
        for live, wish, why in plan.amend:
            self._amend(watched, live, wish, why)
        for wish in plan.submit:
            self._submit(watched, wish)

    def _submit(self, watched: Watched, wish: Wanted) -> None:
        order = self._order(watched, wish)
        if order is None:
            return
        if wish.purpose is Purpose.ENTRY:
            order = self._decisions.sized_and_checked(watched, wish, order)
            if order is None:
                return
        else:
            self._check_exit(watched, order)
            watched.left_us = self.state.now_us
        self._number += 1
        self.state.orders.add(LiveOrder(order, self.state.now_us, order.expires_us))
        self.state.worst.note_sent(self.state.now_us)
        self._commands.append(SubmitOrder(order=order))

    def _order(self, watched: Watched, wish: Wanted) -> Order | None:
        if not watched.market.grid.contains(wish.limit_e4, wish.side):
            self._decisions.refuse_off_grid(watched, wish)
            return None
        lifetime = wish.lifetime_us
        return Order(
            client_order_id=f"{self._run_id}-{self._number + 1}",
            ticker=watched.market.ticker,
            side=wish.side,
            limit_e4=wish.limit_e4,
            quantity_e2=wish.quantity_e2 or 0,
            purpose=wish.purpose,
            strategy=wish.strategy,
            time_in_force=wish.time_in_force,
            post_only=wish.post_only and self.capabilities.post_only,
            reduce_only=wish.reduce_only and self.capabilities.reduce_only,
            expires_us=None if lifetime is None else self.state.now_us + lifetime,
            reason=wish.reason,
            urgency=wish.urgency,
            shard=watched.market.shard,
        )

    def _amend(self, watched: Watched, live: LiveOrder, wish: Wanted, why: str) -> None:
        """Give a working order new terms; it makes way when they are refused here."""
        revised = self._revised(watched, live, wish)
        if revised is None or live.order_id is None:
            self._cancel(live, why)
            return
        live.amendment = AmendOrder(
            client_order_id=live.order.client_order_id,
            order_id=live.order_id,
            order=live.order,
            limit_e4=revised.limit_e4,
            quantity_e2=revised.quantity_e2,
        )
        live.sent_us = self.state.now_us
        self.state.worst.note_sent(self.state.now_us)
        self._commands.append(live.amendment)

    def _revised(self, watched: Watched, live: LiveOrder, wish: Wanted) -> Order | None:
        """Return an order with new terms, sized and checked like a new one; None when refused.

        The quantity is that of its whole life, and never grows: what the ledger committed is the
        most that may be bought under its client id.
        """
        if not watched.market.grid.contains(wish.limit_e4, wish.side):
            return None
        order = msgspec.structs.replace(live.order, limit_e4=wish.limit_e4)
        if wish.purpose is Purpose.ENTRY:
            with self.state.orders.without(live):
                sized = self._decisions.sized_and_checked(watched, wish, order)
            if sized is None:
                return None
            quantity_e2 = min(sized.quantity_e2, order.quantity_e2)
        else:
            rest = msgspec.structs.replace(order, quantity_e2=wish.quantity_e2 or 0)
            self._check_exit(watched, rest)
            quantity_e2 = live.booked_e2 + rest.quantity_e2
        return msgspec.structs.replace(order, quantity_e2=quantity_e2)

    def _check_exit(self, watched: Watched, order: Order) -> None:
        """Refuse to send an exit larger than the position: that would be a bug of ours."""
        held = self.state.portfolio.position(watched.market.ticker)
        fits = held is not None and held.side is order.side.opposite
        if not fits or held is None or not 0 < order.quantity_e2 <= held.quantity_e2:
            raise InvariantError(f"an exit must fit the position: {order}")

    def _cancel(self, live: LiveOrder, why: str) -> None:
        if live.order_id is None:
            return
        live.cancel_us = self.state.now_us
        self._commands.append(
            CancelOrder(
                client_order_id=live.order.client_order_id,
                order_id=live.order_id,
                ticker=live.order.ticker,
                shard=live.order.shard,
                reason=why,
                quantity_e2=live.known_e2,
            )
        )

    def _ask(self) -> None:
        now = self.state.now_us
        for client_order_id in _drain(self.state.questions):
            live = self.state.orders.find(client_order_id)
            if live is None or (live.asked_us is not None and now - live.asked_us < _ASK_AGAIN_US):
                continue
            if self.state.is_undecidable(live):
                continue
            live.asked_us = now
            self._commands.append(
                QueryOrder(
                    client_order_id=client_order_id,
                    order_id=live.order_id,
                    ticker=live.order.ticker,
                )
            )


def _drain(marked: dict[str, None]) -> Sequence[str]:
    """Return the marked keys in order and forget them; marks made meanwhile wait."""
    keys = tuple(marked)
    marked.clear()
    return keys
