"""The numbers of the connection to Kalshi that `framework status` shows."""

from collections.abc import Callable, Sequence
from decimal import Decimal

from framework.metrics import Metric
from plugins.kalshi.adapter import KalshiExchange
from plugins.kalshi.transport.buckets import WARN_ABOVE
from plugins.kalshi.transport.rest import LARGE_SKEW_US

_SECOND = Decimal(1_000_000)


def metrics_of(exchange: KalshiExchange) -> Sequence[Metric]:
    """Return what can be read of a connection: delays, failures, clock, silence, limits."""
    rest = exchange.rest

    def reading(place: int) -> Callable[[], Decimal | None]:
        return lambda: rest.health.readings(rest.now_us())[place].value

    def silence() -> Decimal | None:
        heard_us = rest.health.heard_us
        return None if heard_us is None else (rest.now_us() - heard_us) / _SECOND

    def used(place: int) -> Callable[[], Decimal]:
        return lambda: rest.limits.usage()[place].used

    measured = [
        Metric(
            name=one.what.removesuffix(", s"),
            unit="s" if one.what.endswith(", s") else "share",
            read=reading(place),
            limit=one.limit,
        )
        for place, one in enumerate(rest.health.readings(rest.now_us()))
    ]
    buckets = [
        Metric(name=f"rate limit {usage.bucket}", unit="share", read=used(place), limit=WARN_ABOVE)
        for place, usage in enumerate(rest.limits.usage())
    ]
    return [
        *measured,
        Metric(name="silence", unit="s", read=silence),
        Metric(
            name="clock skew",
            unit="s",
            read=lambda: None if rest.skew_us is None else rest.skew_us / _SECOND,
            limit=LARGE_SKEW_US / _SECOND,
        ),
        *buckets,
    ]
