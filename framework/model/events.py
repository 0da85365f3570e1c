"""Facts, in the past tense: the only input of the engine.

Every event carries `at_us`, the moment it reached us. An event never says what to do.
"""

from decimal import Decimal
from typing import Final, TypeAlias

import msgspec

from framework.model.account import Account, LedgerOrder, OwnedFill
from framework.model.market import Market, Settlement
from framework.model.observation import Observation
from framework.model.orders import Fill
from framework.model.units import E2, E4, E6, Micros, Side, Ticker


class Event(msgspec.Struct, frozen=True, kw_only=True, tag=True, gc=False):
    """Something that happened at `at_us`."""

    at_us: Micros


class LedgerRead(Event, frozen=True, kw_only=True, tag=True):
    """What earlier runs left in the ledger: the first event of every run."""

    opening_cash_e6: E6
    fills: tuple[OwnedFill, ...] = ()
    settlements: tuple[Settlement, ...] = ()
    orders: tuple[LedgerOrder, ...] = ()
    halted: str | None = None


class ClockTicked(Event, frozen=True, kw_only=True, tag=True):
    """Time passed."""


class MarketListed(Event, frozen=True, kw_only=True, tag=True):
    """A market was seen for the first time."""

    market: Market


class MarketChanged(Event, frozen=True, kw_only=True, tag=True):
    """A listed market's record differs from the last one."""

    market: Market


class MarketSettled(Event, frozen=True, kw_only=True, tag=True):
    """A finalized market paid."""

    settlement: Settlement


class BookReplaced(Event, frozen=True, kw_only=True, tag=True):
    """A whole book arrived: (price, size) of the bids, each in its own side's prices."""

    ticker: Ticker
    yes: tuple[tuple[E4, E2], ...]
    no: tuple[tuple[E4, E2], ...]
    exchange_us: Micros | None = None


class BookChanged(Event, frozen=True, kw_only=True, tag=True):
    """One level of a book changed by a signed size."""

    ticker: Ticker
    side: Side
    price_e4: E4
    change_e2: E2
    exchange_us: Micros | None = None


class BookInvalidated(Event, frozen=True, kw_only=True, tag=True):
    """A book can't be trusted until the next snapshot."""

    ticker: Ticker
    reason: str


class TradePrinted(Event, frozen=True, kw_only=True, tag=True):
    """Somebody traded."""

    ticker: Ticker
    trade_id: str
    yes_price_e4: E4
    quantity_e2: E2
    taker_side: Side | None
    exchange_us: Micros | None = None


class QuoteTicked(Event, frozen=True, kw_only=True, tag=True):
    """The market's statistics changed; the touch itself is read from the book."""

    ticker: Ticker
    last_price_e4: E4 | None
    volume_e2: E2 | None
    open_interest_e2: E2 | None
    exchange_us: Micros | None = None


class OrderAccepted(Event, frozen=True, kw_only=True, tag=True):
    """The exchange took an order, or reported its state."""

    client_order_id: str
    order_id: str
    filled_e2: E2
    remaining_e2: E2


class OrderRejected(Event, frozen=True, kw_only=True, tag=True):
    """The exchange refused an order, provably."""

    client_order_id: str
    code: str
    message: str


class OrderFilled(Event, frozen=True, kw_only=True, tag=True):
    """One of our orders traded."""

    fill: Fill


class OrderCancelled(Event, frozen=True, kw_only=True, tag=True):
    """An order left the book with a remainder."""

    client_order_id: str
    order_id: str | None
    filled_e2: E2 | None
    """All it traded in its life; None when the exchange did not say."""
    reason: str


class OrderUnknown(Event, frozen=True, kw_only=True, tag=True):
    """A write got no readable answer."""

    client_order_id: str
    reason: str


class OrderAbsent(Event, frozen=True, kw_only=True, tag=True):
    """A healthy, complete read of the exchange's state at `as_of_us` does not know an order."""

    client_order_id: str
    as_of_us: Micros


