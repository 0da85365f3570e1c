"""Buys for the same fraction of what there is every time."""

from decimal import Decimal
from enum import StrEnum

from pydantic import Field

from framework import (
    EntrySignal,
    Money,
    Plugin,
    PortfolioView,
    Quantity,
    Ratio,
    Snapshot,
    hookimpl,
)
from framework.model.units import ONE_CONTRACT_E2, quantity_of, to_e4, to_e6


class Of(StrEnum):
    """What the fraction is taken of."""

    CASH = "cash"
    """What the market's shard can still spend: its cash, less what unfilled orders may take."""
    BANKROLL = "bankroll"
    """All cash, plus positions at their last good bid."""


class FixedFraction(Plugin):
    """Buys as many contracts as a fraction of the cash, or of everything, pays for.

    A fraction of the cash shrinks with each entry and never spends it all; a fraction of the
    bankroll is the same for every entry until positions win or lose. Either way stakes grow
    after gains and shrink after losses.

    The count is rounded down to whole contracts, or to hundredths of one, so the cost at the
    signal's limit never exceeds the fraction, nor `max_dollars`. Fees come on top, and whether
    the cash is there is for the limits to say.

    A stake that does not pay for one contract is an answer, not the absence of one: it is zero,
    and as the smallest answer it wins. There is no order then.
    """

    fraction: Ratio = Field(
        default=Decimal("0.02"),
        gt=0,
        le=1,
        description="What one entry may cost at its limit, as a fraction, without fees.",
    )
    of: Of = Field(
        default=Of.BANKROLL,
        description="What it is a fraction of: cash, or bankroll (cash and positions).",
    )
    max_dollars: Money | None = Field(
        default=None,
        gt=0,
        description="Most that one entry may cost, in dollars; without it, there is no such limit.",
    )
    fractional: bool = Field(
        default=False,
        description="Whether to buy hundredths of a contract, where the market trades them.",
    )

    @hookimpl
    def size_entry(
        self, signal: EntrySignal, snapshot: Snapshot, portfolio: PortfolioView
    ) -> Quantity:
        """Return how many contracts the stake pays for; zero when not one."""
        if self.of is Of.CASH:
            base = portfolio.buying_power(snapshot.market.shard)
        else:
            base = portfolio.bankroll
        over, under = self.fraction.as_integer_ratio()
        stake_e6 = max(to_e6(base), 0) * over // under
        if self.max_dollars is not None:
            stake_e6 = min(stake_e6, to_e6(self.max_dollars))
        # Money is price times quantity in these units, so the division is exact.
        contracts_e2 = stake_e6 // to_e4(signal.limit)
        if not self.fractional:
            contracts_e2 -= contracts_e2 % ONE_CONTRACT_E2
        return quantity_of(contracts_e2)
