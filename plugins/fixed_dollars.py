"""Buys for the same number of dollars every time."""

from decimal import Decimal

from pydantic import Field

from framework import EntrySignal, Money, Plugin, Quantity, hookimpl
from framework.model.units import ONE_CONTRACT_E2, quantity_of, to_e4, to_e6


class FixedDollars(Plugin):
    """Buys as many contracts as a fixed sum pays for at the signal's limit.

    920 dollars at 0.92 buy 1000. The count is rounded down to whole contracts, or to hundredths
    of one, so the cost at the limit never exceeds the sum. Fees come on top.

    A sum that does not pay for one contract is an answer, not the absence of one: it is zero.
    None would leave the word to another sizing plugin, and zero, as the smallest answer, wins:
    there is no order.
    """

    dollars: Money = Field(
        default=Decimal("50.00"),
        gt=0,
        description="What one entry may cost at its limit, in dollars, without fees.",
    )
    fractional: bool = Field(
        default=False,
        description="Whether to buy hundredths of a contract, where the market trades them.",
    )

    @hookimpl
    def size_entry(self, signal: EntrySignal) -> Quantity:
        """Return how many contracts the sum pays for; zero when not one."""
        # Money is price times quantity in these units, so the division is exact.
        contracts_e2 = to_e6(self.dollars) // to_e4(signal.limit)
        if not self.fractional:
            contracts_e2 -= contracts_e2 % ONE_CONTRACT_E2
        return quantity_of(contracts_e2)
