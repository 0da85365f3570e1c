"""From a market's state to the orders that are wanted in it.

Asks the pipeline in the fixed order (filter, exit, entry, size, risk) and notes each verdict
that changed. It sends nothing.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

import msgspec

from framework.exchange import Capabilities
from framework.model.events import Pause
from framework.model.market import moment
from framework.model.orders import Order, Purpose, TimeInForce, Urgency
from framework.model.portfolio import Position
from framework.model.records import (
    EXCHANGE_PAUSED,
    NO_SIGNAL,
    OFF_GRID,
    STAY,
    Stage,
    Verdict,
)
from framework.model.signals import EntrySignal, ExitSignal, Rejection
from framework.model.units import (
    E2,
    E4,
    Micros,
    Side,
    Ticker,
    complement,
    price_of,
    quantity_of,
    to_e2,
    to_e4,
    to_us,
)
from framework.model.view import PortfolioView, Snapshot
from framework.pipeline import Pipeline
from framework.state import State
from framework.watched import Siblings, Watched
from framework.working import LiveOrder, Wanted

_SHARED = "(none)"
"""The owner shown for a position no strategy of this run speaks for."""
_FILTER: Final = Stage.FILTER
_SIGNAL: Final = Stage.SIGNAL
_SILENCE: Final = (Rejection(NO_SIGNAL, ""), None)
"""What most strategies answer to most quotes."""


class EngineSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the engine needs of `[framework]`, in microseconds."""

    good_for_us: Micros = 300_000_000
    """How long an entry rests when its signal does not say."""
    reprice_after_us: Micros = 5_000_000
    keep_remainder: bool = True
    """Whether the rest of a partly filled entry goes on working."""
    refilter_every_us: Micros = 10_000_000
    retry_after_us: Micros = 1_000_000
    """An exit that did not finish, or a refused entry, is sent again after this."""


