"""What happened to one market in a run and why, from its records, each verdict with its numbers."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Final

import msgspec

from framework.funnel import Funnel, Refusal, funnel_of
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
    PICTURE,
    AccountReported,
    AmendRefused,
    AnyEvent,
    BookInvalidated,
    CancelRefused,
    ExchangeStatusChanged,
    IntentRefused,
    LedgerRead,
    MarketChanged,
    MarketListed,
    MarketSettled,
    OrderAbsent,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
    PluginQuarantined,
    RunStopping,
    TradingHalted,
    TradingResumed,
)
from framework.model.market import Market, Settlement, moment
from framework.model.orders import Fill, Order
from framework.model.portfolio import Portfolio
from framework.model.records import NO_SIGNAL, STAY, Record, Stage, Verdict
from framework.model.units import Micros, Ticker, complement, money_of, price_of
from framework.tally import Trip

_HOOKS: Final = {Stage.FILTER: "filter_market", Stage.RISK: "check_risk"}
"""Stages at which a pass is everybody's; the others name who decided."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened to a market, or was decided on it."""

    at_us: Micros
    kind: str
    """`listed`, `changed`, a stage of the line, `order`, what the exchange answered, and so on."""
    text: str
    strategy: str | None = None
    plugin: str | None = None
    passed: bool | None = None
    """Of a verdict: whether it let the market or order through; None for no opinion."""
    code: str | None = None
    numbers: dict[str, Decimal] = {}


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """Where a market ended with one strategy."""

    strategy: str
    bought: bool
    place: str | None
    """Where it was stopped for good; None when it was bought."""
    refusal: Refusal | None


