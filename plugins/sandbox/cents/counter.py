"""Where requests of the cents dialect are answered: the venue, and what was worded as a sale."""

from framework.model.units import Micros
from plugins.sandbox.auth import is_rsa_signed
from plugins.sandbox.core.exchange import SandboxExchange
from plugins.sandbox.venue import Venue


class CentsCounter:
    """A venue as the routes of this dialect see it."""

    def __init__(self, venue: Venue) -> None:
        """Let in whoever has a key for the venue, by the founding document's rule."""
        self.venue = venue
        self.gate = venue.gate.with_rule(is_rsa_signed)
        self.sold: set[str] = set()
        """Ids of the orders that were worded as sales."""

    @property
    def exchange(self) -> SandboxExchange:
        """The core."""
        return self.venue.exchange

    def door_us(self) -> Micros:
        """Return the time that signatures are checked against."""
        return self.venue.door_us()

    def present(self) -> Micros:
        """Bring the exchange to the present and return the moment."""
        return self.venue.present()

    def flush(self) -> None:
        """Let every connection write what has gathered."""
        self.venue.flush()
