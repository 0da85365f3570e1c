"""Holding the exchange's view of the account against ours.

At start it rebuilds what earlier runs knew; later it finds what a stream lost.
"""

from typing import Final

from framework.model.account import GRACE_US, Account, RemoteOrder, RemoteStatus
from framework.model.events import AccountReported, LedgerRead
from framework.model.orders import OrderFact, OrderState
from framework.model.portfolio import Portfolio
from framework.model.units import E2, Micros, Side, Ticker
from framework.risk import same_day
from framework.state import State
from framework.working import LiveOrder

_FACTS: Final = {
    RemoteStatus.OPEN: OrderFact.ACCEPTED,
    RemoteStatus.FILLED: OrderFact.FULLY_FILLED,
    RemoteStatus.CANCELLED: OrderFact.CANCELLED,
}
_REACHED: Final = {
    OrderFact.ACCEPTED: OrderState.OPEN,
    OrderFact.FULLY_FILLED: OrderState.FILLED,
    OrderFact.CANCELLED: OrderState.CANCELLED,
}


def read_ledger(state: State, event: LedgerRead) -> None:
    """Rebuild what earlier runs knew."""
    state.portfolio.cash_e6 = event.opening_cash_e6
    today = 0
    for owned in event.fills:
        realized = state.portfolio.apply(owned.fill, owned.strategy) or 0
        today += realized if same_day(owned.fill.at_us, event.at_us) else 0
    for settlement in event.settlements:
        realized = state.portfolio.settle(settlement) or 0
        today += realized if same_day(settlement.at_us, event.at_us) else 0
    state.realized_earlier_today_e6 = today
    for known in event.orders:
        live = LiveOrder(known.order, known.sent_us, known.order.expires_us)
        live.state, live.order_id = known.state, known.order_id
        live.booked_e2 = live.reported_e2 = known.filled_e2
        if live.state is OrderState.PENDING:
            state.orders.add(live)
            state.orders.take(live, OrderFact.LOST)
        else:
            state.orders.add(live)
        state.questions[known.order.client_order_id] = None
    state.halted = event.halted


def report_account(state: State, event: AccountReported) -> None:
    """Hold the exchange's view against ours, and take over what only it can know."""
    account = event.account
    for fill in account.fills.rows:
        state.fill(fill)
    for settlement in account.settlements.rows:
        state.settle(settlement)
    seen = [_report_order(state, row) for row in account.orders.rows]
    if event.recovery:
        for row in account.orders.rows:
            _adopt_terms(state, row)
    if account.orders.complete:
        for live in list(state.orders.live()):
            if live not in seen:
                state.miss_order(live.order.client_order_id, account.orders.as_of_us)
    if event.told_us is not None:
        state.portfolio.all_told(event.told_us)
    _report_cash(state, account, recovery=event.recovery)
    _report_positions(state, account)
    if event.recovery:
        state.worst.restart_day(event.at_us, state.realized_earlier_today_e6)
        state.ready = not account.missing


def _report_order(state: State, row: RemoteOrder) -> LiveOrder | None:
    """Take what the exchange says of an order, and return it if it is ours."""
    live = state.orders.find(row.client_order_id, row.order_id)
    if live is None:
        return None
    state.learn(live, row.order_id)
    state.orders.report(live, row.filled_e2)
    fact = _FACTS.get(row.status)
    if fact is not None and live.state is not _REACHED[fact]:
        state.take(live, fact)
    return live


def _adopt_terms(state: State, row: RemoteOrder) -> None:
    """Take over the terms of an order that an earlier run amended: the ledger has the first.

    What it wants in all is what it has and what rests: of a part that was taken out, the exchange
    may still tell the first total.
    """
    live = state.orders.find(row.client_order_id, row.order_id)
    if live is not None and row.status is RemoteStatus.OPEN:
        total_e2 = row.filled_e2 + row.remaining_e2
        live.revise(row.limit_e4, min(total_e2, live.order.quantity_e2))


def _is_settled_down(state: State, as_of_us: Micros) -> bool:
    """Return whether no order or fill was under way that could explain a difference."""
    quiet = state.worst.orders_since(as_of_us - 2 * GRACE_US) == 0
    shown = state.moved_us < as_of_us - GRACE_US
    return (
        quiet
        and shown
        and all(
            live.state is OrderState.OPEN and live.reported_e2 == live.booked_e2
            for live in state.orders.live()
        )
    )


def _report_cash(state: State, account: Account, *, recovery: bool) -> None:
    balances = account.balances
    if not balances.complete or not (recovery or _is_settled_down(state, balances.as_of_us)):
        return
    difference = balances.total_e6 - state.portfolio.cash_e6
    if not -balances.step_e6 < difference <= 0:  # else only what the exchange does not show
        state.portfolio.book_external(difference)
    for shard, cash in balances.rows:
        state.worst.set_cash(shard, cash)


def _report_positions(state: State, account: Account) -> None:
    if not account.positions.complete or not _is_settled_down(state, account.positions.as_of_us):
        return
    theirs = {row.ticker: row.signed_e2 for row in account.positions.rows}
    for ticker, watched in state.markets.items():
        ours, said = _signed(state.portfolio, ticker), theirs.get(ticker, 0)
        watched.mistrusted = None if ours == said else f"the exchange holds {said}, we {ours}"


def _signed(portfolio: Portfolio, ticker: Ticker) -> E2:
    held = portfolio.position(ticker)
    if held is None:
        return 0
    return held.quantity_e2 if held.side is Side.YES else -held.quantity_e2