class Story:
    """Collects one market's steps, record by record."""

    def __init__(self, ticker: Ticker, header: Mapping[str, object]) -> None:
        """Start empty, for the run of a journal's header."""
        self.ticker = ticker
        self.steps: list[Step] = []
        self.listed: set[Ticker] = set()
        """Every market of the run."""
        self._header = header
        self._funnel: Funnel = funnel_of(header)
        self._books = Portfolio()
        self._market: Market | None = None
        self._orders: dict[str, Order] = {}
        self._accepted: set[str] = set()
        self._reason = ""
        """That of the last opinion, so that an order need not repeat it."""

    @property
    def is_known(self) -> bool:
        """Whether the run had anything to do with this market."""
        return any(step.kind != "run" for step in self.steps)

    def update(self, record: Record) -> None:
        """Take one record."""
        if type(record.event) in PICTURE and not (record.verdicts or record.commands):
            return
        self._funnel.update(record)
        at_us = record.event.at_us
        self.steps += self._happened(record.event)
        self.steps += [
            self._judged(at_us, verdict)
            for verdict in record.verdicts
            if verdict.ticker == self.ticker
        ]
        for command in record.commands:
            self.steps += self._wished(at_us, command)

    # -------------------------------------------------------------------------------- events

    def _happened(self, event: AnyEvent) -> Iterator[Step]:
        at_us = event.at_us
        match event:
            case MarketListed(market=market) | MarketChanged(market=market):
                yield from self._record(at_us, market)
            case BookInvalidated(ticker=self.ticker, reason=reason):
                yield Step(at_us=at_us, kind="book", text=f"not to be trusted: {reason}")
            case OrderFilled(fill=fill):
                yield from self._fill(at_us, fill, "")
            case MarketSettled(settlement=settlement):
                yield from self._settle(at_us, settlement)
            case AccountReported(account=account):
                for fill in account.fills.rows:
                    yield from self._fill(at_us, fill, "; told by the account's report")
                for settlement in account.settlements.rows:
                    yield from self._settle(at_us, settlement)
            case LedgerRead():
                yield from self._brought_over(event)
            case _:
                text = _told(event)
                if text is not None:
                    yield Step(at_us=at_us, kind="run", text=text)
                yield from self._answered(event)

    def _record(self, at_us: Micros, market: Market) -> Iterator[Step]:
        self.listed.add(market.ticker)
        if market.ticker != self.ticker:
            return
        before, self._market = self._market, market
        if before is None:
            yield Step(at_us=at_us, kind="listed", text=_described(market), numbers=_quote(market))
            return
        changes = [
            f"{name} {_shown(getattr(before, key))} is now {_shown(getattr(market, key))}"
            for name, key in (("status", "status"), ("close", "close_us"), ("result", "result"))
            if getattr(before, key) != getattr(market, key)
        ]
        if changes:
            numbers = _quote(market)
            yield Step(at_us=at_us, kind="changed", text="; ".join(changes), numbers=numbers)

    def _brought_over(self, event: LedgerRead) -> Iterator[Step]:
        for known in event.orders:
            if known.order.ticker == self.ticker:
                self._orders[known.order.client_order_id] = known.order
                text = f"{known.order} is {known.state} from an earlier run"
                yield self._ordered(event.at_us, "order", known.order, text)
        for owned in event.fills:
            if owned.fill.ticker == self.ticker:
                self._books.apply(owned.fill, owned.strategy)
        for settlement in event.settlements:
            self._books.settle(settlement)
        held = self._books.position(self.ticker)
        if held is not None:
            text = f"{held.quantity} {held.side.upper()} held from earlier runs"
            numbers = {"contracts": held.quantity, "price": held.entry_price}
            yield Step(at_us=event.at_us, kind="held", text=text, numbers=numbers)

    def _answered(self, event: AnyEvent) -> Iterator[Step]:
        order = self._orders.get(getattr(event, "client_order_id", None) or "")
        answer = _answer_of(event)
        if order is not None and answer is not None:
            kind, code, text = answer
            if kind == "accepted":  # told by the reply, by the stream, and with every report
                if order.client_order_id in self._accepted:
                    return
                self._accepted.add(order.client_order_id)
            if isinstance(event, OrderAmended):
                order = self._orders[order.client_order_id] = _revised(order, event)
            yield self._ordered(event.at_us, kind, order, f"{order}: {text}", code)

    @staticmethod
    def _ordered(
        at_us: Micros, kind: str, order: Order, text: str, code: str | None = None
    ) -> Step:
        return Step(
            at_us=at_us,
            kind=kind,
            text=text,
            strategy=order.strategy,
            code=code,
            numbers={"limit": _limit(order), "contracts": order.quantity},
        )

    def _fill(self, at_us: Micros, fill: Fill, how: str) -> Iterator[Step]:
        if fill.ticker != self.ticker:
            return
        held = self._books.position(fill.ticker)
        order = self._orders.get(fill.client_order_id or "")
        strategy = order.strategy if order else None
        realized = self._books.apply(fill, strategy)
        if realized is None:
            return
        price, side, word = fill.price, fill.side, "bought"
        if held is not None and held.side is not fill.side:
            price, side, word = price_of(complement(fill.price_e4)), held.side, "sold"
        numbers = {"contracts": fill.quantity, "price": price, "fee": fill.fee}
        yield Step(
            at_us=at_us,
            kind="fill",
            text=f"{word} {fill.quantity} {side.upper()} at {price}, fee {fill.fee}{how}",
            strategy=strategy or (held.strategy if held else None),
            numbers=numbers | ({"pnl": money_of(realized)} if word == "sold" else {}),
        )

    def _settle(self, at_us: Micros, settlement: Settlement) -> Iterator[Step]:
        if settlement.ticker != self.ticker:
            return
        held = self._books.position(self.ticker)
        realized = self._books.settle(settlement)
        if held is None or realized is None:
            return
        yield Step(
            at_us=at_us,
            kind="settled",
            text=f"{settlement.result}: {held.quantity} {held.side.upper()} were held",
            strategy=held.strategy,
            numbers={"yes_pays": price_of(settlement.yes_pays_e4), "pnl": money_of(realized)},
        )

    # ----------------------------------------------------------------- verdicts and commands

    def _judged(self, at_us: Micros, verdict: Verdict) -> Step:
        passed = verdict.code is None
        opinion = None if verdict.code in {NO_SIGNAL, STAY} else passed
        return Step(
            at_us=at_us,
            kind=verdict.stage,
            text=self._words(verdict),
            strategy=verdict.strategy,
            plugin=verdict.plugin,
            passed=opinion,
            code=verdict.code,
            numbers=verdict.numbers,
        )

    def _words(self, verdict: Verdict) -> str:
        asked = self._asked(verdict)
        if verdict.code is None:
            self._reason = verdict.message or self._reason
            if verdict.stage is Stage.SIZE:
                return verdict.message or "sized"
            everybody = f"passed {', '.join(asked)}" if asked else "passed"
            return verdict.message or everybody
        if verdict.code == NO_SIGNAL:
            return "the strategy wants nothing"
        if verdict.code == STAY:
            return "no exit is wanted"
        if verdict.stage is Stage.FILTER and verdict.plugin in asked[1:]:
            before = ", ".join(asked[: asked.index(verdict.plugin)])
            return f"{verdict.code}: {verdict.message}; {before} had let it pass"
        return f"{verdict.code}: {verdict.message}"

    def _asked(self, verdict: Verdict) -> list[str]:
        """Return who is asked at a verdict's stage, as far as the journal says."""
        asked = self._header.get("asked")
        hook = _HOOKS.get(verdict.stage)
        if hook is None or not isinstance(asked, dict):
            return []
        names: list[str] = asked.get(hook, {}).get(verdict.strategy, [])
        return names

    def _wished(self, at_us: Micros, command: AnyCommand) -> Iterator[Step]:
        match command:
            case SubmitOrder(order=order) if order.ticker == self.ticker:
                self._orders[order.client_order_id] = order
                reason = "" if order.reason in {"", self._reason} else f"; {order.reason}"
                yield self._ordered(at_us, "order", order, f"{order}{reason}")
            case AmendOrder(order=order) if order.ticker == self.ticker:
                text = f"{order} is to become {_revised(order, command)}"
                yield self._ordered(at_us, "amend", order, text)
            case CancelOrder(ticker=self.ticker, reason=reason):
                yield Step(at_us=at_us, kind="cancel", text=f"the order is taken back: {reason}")
            case QueryOrder(ticker=self.ticker):
                yield Step(at_us=at_us, kind="query", text="the exchange is asked for the order")
            case Subscribe(tickers=tickers) if self.ticker in tickers:
                yield Step(at_us=at_us, kind="followed", text="its book is followed")
            case Unsubscribe(tickers=tickers) if self.ticker in tickers:
                yield Step(at_us=at_us, kind="unfollowed", text="its book is not followed any more")
            case _:
                pass

    # ------------------------------------------------------------------------------- results

    def outcomes(self) -> tuple[Outcome, ...]:
        """Return where the market ended with each strategy."""
        found = []
        for row in self._funnel.report():
            way = self._funnel.way(row.strategy, self.ticker)
            stopped = None if way.place is None else row.rows[way.place]
            found.append(
                Outcome(
                    strategy=row.strategy,
                    bought=stopped is None,
                    place=None if stopped is None else stopped.stage,
                    refusal=way.refusal,
                )
            )
        return tuple(found)

    def trip(self) -> Trip | None:
        """Return what the market brought; None when nothing was traded in it."""
        trips = self._funnel.tally.trips()
        return next((trip for trip in trips if trip.ticker == self.ticker), None)


