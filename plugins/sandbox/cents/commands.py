"""What a client of the cents dialect may ask on the WebSocket, and how it is answered.

The founding document has two commands: subscribe, and unsubscribe by channels and markets. It says
nothing of the replies; they have the shapes of today's, with the channel instead of a number.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from framework.model.units import Ticker
from plugins.sandbox.cents.feed import BOOKS, CHANNELS, CentsFeed, Subscription
from plugins.sandbox.cents.wire_stream import Command, Followed, Message, Params, Trouble
from plugins.sandbox.channels import Outbox
from plugins.sandbox.wire import encode

UNPARSABLE: Final = 1
PARAMS_REQUIRED: Final = 2
CHANNELS_REQUIRED: Final = 3
UNKNOWN_COMMAND: Final = 5
NOT_SUBSCRIBED: Final = 6
UNKNOWN_CHANNEL: Final = 8
UNKNOWN_MARKET: Final = 11
MARKET_REQUIRED: Final = 14

_WORDS: Final = {
    UNPARSABLE: "Unable to process message",
    PARAMS_REQUIRED: "Params required",
    CHANNELS_REQUIRED: "Channels required",
    UNKNOWN_COMMAND: "Unknown command",
    NOT_SUBSCRIBED: "Not subscribed",
    UNKNOWN_CHANNEL: "Unknown channel name",
    UNKNOWN_MARKET: "Unknown market ticker",
    MARKET_REQUIRED: "Market tickers required",
}

_decoder: Final = msgspec.json.Decoder(Command)


class Fault(Exception):  # noqa: N818 - it is an answer, and the connection goes on
    """A command that is answered with an error code."""

    def __init__(self, code: int, tickers: Iterable[Ticker] = ()) -> None:
        super().__init__(code)
        self.code = code
        self.tickers = list(tickers)


class CentsSubscriber:
    """The subscriptions of one connection: at most one for each channel."""

    def __init__(self, feed: CentsFeed, outbox: Outbox) -> None:
        self._feed = feed
        self._outbox = outbox
        self._by_channel: dict[str, Subscription] = {}

    def hear(self, text: bytes) -> None:
        """Do one command and put its replies into the outbox."""
        command = Command()
        try:
            command = _decode(text)
            self._do(command)
        except Fault as fault:
            trouble = Trouble(fault.code, _WORDS[fault.code], fault.tickers or msgspec.UNSET)
            self._say("error", command.id, trouble)

    def leave(self) -> None:
        """Drop every subscription: the connection is gone."""
        for one in self._by_channel.values():
            self._feed.audience.unfollow(one.channel, one, one.tickers)
        self._by_channel.clear()

    def _say(self, kind: str, reply_to: int, body: object) -> None:
        self._outbox.push(encode(Message(kind, body, reply_to)))

    def _do(self, command: Command) -> None:
        if command.cmd not in {"subscribe", "unsubscribe"}:
            raise Fault(UNKNOWN_COMMAND)
        if command.params is None:
            raise Fault(PARAMS_REQUIRED)
        channels = command.params.channels
        if not channels:
            raise Fault(CHANNELS_REQUIRED)
        if not CHANNELS.issuperset(channels):
            raise Fault(UNKNOWN_CHANNEL)
        named = list(dict.fromkeys(channels))
        if command.cmd == "subscribe":
            self._subscribe(command.id, named, self._tickers(command.params))
        else:
            self._unsubscribe(command.id, named, command.params.market_tickers)

    def _tickers(self, params: Params) -> list[Ticker] | None:
        if params.market_tickers is None:
            return None
        if not params.market_tickers:
            raise Fault(MARKET_REQUIRED)
        asked = list(dict.fromkeys(params.market_tickers))
        unknown = [ticker for ticker in asked if not self._feed.serves(ticker)]
        if unknown:
            raise Fault(UNKNOWN_MARKET, unknown)
        return asked

    # ---------------------------------------------------------------------------- subscribe

    def _subscribe(self, reply_to: int, channels: list[str], tickers: list[Ticker] | None) -> None:
        if BOOKS in channels and not tickers:
            raise Fault(MARKET_REQUIRED)
        for channel in channels:
            subscription = self._widen(channel, tickers)
            followed = Followed(channel, msgspec.UNSET if tickers is None else tickers)
            self._say("subscribed", reply_to, followed)
            if channel == BOOKS:
                self._feed.show(subscription, tickers or ())

    def _widen(self, channel: str, tickers: list[Ticker] | None) -> Subscription:
        """Have a channel follow these markets too, or all."""
        audience = self._feed.audience
        one = self._by_channel.get(channel)
        if one is None:
            one = self._by_channel[channel] = Subscription(channel, tickers, self._outbox)
            audience.follow(channel, one, tickers)
        elif one.tickers is not None:
            new = None if tickers is None else [name for name in tickers if name not in one.tickers]
            if new is None:
                audience.unfollow(channel, one, one.tickers)
                one.tickers = None
            else:
                one.tickers.update(new)
            audience.follow(channel, one, new)
        return one

    # -------------------------------------------------------------------------- unsubscribe

    def _unsubscribe(
        self, reply_to: int, channels: list[str], tickers: list[Ticker] | None
    ) -> None:
        """Stop whole channels, or some of their markets; all that is asked, or nothing."""
        for channel in channels:
            self._check_followed(channel, tickers)
        for channel in channels:
            one = self._by_channel[channel]
            gone = one.tickers if tickers is None else dict.fromkeys(tickers)
            self._feed.audience.unfollow(channel, one, gone)
            if tickers is None:
                del self._by_channel[channel]
            elif one.tickers is not None:
                one.tickers.difference_update(tickers)
            named = msgspec.UNSET if tickers is None else tickers
            self._say("unsubscribed", reply_to, Followed(channel, named))

    def _check_followed(self, channel: str, tickers: list[Ticker] | None) -> None:
        one = self._by_channel.get(channel)
        if one is None:
            raise Fault(NOT_SUBSCRIBED)
        if tickers is None:
            return
        followed = set() if one.tickers is None else one.tickers
        unknown = [ticker for ticker in tickers if ticker not in followed]
        if unknown:
            raise Fault(NOT_SUBSCRIBED, unknown)


def _decode(text: bytes) -> Command:
    try:
        return _decoder.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Fault(UNPARSABLE) from None
