"""How a dialect of the exchange's wire is spoken: the seam between it and the adapter.

The adapter knows requests, frames and the framework's own values; a codec knows paths, bodies
and field names. `fixed_point` is today's dialect.
"""

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, TypeAlias

import msgspec

from framework.exchange import Capabilities, MarketQuery, Outcome, Rejected
from framework.model.account import RemoteOrder, RemotePosition
from framework.model.commands import CancelOrder
from framework.model.events import AnyEvent, BookChanged, BookReplaced
from framework.model.market import EventGroup, Market, Series, Settlement
from framework.model.orders import Fill, Order
from framework.model.units import E6, Micros, Ticker

if TYPE_CHECKING:
    from plugins.kalshi.codec.extras import Extras

Json: TypeAlias = dict[str, Any]
"""One decoded JSON object of the exchange, before its fields are read."""
as_json: Final = msgspec.json.Decoder(float_hook=Decimal).decode
"""Decode an answer; no number of it ever becomes a float."""
Row: TypeAlias = Any
"""A row of a page of markets: a JSON object, or what the dialect has made of it already."""
Query: TypeAlias = Mapping[str, str | int | Sequence[str]]
"""The query of a URL, a list as the name repeated; it is not signed."""


MOST_SURPRISES: Final = 1_000
"""Names come from the wire, so there must be an end to them."""


class Drift:
    """What the wire said that this version does not know, counted and named.

    Attributes:
        counters: How often each surprise was met, such as `market: unknown field legs`.
        failures: The last records that could not be read, by name and fault.
    """

    def __init__(self) -> None:
        self.counters: Counter[str] = Counter()
        self.failures: deque[str] = deque(maxlen=100)

    def count(self, what: str) -> None:
        """Count a surprise; past a thousand different ones the rest have one name."""
        known = what in self.counters or len(self.counters) < MOST_SURPRISES
        self.counters[what if known else "others"] += 1

    def fail(self, kind: str, name: str, fault: object) -> None:
        """Count a record that could not be read, and keep its name."""
        self.count(f"{kind}: unreadable")
        self.failures.append(f"{kind} {name}: {fault}")


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP request below the API's root.

    Attributes:
        template: The path as costs are listed.
        shard: Which shard pays for a write; None when the exchange routes it by itself.
        items: How many orders of a batch are paid for.
    """

    method: str
    path: str
    template: str
    query: Query = {}
    body: bytes = b""
    shard: int | None = None
    items: int = 1


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """What a dialect can tell: nobody asks for the rest, and nobody misses it."""

    as_of: bool = True
    """Which moment of the account its lists show; else they show the moment of asking."""
    fills: bool = True
    positions: bool = True
    settlements: bool = True
    ended_orders: bool = True
    """Orders that have ended can be listed, not only those that rest."""
    groups: bool = True
    """Events and series can be read; else a market's own record is all there is."""
    lists_by_name: bool = True
    """A list of markets can be restricted to some; else each is read by itself."""
    status: bool = True
    """Whether the exchange takes orders can be asked."""
    fee_changes: bool = True
    """Fees are told with the days on which they change."""
    archive: bool = True
    """What is older than a cutoff is listed apart."""
    lifecycle: bool = True
    """The stream tells that a market's record changed; else it is read again and again."""
    confirms: bool = True
    """The stream answers every command; else nothing follows from one without an answer."""
    page_rows: int | None = 1_000
    """How many rows a page may be asked to have; None leaves that to the exchange."""
    cash_step_e6: E6 = 1
    """Cash is told in steps of this much, rounded down."""
    reads: Mapping[str, frozenset[str] | None] | None = None
    """What `exchange.reads` can ask for, with the parameters that it may send (None: any); without
    a mapping it is all there is today."""
    setting: str = 'api = "fixed-point"'
    """The setting that chose the dialect, as it stands in kalshi.toml."""


class Open(NamedTuple):
    """A channel that is open, with the markets it is confirmed for."""

    name: str
    sid: int
    tickers: tuple[Ticker, ...] = ()


class Frame(msgspec.Struct, gc=False):
    """One message of the stream; `seq` counts per subscription `sid` on numbered channels."""

    sid: int | None
    seq: int | None


class Snapshot(Frame, gc=False):
    """A whole book; `is_reply` when it answers `get_snapshot` and stands outside the numbers."""

    event: BookReplaced
    is_reply: bool


class Deltas(Frame, gc=False):
    """Levels of books that changed, one a message; their numbers count on from `seq`."""

    events: list[BookChanged]


class Facts(Frame, gc=False):
    """Events that need nothing but to be passed on; none for messages of no use to us."""

    events: tuple[AnyEvent, ...]