def _told(event: AnyEvent) -> str | None:
    """Return what concerns every market of a run."""
    match event:
        case TradingHalted(reason=reason):
            return f"halted, nothing is bought: {reason}"
        case TradingResumed():
            return "the halt is released"
        case ExchangeStatusChanged(pauses=()):
            return "the exchange takes orders again"
        case ExchangeStatusChanged(pauses=pauses):
            return "the exchange pauses: " + "; ".join(pause.reason for pause in pauses)
        case RunStopping(reason=reason):
            return f"the run ends: {reason}"
        case PluginQuarantined(plugin=plugin, reason=reason):
            return f"{plugin} is quarantined: {reason}"
        case _:
            return None


def _answer_of(event: AnyEvent) -> tuple[str, str | None, str] | None:
    """Return what an event says of an order: the kind, a code if it is refused, and words."""
    match event:
        case OrderAccepted(order_id=order_id):
            return "accepted", None, f"accepted as {order_id}"
        case OrderRejected(code=code, message=message):
            return "rejected", code, f"the exchange refused it, {code}: {message}"
        case IntentRefused(reason=reason):
            return "rejected", "intent_refused", f"the ledger refused it: {reason}"
        case OrderUnknown(reason=reason):
            return "unknown", "unknown", f"nobody knows what became of it: {reason}"
        case OrderAbsent():
            return "absent", "absent", "the exchange does not know it"
        case OrderCancelled(reason=reason):
            return "cancelled", None, f"cancelled: {reason}"
        case CancelRefused(code=code, message=message):
            return "cancel_refused", code, f"not cancelled, {code}: {message}"
        case OrderAmended():
            return "amended", None, "amended"
        case AmendRefused(code=code, message=message):
            return "amend_refused", code, f"not amended, {code}: {message}"
        case _:
            return None


def _revised(order: Order, terms: AmendOrder | OrderAmended) -> Order:
    return msgspec.structs.replace(order, limit_e4=terms.limit_e4, quantity_e2=terms.quantity_e2)


def _limit(order: Order) -> Decimal:
    """Return an order's limit in the prices of the side it is about, as its words have it."""
    sells = order.urgency is not None
    return price_of(complement(order.limit_e4)) if sells else order.limit


def _described(market: Market) -> str:
    parts = [market.title or market.ticker, f"event {market.event_ticker}"]
    parts += [f"series {market.series_ticker}"] if market.series_ticker else []
    parts += [market.category] if market.category else []
    parts += [f"{market.status}, closes {_shown(market.close_us)}"]
    return "; ".join(parts)


def _quote(market: Market) -> dict[str, Decimal]:
    known = {"bid": market.yes_bid, "ask": market.yes_ask, "volume": market.volume}
    return {name: number for name, number in known.items() if number is not None}


def _shown(value: object) -> str:
    """Return a field of a market in words; a number is a moment."""
    if isinstance(value, int):
        return f"{moment(value):%Y-%m-%d %H:%M:%S}"
    return str(value) if value else "unknown"
