"""Holds the fee that the exchange booked for every fill against the one we predict.

A wrong fee model turns an edge into a loss without anybody noticing. Above one unit of the
account's precision ($0.0001 for a direct member, $0.01 for one behind a broker) it is an alarm:
less than that may be the order of two fills, or what an earlier run left in an order's
accumulator. The booked fee stays the truth; nothing here changes money.
"""

from collections.abc import Callable, Sequence

import msgspec

from framework.fees import DIRECT_E6, OrderFees
from framework.model.events import AccountReported, AnyEvent, LedgerRead, OrderFilled
from framework.model.market import Market
from framework.model.orders import Fill
from framework.model.units import E6, Ticker, money_of


class FeeAlarm(msgspec.Struct, frozen=True, kw_only=True):
    """A fill whose fee is not what we predicted."""

    trade_id: str
    ticker: Ticker
    fee_type: str
    predicted_e6: E6
    booked_e6: E6

    def __str__(self) -> str:
        return (
            f"{self.ticker}: trade {self.trade_id} was charged {money_of(self.booked_e6)}, "
            f"predicted {money_of(self.predicted_e6)} ({self.fee_type})"
        )


class FeeCheck:
    """Checks each fill once, with one accumulator for every order."""

    def __init__(
        self, market: Callable[[Ticker], Market | None], precision_e6: E6 = DIRECT_E6
    ) -> None:
        """Start without history.

        Args:
            market: Finds the record whose terms apply; a fill of an unlisted market can't be
                checked and is counted in `unchecked`.
            precision_e6: What the account's balance is rounded to; that much off is no alarm.
        """
        self.alarms: list[FeeAlarm] = []
        self.checked = 0
        self.unchecked = 0
        self._market = market
        self._precision_e6 = precision_e6
        self._orders: dict[str, OrderFees] = {}
        self._seen: set[str] = set()

    def update(self, event: AnyEvent) -> None:
        """Check the fills that an event tells of for the first time."""
        if isinstance(event, OrderFilled):
            self.check(event.fill)
        elif isinstance(event, AccountReported):
            fills: Sequence[Fill] = event.account.fills.rows
            if event.recovery:  # earlier runs' fills: what their orders had paid is not known
                self._seen.update(fill.trade_id for fill in fills)
                return
            for fill in sorted(fills, key=lambda fill: fill.at_us):
                self.check(fill)
        elif isinstance(event, LedgerRead):
            self._seen.update(owned.fill.trade_id for owned in event.fills)

    def check(self, fill: Fill) -> FeeAlarm | None:
        """Return an alarm if a fill's fee is off by more than one unit; a repeat is no news."""
        if fill.trade_id in self._seen:
            return None
        self._seen.add(fill.trade_id)
        market = self._market(fill.ticker)
        if market is None:
            self.unchecked += 1
            return None
        self.checked += 1
        terms = market.fee_terms(fill.at_us)
        fees = self._orders.setdefault(fill.order_id, OrderFees(precision_e6=self._precision_e6))
        charge = fees.charge(fill.price_e4, fill.quantity_e2, is_taker=fill.is_taker, terms=terms)
        if abs(charge.net_e6 - fill.fee_e6) <= self._precision_e6:
            return None
        alarm = FeeAlarm(
            trade_id=fill.trade_id,
            ticker=fill.ticker,
            fee_type=terms.fee_type,
            predicted_e6=charge.net_e6,
            booked_e6=fill.fee_e6,
        )
        self.alarms.append(alarm)
        return alarm
