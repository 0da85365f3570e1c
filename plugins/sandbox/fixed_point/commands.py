"""What a client may ask on the WebSocket, and how the exchange answers.

Commands, replies and error codes are those of Kalshi's WebSocket commands. A second
subscribe to a channel is merged into the first; snapshots follow the reply that announces them.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from framework.model.units import Ticker
from plugins.sandbox.channels import (
    BOOKS,
    CHANNELS,
    TICKERS,
    UNFILTERED,
    Feed,
    Outbox,
    Subscription,
)
from plugins.sandbox.fixed_point.wire_stream import (
    Command,
    Followed,
    Frame,
    Opened,
    Params,
    Trouble,
)
from plugins.sandbox.wire import encode, market_id, milliseconds

UNPARSABLE: Final = 1
PARAMS_REQUIRED: Final = 2
CHANNELS_REQUIRED: Final = 3
SIDS_REQUIRED: Final = 4
UNKNOWN_COMMAND: Final = 5
UNKNOWN_SID: Final = 7
UNKNOWN_CHANNEL: Final = 8
INVALID_PARAMETER: Final = 11
ONE_SID_REQUIRED: Final = 12
UNSUPPORTED_ACTION: Final = 13
MARKET_REQUIRED: Final = 14
ACTION_REQUIRED: Final = 15
TOO_MANY_MARKETS: Final = 26
TOO_MANY_COMMANDS: Final = 27

_WORDS: Final = {
    UNPARSABLE: "Unable to process message",
    PARAMS_REQUIRED: "Params required",
    CHANNELS_REQUIRED: "Channels required",
    SIDS_REQUIRED: "Subscription IDs required",
    UNKNOWN_COMMAND: "Unknown command",
    UNKNOWN_SID: "Unknown subscription ID",
    UNKNOWN_CHANNEL: "Unknown channel name",
    INVALID_PARAMETER: "Invalid parameter",
    ONE_SID_REQUIRED: "Exactly one subscription ID is required",
    UNSUPPORTED_ACTION: "Unsupported action",
    MARKET_REQUIRED: "Market Ticker required",
    ACTION_REQUIRED: "Action required",
    TOO_MANY_MARKETS: "Subscription market limit exceeded",
    TOO_MANY_COMMANDS: "Too many commands",
}

_decoder: Final = msgspec.json.Decoder(Command)


class Fault(Exception):  # noqa: N818 - it is an answer, and the connection goes on
    """A command that is answered with an error code."""

    def __init__(self, code: int, tickers: Iterable[Ticker] = ()) -> None:
        super().__init__(code)
        self.code = code
        self.tickers = sorted(tickers)


class Subscriber:
    """The subscriptions of one connection; their numbers are its own."""

    def __init__(self, feed: Feed, outbox: Outbox) -> None:
        self._feed = feed
        self._outbox = outbox
        self._by_sid: dict[int, Subscription] = {}
        self._last_sid = 0
        self._second = 0
        self._heard = 0

    def hear(self, text: str | bytes) -> None:
        """Do one command and put its replies into the outbox."""
        command = Command()
        self._bury()
        try:
            command = _decode(text)
            self._count()
            self._do(command)
        except Fault as fault:
            trouble = Trouble(fault.code, _WORDS[fault.code], fault.tickers or msgspec.UNSET)
            self._say(Frame("error", command.id, msg=trouble))

    def leave(self) -> None:
        """Drop every subscription: the connection is gone."""
        for subscription in self._by_sid.values():
            self._feed.unfollow(subscription, subscription.tickers)
        self._by_sid.clear()

    def _count(self) -> None:
        """Refuse what exceeds the commands of this second."""
        second = self._feed.exchange.now_us // 1_000_000
        if second != self._second:
            self._second, self._heard = second, 0
        self._heard += 1
        if self._heard > self._feed.limits.commands:
            raise Fault(TOO_MANY_COMMANDS)

    def _bury(self) -> None:
        for sid in [sid for sid, one in self._by_sid.items() if not one.alive]:
            del self._by_sid[sid]

    def _say(self, frame: Frame) -> None:
        frame.sending_ts_ms = milliseconds(self._feed.exchange.now_us)
        self._outbox.push(encode(frame))

    def _do(self, command: Command) -> None:
        if command.cmd == "list_subscriptions":
            self._list(command)
            return
        if command.cmd not in {"subscribe", "unsubscribe", "update_subscription"}:
            raise Fault(UNKNOWN_COMMAND)
        if command.params is None:
            raise Fault(PARAMS_REQUIRED)
        if command.cmd == "subscribe":
            self._subscribe(command.id, command.params)
        elif command.cmd == "unsubscribe":
            self._unsubscribe(command.id, command.params)
        else:
            self._update(command.id, command.params)

    def _list(self, command: Command) -> None:
        opened = [Opened(one.channel, one.sid) for one in self._by_sid.values()]
        self._say(Frame("ok", command.id, msg=opened))

    # ---------------------------------------------------------------------------- subscribe

    def _subscribe(self, reply_to: int, params: Params) -> None:
        if not params.channels:
            raise Fault(CHANNELS_REQUIRED)
        if not CHANNELS.issuperset(params.channels):
            raise Fault(UNKNOWN_CHANNEL)
        tickers = self._tickers(params, by_id=set(params.channels) == {TICKERS})
        if BOOKS in params.channels and not tickers:
            raise Fault(MARKET_REQUIRED)
        channels = dict.fromkeys(params.channels)
        for channel in channels:
            if channel not in UNFILTERED:
                self._check_room(self._on(channel), tickers)
        for channel in channels:
            filtered = None if channel in UNFILTERED else tickers
            self._open(reply_to, channel, filtered, params)

    def _check_room(self, subscription: Subscription | None, tickers: list[Ticker] | None) -> None:
        """Refuse markets beyond what one subscription may name."""
        most = self._feed.limits.markets
        if most is None or tickers is None:
            return
        known = set() if subscription is None else subscription.tickers
        if known is not None and len(known.union(tickers)) > most:
            raise Fault(TOO_MANY_MARKETS)

    def _open(
        self, reply_to: int, channel: str, tickers: list[Ticker] | None, params: Params
    ) -> None:
        subscription = self._on(channel)
        if subscription is None:
            self._last_sid += 1
            subscription = Subscription(
                self._last_sid,
                channel,
                tickers,
                self._outbox,
                self._feed.exchange,
                use_yes_price=params.use_yes_price,
            )
            self._by_sid[subscription.sid] = subscription
            self._feed.follow(subscription, tickers)
            new = tickers
        else:
            new = self._merge(subscription, tickers)
        self._say(Frame("subscribed", reply_to, msg=Opened(channel, subscription.sid)))
        self._show(subscription, new, statistics=params.send_initial_snapshot)

    def _on(self, channel: str) -> Subscription | None:
        for subscription in self._by_sid.values():
            if subscription.channel == channel:
                return subscription
        return None

    def _merge(
        self, subscription: Subscription, tickers: list[Ticker] | None
    ) -> list[Ticker] | None:
        """Widen a subscription; return the markets that are new in it."""
        if subscription.tickers is None:
            return []
        if tickers is None:
            self._feed.unfollow(subscription, subscription.tickers)
            subscription.tickers = None
            self._feed.follow(subscription, None)
            return None
        new = [ticker for ticker in tickers if ticker not in subscription.tickers]
        subscription.tickers.update(new)
        self._feed.follow(subscription, new)
        return new

    def _show(
        self, subscription: Subscription, tickers: list[Ticker] | None, *, statistics: bool
    ) -> None:
        """Send the present state of markets that a subscription has just taken up."""
        if subscription.channel == BOOKS:
            for ticker in tickers or ():
                self._feed.snapshot(subscription, ticker)
        elif subscription.channel == TICKERS and statistics:
            every = self._feed.exchange.markets if tickers is None else tickers
            for ticker in every:
                self._feed.statistics(subscription, ticker)

    def _tickers(self, params: Params, *, by_id: bool) -> list[Ticker] | None:
        """Return the markets that a command names: by ticker, or on `ticker` by id."""
        ways = (params.market_ticker, params.market_tickers, params.market_id, params.market_ids)
        named = [way for way in ways if way is not None]
        if len(named) > 1:
            raise Fault(INVALID_PARAMETER)
        if not named or not named[0]:
            return None
        asked = [named[0]] if isinstance(named[0], str) else named[0]
        known = self._feed.exchange.markets
        if params.market_id is not None or params.market_ids is not None:
            if not by_id:
                raise Fault(INVALID_PARAMETER)
            ids = {market_id(ticker): ticker for ticker in known}
            asked = [ids.get(one, one) for one in asked]
        unknown = [ticker for ticker in asked if ticker not in known]
        if unknown:
            raise Fault(INVALID_PARAMETER, unknown)
        return list(dict.fromkeys(asked))

    # ------------------------------------------------------------------- changes and the end

    def _unsubscribe(self, reply_to: int, params: Params) -> None:
        if not params.sids:
            raise Fault(SIDS_REQUIRED)
        if any(sid not in self._by_sid for sid in params.sids):
            raise Fault(UNKNOWN_SID)
        for sid in dict.fromkeys(params.sids):
            subscription = self._by_sid.pop(sid)
            self._feed.unfollow(subscription, subscription.tickers)
            subscription.control("unsubscribed", reply_to, msgspec.UNSET)

    def _update(self, reply_to: int, params: Params) -> None:
        subscription = self._one(params)
        if not params.action:
            raise Fault(ACTION_REQUIRED)
        if params.action not in {"add_markets", "delete_markets", "get_snapshot"}:
            raise Fault(UNSUPPORTED_ACTION)
        tickers = self._tickers(params, by_id=subscription.channel == TICKERS)
        if not tickers:
            raise Fault(MARKET_REQUIRED)
        if params.action == "get_snapshot":
            self._resend(reply_to, subscription, tickers)
            return
        if subscription.tickers is None:
            raise Fault(UNSUPPORTED_ACTION)
        if params.action == "add_markets":
            self._check_room(subscription, tickers)
            new = self._merge(subscription, tickers) or []
            self._confirm(reply_to, subscription, params)
            self._show(subscription, new, statistics=params.send_initial_snapshot)
        else:
            gone = subscription.tickers.intersection(tickers)
            subscription.tickers.difference_update(gone)
            self._feed.unfollow(subscription, gone)
            self._confirm(reply_to, subscription, params)

    def _one(self, params: Params) -> Subscription:
        sids = [params.sid] if params.sid is not None else params.sids
        if sids is None or len(sids) != 1:
            raise Fault(ONE_SID_REQUIRED)
        subscription = self._by_sid.get(sids[0])
        if subscription is None:
            raise Fault(UNKNOWN_SID)
        return subscription

    def _resend(self, reply_to: int, subscription: Subscription, tickers: list[Ticker]) -> None:
        """Send books again; they take numbers like any other snapshot."""
        followed = subscription.tickers
        if subscription.channel != BOOKS:
            raise Fault(UNSUPPORTED_ACTION)
        if followed is None or not followed.issuperset(tickers):
            raise Fault(INVALID_PARAMETER, set(tickers).difference(followed or ()))
        for ticker in tickers:
            self._feed.snapshot(subscription, ticker, reply_to)

    def _confirm(self, reply_to: int, subscription: Subscription, params: Params) -> None:
        names = sorted(subscription.tickers or ())
        by_id = params.market_id is not None or params.market_ids is not None
        followed = Followed(market_tickers=names)
        if by_id:
            followed = Followed(market_ids=[market_id(name) for name in names])
        quiet = params.skip_ticker_ack and subscription.channel == TICKERS
        subscription.control("ok", reply_to, msgspec.UNSET if quiet else followed)


def _decode(text: str | bytes) -> Command:
    try:
        return _decoder.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Fault(UNPARSABLE) from None