class CancelRefused(Event, frozen=True, kw_only=True, tag=True):
    """The exchange did not cancel; the order's state is for a query to tell."""

    client_order_id: str
    code: str
    message: str


class OrderAmended(Event, frozen=True, kw_only=True, tag=True):
    """An open order has another limit and total now."""

    client_order_id: str
    order_id: str
    limit_e4: E4
    quantity_e2: E2
    remaining_e2: E2 | None
    """What still rests; None when the exchange did not say."""


class AmendRefused(Event, frozen=True, kw_only=True, tag=True):
    """An open order was provably not amended; it may have ended meanwhile."""

    client_order_id: str
    code: str
    message: str


class IntentRefused(Event, frozen=True, kw_only=True, tag=True):
    """The ledger's gate refused to commit an intent; nothing was sent."""

    client_order_id: str
    reason: str


class AccountReported(Event, frozen=True, kw_only=True, tag=True):
    """The exchange's view of the account arrived."""

    account: Account
    recovery: bool = False
    """True at start: what it says that the ledger did not know is adopted."""
    told_us: Micros | None = None
    """Until when reports like this one have told every fill and settlement without a gap; None
    when this one stands by itself."""


class StreamLost(Event, frozen=True, kw_only=True, tag=True):
    """The connection dropped: every book is stale and fills may be missed."""

    reason: str


class StreamRestored(Event, frozen=True, kw_only=True, tag=True):
    """The connection is back and subscribed."""


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the exchange that takes no orders for a while."""

    shard: int | None
    """Which matching engine; None is all of them."""
    reason: str
    takes_cancels: bool = True


class ExchangeStatusChanged(Event, frozen=True, kw_only=True, tag=True):
    """What of the exchange rests from now on; nothing when orders are taken everywhere."""

    pauses: tuple[Pause, ...] = ()


class TradingHalted(Event, frozen=True, kw_only=True, tag=True):
    """Someone or something stopped new risk; exits and cancels go on."""

    reason: str


class TradingResumed(Event, frozen=True, kw_only=True, tag=True):
    """A person released the halt."""


class RunStopping(Event, frozen=True, kw_only=True, tag=True):
    """The run ends: entries are cancelled, nothing new is sent."""

    reason: str


class ObservationArrived(Event, frozen=True, kw_only=True, tag=True):
    """Data from outside the exchange became known."""

    observation: Observation


class ExchangeWarned(Event, frozen=True, kw_only=True, tag=True):
    """The adapter measures something beyond what is healthy, such as a nearly used rate limit."""

    what: str
    value: Decimal
    limit: Decimal


class PluginOverran(Event, frozen=True, kw_only=True, tag=True):
    """A plugin used more time than it may."""

    plugin: str
    hook: str
    took_us: Micros
    limit_us: Micros


class PluginQuarantined(Event, frozen=True, kw_only=True, tag=True):
    """A plugin is not asked any more."""

    plugin: str
    reason: str


AnyEvent: TypeAlias = (
    LedgerRead
    | ClockTicked
    | MarketListed
    | MarketChanged
    | MarketSettled
    | BookReplaced
    | BookChanged
    | BookInvalidated
    | TradePrinted
    | QuoteTicked
    | OrderAccepted
    | OrderRejected
    | OrderFilled
    | OrderCancelled
    | OrderUnknown
    | OrderAbsent
    | CancelRefused
    | OrderAmended
    | AmendRefused
    | IntentRefused
    | AccountReported
    | StreamLost
    | StreamRestored
    | ExchangeStatusChanged
    | TradingHalted
    | TradingResumed
    | RunStopping
    | ObservationArrived
    | ExchangeWarned
    | PluginOverran
    | PluginQuarantined
)
"""The closed set of events; a journal decodes into it."""

PICTURE: Final = frozenset({BookChanged, BookReplaced, QuoteTicked, TradePrinted})
"""What only adds to the picture of a market: nearly every event, and nothing to keep or count."""
