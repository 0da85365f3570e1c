"""Which dialect is spoken where: all that the setting `api` decides, in one row each."""

from collections.abc import Callable
from typing import Final, NamedTuple

from plugins.kalshi import hosts
from plugins.kalshi.codec import Codec
from plugins.kalshi.codec.cents import Cents
from plugins.kalshi.codec.fixed_point import FixedPoint
from plugins.kalshi.codec.fixed_point_orders import Terms
from plugins.kalshi.transport import limits


class Dialect(NamedTuple):
    """One way in which the exchange has been spoken to."""

    credentials: str
    """The name under which another plugin may supply a key and an address."""
    places: hosts.Places
    budget: limits.Budget
    codec: Callable[[int | None, bool, Terms], Codec]
    """Makes a codec for a subaccount, restricted to the founding document or not."""
    founding_signature: bool
    """Whether requests are signed with the longest salt, and by RSA keys only."""


DIALECTS: Final = {
    "fixed-point": Dialect(
        credentials="kalshi",
        places=hosts.TODAY,
        budget=limits.TODAY,
        codec=lambda subaccount, _, terms: FixedPoint(subaccount=subaccount, terms=terms),
        founding_signature=False,
    ),
    "cents": Dialect(
        credentials="kalshi-cents",
        places=hosts.FOUNDING,
        budget=limits.FOUNDING,
        codec=lambda _, founding_only, _terms: Cents(founding_only=founding_only),
        founding_signature=True,
    ),
}