class Lifecycle(Frame, gc=False):
    """A market's record changed in a way only REST tells whole."""

    ticker: Ticker
    kind: str


class FeesChanged(Frame, gc=False):
    """An event's own fees were set, or cleared by two None, from now on."""

    event_ticker: Ticker
    fee_type: str | None = None
    multiplier: Decimal | None = None


class Subscribed(Frame, gc=False):
    """A channel is open; one reply per channel of the command."""

    id: int | None
    channel: str


class Updated(Frame, gc=False):
    """A command was done; `tickers` is the whole list of that subscription if told."""

    id: int | None
    tickers: tuple[Ticker, ...] | None


class Unsubscribed(Frame, gc=False):
    """A channel is closed."""

    id: int | None


class Refused(Frame, gc=False):
    """The exchange reports an error, of a command (`id`) or of a subscription (`sid`)."""

    id: int | None
    code: int | None
    message: str
    tickers: tuple[Ticker, ...]


class Unreadable(Frame, gc=False):
    """A message that could not be read; on a book channel that book is lost."""

    kind: str
    ticker: Ticker | None


class Codec(Protocol):
    """One dialect, both ways."""

    drift: Drift

    @property
    def market_channels(self) -> Sequence[str]:
        """Channels of single markets; the one of books is `orderbook_delta`."""

    @property
    def account_channels(self) -> Sequence[str]:
        """Channels that are opened once, for all there is."""

    @property
    def reach(self) -> Reach:
        """What can be read in this dialect."""

    @property
    def capabilities(self) -> Capabilities:
        """What orders can do in this dialect."""

    @property
    def extras(self) -> "Extras | None":
        """Amendments, batches, order groups, queue positions; None where there are none."""

    # --------------------------------------------------------------------------- orders

    def create(self, order: Order) -> Request | Rejected:
        """Write an order, or refuse one that this dialect has no words for."""

    def created(self, order: Order, body: bytes) -> Outcome:
        """Read the reply to an order that the exchange took."""

    def cancel(self, cancel: CancelOrder) -> Request:
        """Write a cancel."""

    def cancelled(self, cancel: CancelOrder, body: bytes) -> Outcome:
        """Read the reply to a cancel that the exchange took."""

    def cancel_all(self) -> Request | None:
        """Write a cancel of every order; None where each must be cancelled by itself."""

    # ---------------------------------------------------------------------------- lists

    def list_markets(self, query: MarketQuery, *, exclude_combos: bool) -> Query:
        """Write a market query as URL parameters."""

    def market_page(self, body: bytes) -> Any:
        """Decode a page of markets: an object with their rows.

        Raises:
            msgspec.DecodeError: it is no JSON.
        """

    def market(self, row: Row, group: EventGroup | None, series: Series | None) -> Market | None:
        """Read a market; None when it can't be read, which is counted."""

    def group(self, record: Json) -> EventGroup | None:
        """Read what the exchange calls an event."""

    def series(self, record: Json) -> Series | None:
        """Read a series."""

    def orderbook(self, ticker: Ticker, record: Json, at_us: Micros) -> BookReplaced | None:
        """Read a whole book that was asked for; None when it can't be read, which is counted."""

    def payment(self, record: Json) -> Settlement | None:
        """Read what a finalized market pays from its own record; None before it does."""

    def order(self, record: Json) -> RemoteOrder | None:
        """Read an order of the account."""

    def fill(self, record: Json) -> Fill | None:
        """Read an execution of the account."""

    def position(self, record: Json) -> RemotePosition | None:
        """Read a net position."""

    def settlement(self, record: Json) -> Settlement | None:
        """Read a payment to the account."""

    def balances(self, record: Json) -> tuple[tuple[int, E6], ...] | None:
        """Read cash by shard."""

    def as_of(self, record: Json) -> Micros | None:
        """Read which moment of the account the exchange's lists show."""

    # --------------------------------------------------------------------------- stream

    def read(self, messages: Iterable[bytes | str], at_us: Micros) -> Sequence[Frame]:
        """Read messages in their order; what can't be read is `Unreadable`, never an exception.

        Args:
            messages: UTF-8 as it came, which spares its decoding as a whole; or text.
            at_us: When they came.
        """

    def subscribe(self, command: int, channels: Sequence[str], tickers: Sequence[Ticker]) -> str:
        """Write a command that opens channels, for these markets or, without any, for all."""

    def update(self, command: int, channel: Open, action: str, tickers: Sequence[Ticker]) -> str:
        """Write `add_markets`, `delete_markets` or `get_snapshot`."""

    def unsubscribe(self, command: int, channel: Open) -> str:
        """Write a command that closes a channel."""
