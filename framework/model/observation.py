"""Data from outside the exchange."""

from decimal import Decimal

import msgspec

from framework.model.units import Micros


class Observation(msgspec.Struct, frozen=True, kw_only=True):
    """One value of one source; `at_us` is when it became known to us."""

    source: str
    key: str
    value: Decimal
    at_us: Micros
