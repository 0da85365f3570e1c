"""Bodies of candlesticks; names end in `_dollars` and `_fp`, but not in the archive."""

from framework.model.units import E4
from plugins.sandbox.core.candles import Candle, Range
from plugins.sandbox.wire import count_text, price_text, unix_seconds

CandleBody = dict[str, object]


def candle_body(candle: Candle, *, archived: bool = False) -> CandleBody:
    """Return a candle; a period without trades names only the price before it."""
    money, count = ("", "") if archived else ("_dollars", "_fp")
    return {
        "end_period_ts": unix_seconds(candle.end_us),
        "yes_bid": _range(candle.bid, money),
        "yes_ask": _range(candle.ask, money),
        "price": _price(candle, money),
        f"volume{count}": count_text(candle.volume_e2),
        f"open_interest{count}": count_text(candle.interest_e2),
    }


def earlier_body(end_us: int, previous_e4: E4) -> CandleBody:
    """Return the candle that stands for everything before a request's start."""
    return {
        "end_period_ts": unix_seconds(end_us),
        "price": {"previous_dollars": price_text(previous_e4)},
    }


def _range(values: Range, suffix: str) -> dict[str, str]:
    return {
        f"open{suffix}": price_text(values.open_e4),
        f"low{suffix}": price_text(values.low_e4),
        f"high{suffix}": price_text(values.high_e4),
        f"close{suffix}": price_text(values.close_e4),
    }


def _price(candle: Candle, suffix: str) -> dict[str, str]:
    prices: dict[str, str] = {}
    if candle.price is not None:
        prices = _range(candle.price, suffix)
        prices[f"min{suffix}"] = prices[f"low{suffix}"]
        prices[f"max{suffix}"] = prices[f"high{suffix}"]
    if candle.mean_e4 is not None:
        prices[f"mean{suffix}"] = price_text(candle.mean_e4)
    if candle.previous_e4 is not None:
        prices[f"previous{suffix}"] = price_text(candle.previous_e4)
    return prices