class Decisions:
    """What the plugins want, as orders."""

    def __init__(
        self,
        state: State,
        pipeline: Pipeline,
        settings: EngineSettings,
        capabilities: Capabilities,
        verdicts: list[Verdict],
    ) -> None:
        """Look at live state; changed verdicts are put into `verdicts`."""
        self._state = state
        self._pipeline = pipeline
        self._settings = settings
        self._capabilities = capabilities
        self._verdicts = verdicts
        self._signals: dict[tuple[str, Ticker, Side], EntrySignal] = {}
        """Of the market in hand."""
        self._shown: Snapshot | None = None
        """The market in hand as its entries were asked for; sizing and risk see the same one."""

    # ------------------------------------------------------------------------------- filters

    def admit(self, watched: Watched) -> bool:
        """Ask each strategy's filters; return whether any of them lets the market pass."""
        market, now = watched.present(), moment(self._state.now_us)
        for strategy in self._pipeline.strategies:
            refused = self._pipeline.filter_market(strategy, market, now)
            self._note(watched, strategy, _FILTER, refused)
            if refused is None:
                if strategy not in watched.admitted:
                    watched.admitted |= {strategy}
                    self._state.touched[market.ticker] = None
            elif watched.admitted:
                watched.admitted -= {strategy}
        return bool(watched.admitted)

    # ---------------------------------------------------------------------------------- line

    def wanted(self, watched: Watched, working: Sequence[LiveOrder]) -> list[Wanted]:
        """Return every order that should be working in a market now, exits first."""
        state = self._state
        self._signals.clear()
        held = state.portfolio.position(watched.market.ticker)
        trustworthy = watched.book.valid and state.connected
        snapshot = self._shown = self._snapshot(watched) if trustworthy else None
        exits = self._exits(watched, held, snapshot, working) if held is not None else []
        urgent = exits and any((exit_.urgency or 0) > Urgency.TAKE_PROFIT for exit_ in exits)
        if state.halted or state.stopping or urgent:
            return exits
        if state.pauses and (pause := state.pause_of(watched.market.shard)) is not None:
            return exits + self._paused(watched, pause, working)
        return exits + self._entries(watched, held, snapshot, working)

    def _snapshot(self, watched: Watched) -> Snapshot:
        state = self._state
        ticker = watched.market.ticker
        family = state.events.get(watched.market.event_ticker, ())
        return Snapshot.of(
            watched.present(),
            watched.book,
            state.now_us,
            lag_us=watched.lag_us,
            trades=watched.trades,
            siblings=Siblings(state.markets, family, ticker),
            observations=state.observations,
        )

    def _portfolio(self) -> PortfolioView:
        return PortfolioView(self._state.portfolio, self._state.worst, self._state.now_us)

    # --------------------------------------------------------------------------------- exits

    def _exits(
        self,
        watched: Watched,
        held: Position,
        snapshot: Snapshot | None,
        working: Sequence[LiveOrder],
    ) -> list[Wanted]:
        resting = [live for live in working if not live.is_entry]
        stays = (
            self._state.stopping is not None
            or not watched.market.is_open(self._state.now_us)
            or self._state.pause_of(watched.market.shard) is not None
        )
        if snapshot is None or stays:
            return [_kept(live) for live in resting if live.remaining_e2 <= held.quantity_e2]
        found = self._pipeline.signal_exit(held.strategy, held, snapshot)
        owner = held.strategy or _SHARED
        if found is None:
            self._note(watched, owner, Stage.EXIT, (Rejection(STAY, "no exit"), None))
            return []
        signal, plugin = found
        numbers = {"limit": signal.limit}
        self._note(
            watched, owner, Stage.EXIT, None, plugin=plugin, why=signal.reason, numbers=numbers
        )
        left, retry_us = watched.left_us, self._settings.retry_after_us
        too_soon = left is not None and self._state.now_us - left < retry_us
        if too_soon and not resting:
            return []  # the last exit has ended; the next tick sends the next one
        limit_e4 = watched.market.grid.to_sell_at(to_e4(signal.limit), held.side)
        if limit_e4 is None:
            self._note(watched, owner, Stage.EXIT, (Rejection("no_price", "empty grid"), plugin))
            return []
        return [self._exit(held, signal, limit_e4, owner)]

    def _exit(self, held: Position, signal: ExitSignal, limit_e4: E4, owner: str) -> Wanted:
        immediate = signal.immediate and self._capabilities.immediate_or_cancel
        asked = held.quantity_e2 if signal.quantity is None else to_e2(signal.quantity)
        return Wanted(
            strategy=owner,
            side=held.side.opposite,
            limit_e4=complement(limit_e4),
            quantity_e2=min(asked, held.quantity_e2),
            purpose=Purpose.EXIT,
            reason=signal.reason,
            urgency=signal.urgency,
            time_in_force=(
                TimeInForce.IMMEDIATE_OR_CANCEL if immediate else TimeInForce.GOOD_TILL_CANCELLED
            ),
            reduce_only=immediate,
        )

    # ------------------------------------------------------------------------------- entries

    def _paused(self, watched: Watched, pause: Pause, working: Sequence[LiveOrder]) -> list[Wanted]:
        """Return the entries that stay while the exchange rests: those it does not give back.

        Whoever is allowed to cancel does: an old price must not be the first one at the reopening.
        """
        for strategy in self._pipeline.strategies:
            if strategy in watched.admitted:
                refusal = Rejection(EXCHANGE_PAUSED, pause.reason)
                self._note(watched, strategy, _SIGNAL, (refusal, None))
        if pause.takes_cancels:
            return []
        return [_kept(live) for live in working if live.is_entry]

    def _entries(
        self,
        watched: Watched,
        held: Position | None,
        snapshot: Snapshot | None,
        working: Sequence[LiveOrder],
    ) -> list[Wanted]:
        entries = [live for live in working if live.is_entry]
        now = self._state.now_us
        alive = [live for live in entries if live.expires_us is None or now < live.expires_us]
        if held is not None:
            return [_kept(live) for live in alive] if self._settings.keep_remainder else []
        if snapshot is None:
            return [_kept(live) for live in alive]
        if watched.mistrusted or not watched.market.is_open(now):
            return []
        if any(self._state.is_undecidable(live) for live in working):
            return []
        refused = watched.refused_us
        if refused is not None and now - refused < self._settings.reprice_after_us:
            return []
        owner = entries[0].order.strategy if entries else None
        wanted: list[Wanted] = []
        portfolio = self._portfolio()
        for strategy in self._pipeline.strategies:
            if strategy not in watched.admitted or owner not in (None, strategy):
                continue
            wanted = self._entry(watched, strategy, snapshot, portfolio)
            if wanted:
                break  # one market has one owning strategy at a time
        expired = len(alive) < len(entries)
        return [] if expired else wanted

    def _entry(
        self, watched: Watched, strategy: str, snapshot: Snapshot, portfolio: PortfolioView
    ) -> list[Wanted]:
        signals = self._pipeline.signal_entry(strategy, snapshot, portfolio)
        if not signals:
            if watched.verdicts.get((strategy, _SIGNAL)) != (None, NO_SIGNAL):
                seen = _seen(snapshot)  # asked at every quote, told when it changes
                self._note(watched, strategy, _SIGNAL, _SILENCE, numbers=seen)
            return []
        wanted: list[Wanted] = []
        for signal, plugin in signals:
            if any(wish.side is signal.side for wish in wanted):
                continue  # one entry a side: the first signal is the one that is sized
            self._note(
                watched,
                strategy,
                _SIGNAL,
                None,
                plugin=plugin,
                why=signal.reason,
                numbers=_terms(signal),
            )
            self._signals[strategy, watched.market.ticker, signal.side] = signal
            wanted.append(
                Wanted(
                    strategy=strategy,
                    side=signal.side,
                    limit_e4=to_e4(signal.limit),
                    purpose=Purpose.ENTRY,
                    reason=signal.reason,
                    post_only=signal.make,
                    lifetime_us=(
                        to_us(signal.good_for) if signal.good_for else self._settings.good_for_us
                    ),
                )
            )
        return wanted

    def sized_and_checked(self, watched: Watched, wish: Wanted, order: Order) -> Order | None:
        """Size an entry and pass it through risk; return None when either refuses."""
        signal = self._signals[wish.strategy, watched.market.ticker, wish.side]
        snapshot, portfolio = self._shown or self._snapshot(watched), self._portfolio()
        size = self._pipeline.size_entry(wish.strategy, signal, snapshot, portfolio)
        if isinstance(size, Rejection):
            self._note(watched, wish.strategy, Stage.SIZE, (size, None))
            return None
        asked_e2, plugin = size
        quantity_e2 = self._on_quantity_grid(asked_e2)
        if quantity_e2 <= 0:
            message = f"{plugin} sized {quantity_of(asked_e2)}"
            if asked_e2 > 0:
                message += ", and only whole contracts are traded here"
            refusal = Rejection("zero_size", message)
            self._note(watched, wish.strategy, Stage.SIZE, (refusal, plugin))
            return None
        numbers = {"contracts": quantity_of(quantity_e2)}
        self._note(watched, wish.strategy, Stage.SIZE, None, plugin=plugin, numbers=numbers)
        sized = msgspec.structs.replace(order, quantity_e2=quantity_e2)
        objections = self._pipeline.check_risk(wish.strategy, sized, snapshot, portfolio)
        self._note_risk(watched, wish.strategy, objections)
        return None if objections else sized

    def _on_quantity_grid(self, quantity_e2: E2) -> E2:
        if self._capabilities.fractional_quantities:
            return quantity_e2
        return quantity_e2 // 100 * 100

    # ------------------------------------------------------------------------------ verdicts

    def refuse_off_grid(self, watched: Watched, wish: Wanted) -> None:
        """Note that a wish's price does not stand on the market's grid."""
        stage = Stage.SIGNAL if wish.purpose is Purpose.ENTRY else Stage.EXIT
        grid, limit_e4 = watched.market.grid, wish.limit_e4
        near = (grid.at_or_below(limit_e4, wish.side), grid.at_or_above(limit_e4, wish.side))
        nearest = " and ".join(str(price_of(price)) for price in near if price is not None)
        message = f"{price_of(limit_e4)} is not a price here; the nearest: {nearest or 'none'}"
        refusal = Rejection(OFF_GRID, message)
        self._note(watched, wish.strategy, stage, (refusal, None))

    def _note_risk(
        self, watched: Watched, strategy: str, objections: Sequence[tuple[Rejection, str]]
    ) -> None:
        if not objections:
            self._note(watched, strategy, Stage.RISK, None)
            return
        first, plugin = objections[0]
        message = "; ".join(f"{refusal.code}: {refusal.message}" for refusal, _ in objections)
        self._note(watched, strategy, Stage.RISK, (Rejection(first.code, message), plugin))

    def _note(
        self,
        watched: Watched,
        strategy: str,
        stage: Stage,
        refused: tuple[Rejection, str | None] | None,
        *,
        plugin: str | None = None,
        why: str = "",
        numbers: Mapping[str, Decimal] | None = None,
    ) -> None:
        """Write a verdict down when it differs from the last one of its kind."""
        code = None
        if refused is not None:
            rejection, plugin = refused
            code, why = rejection.code, rejection.message
        verdict = (plugin, code)
        if watched.verdicts.get((strategy, stage)) == verdict:
            return
        watched.verdicts[strategy, stage] = verdict
        self._verdicts.append(
            Verdict(
                strategy=strategy,
                ticker=watched.market.ticker,
                stage=stage,
                plugin=plugin,
                code=code,
                message=why,
                numbers={} if numbers is None else dict(numbers),
            )
        )


def _kept(live: LiveOrder) -> Wanted:
    """Return the wish that leaves a working order as it is."""
    order = live.order
    return Wanted(
        strategy=order.strategy,
        side=order.side,
        limit_e4=order.limit_e4,
        quantity_e2=live.remaining_e2,
        purpose=order.purpose,
        reason=order.reason,
        urgency=order.urgency,
    )


def _terms(signal: EntrySignal) -> dict[str, Decimal]:
    """Return what a signal asks for; the side stands in its reason and in its order."""
    known = {"limit": signal.limit}
    return known if signal.break_even is None else {**known, "break_even": signal.break_even}


def _seen(snapshot: Snapshot) -> dict[str, Decimal]:
    """Return what a strategy that wants nothing was shown."""
    seen = {"bid": snapshot.yes.bid, "ask": snapshot.yes.ask, "volume": snapshot.volume}
    return {name: number for name, number in seen.items() if number is not None}
