"""The cents dialect of a venue: its routes, its commands, and what they cost.

Two limits, as the founding document has them: 20 reads and 10 writes a second, each request one
of its kind, each order of a batch a write of its own.
"""

from typing import Final

from framework.model.units import Micros
from plugins.sandbox.auth import Gate
from plugins.sandbox.cents.commands import CentsSubscriber
from plugins.sandbox.cents.counter import CentsCounter
from plugins.sandbox.cents.feed import CentsFeed
from plugins.sandbox.cents.routes import ROUTES, items, refuse
from plugins.sandbox.channels import Outbox
from plugins.sandbox.rates import TokenBucket
from plugins.sandbox.request import Reply, Request
from plugins.sandbox.routing import Route, answer_by
from plugins.sandbox.venue import Venue

READS_A_SECOND: Final = 20
WRITES_A_SECOND: Final = 10


class Cents:
    """The founding document's dialect of a venue."""

    def __init__(self, venue: Venue) -> None:
        """Open a second door to a venue."""
        self.venue = venue
        self._counter = CentsCounter(venue)
        self._feed: CentsFeed | None = None
        self._reads = TokenBucket(READS_A_SECOND, READS_A_SECOND)
        self._writes = TokenBucket(WRITES_A_SECOND, WRITES_A_SECOND)

    @property
    def gate(self) -> Gate:
        """Who may come in."""
        return self._counter.gate

    def answer(self, request: Request) -> Reply:
        """Answer one request; a refusal is an answer too."""
        mischief = self.venue.mischief
        return answer_by(ROUTES, self._counter, request, self._paid, refuse, mischief)

    def listen(self, outbox: Outbox) -> CentsSubscriber:
        """Take the commands of one connection; the first one makes the venue tell this dialect."""
        if self._feed is None:
            self._feed = CentsFeed(self.venue.exchange, self._counter.sold, self.venue.unruly)
            self.venue.attach(self._feed.publish, self._feed.finish)
        return CentsSubscriber(self._feed, outbox)

    def _paid(self, route: Route, request: Request, now_us: Micros) -> bool:
        if self.venue.limits is None:
            return True
        reading = route.method == "GET"
        bucket, cost = (self._reads, 1) if reading else (self._writes, items(route, request))
        if not bucket.holds(cost, now_us):
            return False
        bucket.spend(cost)
        return True
