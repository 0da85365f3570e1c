"""The fee terms of a market and when they change (Kalshi's fee page and its fee schedules).

A series sets the terms, an event may override either of them, both by schedules of changes; a
market may be free for a while. Knows no arithmetic: what terms cost is in `framework.fees`.
"""

from decimal import Decimal

import msgspec

from framework.model.units import Micros


class FeeTerms(msgspec.Struct, frozen=True):
    """What a trade is charged by."""

    fee_type: str = "quadratic"
    multiplier: Decimal = Decimal(1)


class FeeChange(msgspec.Struct, frozen=True, kw_only=True):
    """Terms from a moment on; an event's None leaves that term to its series."""

    at_us: Micros
    fee_type: str | None
    multiplier: Decimal | None


class FeeSchedule(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that decides a market's fees: series, event, both schedules, and a waiver."""

    series: FeeTerms = FeeTerms()
    series_changes: tuple[FeeChange, ...] = ()
    event: FeeChange | None = None
    """The event's override in force from the start; its moment does not matter."""
    event_changes: tuple[FeeChange, ...] = ()
    waived_until_us: Micros | None = None
    """Before this moment nothing is charged (`fee_waiver_expiration_time`)."""

    def terms(self, at_us: Micros) -> FeeTerms:
        """Return the terms in force at a moment."""
        terms = self._charged(at_us)
        if self.waived_until_us is not None and at_us < self.waived_until_us:
            return FeeTerms(terms.fee_type, Decimal(0))
        return terms

    def worst(self, from_us: Micros) -> FeeTerms:
        """Return the dearest terms in force at or after a moment.

        An order may rest until a waiver is over or a change has come, so risk counts neither a
        waiver nor a reduction ahead. The taker rate is one for all types, so the multiplier
        decides.
        """
        moments = [from_us]
        moments += [c.at_us for c in self.series_changes if c.at_us > from_us]
        moments += [c.at_us for c in self.event_changes if c.at_us > from_us]
        return max((self._charged(at) for at in moments), key=lambda terms: terms.multiplier)

    def _charged(self, at_us: Micros) -> FeeTerms:
        fee_type, multiplier = self.series.fee_type, self.series.multiplier
        series, event = _latest(self.series_changes, at_us), _latest(self.event_changes, at_us)
        # A cleared override is a change with two None, which then hides an earlier one.
        for change in (series, event or self.event):
            if change is not None:
                fee_type = fee_type if change.fee_type is None else change.fee_type
                multiplier = multiplier if change.multiplier is None else change.multiplier
        return FeeTerms(fee_type, multiplier)


def _latest(changes: tuple[FeeChange, ...], at_us: Micros) -> FeeChange | None:
    """Return the newest change that is in force; among equal moments the last one."""
    found: FeeChange | None = None
    for change in changes:
        if change.at_us <= at_us and (found is None or change.at_us >= found.at_us):
            found = change
    return found
