"""Chooses markets by what they are about."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Self

from pydantic import Field, model_validator

from framework import Market, Plugin, Rejection, hookimpl


class Series(Plugin):
    """Admits markets of the series, categories and tickers that are asked for.

    Each setting judges by itself, and a market must pass all that are set. Series and tickers
    are patterns as in a shell: `*` is any text, `?` one character, `[1-3]` one of these, and
    case counts. Categories are the exchange's own words, such as `Sports`; their case does not
    count.

    A series or category that the market does not name is unknown: it can't be said to be
    allowed, nor to be none of those denied, so it is refused where it is asked for.

    Refuses with `denied`, `series`, `category` or `ticker`.
    """

    allow: tuple[str, ...] = Field(
        default=(),
        description="Series to admit, such as KXHIGH*; empty admits all.",
    )
    deny: tuple[str, ...] = Field(
        default=(),
        description="Series to refuse, whatever else admits them.",
    )
    categories: tuple[str, ...] = Field(
        default=(),
        description="Categories to admit, such as Sports; empty admits all.",
    )
    tickers: tuple[str, ...] = Field(
        default=(),
        description="Market tickers to admit, such as *-26JAN15-*; empty admits all.",
    )

    @model_validator(mode="after")
    def _asks_for_something(self) -> Self:
        if not (self.allow or self.deny or self.categories or self.tickers):
            raise ValueError("needs at least one of allow, deny, categories and tickers")
        for name in ("allow", "deny", "categories", "tickers"):
            if "" in getattr(self, name):
                raise ValueError(f"{name} holds an empty text, which matches nothing")
        return self

    @hookimpl
    def filter_market(self, market: Market) -> Rejection | None:
        """Refuse a market of another kind."""
        return self._series(market) or self._category(market) or self._ticker(market)

    def _series(self, market: Market) -> Rejection | None:
        series = market.series_ticker
        if series is None:
            unknown = Rejection("series", "its series is unknown")
            return unknown if self.allow or self.deny else None
        denied = _first(series, self.deny)
        if denied is not None:
            return Rejection("denied", f"series {series} is denied by {denied}")
        if self.allow and _first(series, self.allow) is None:
            return Rejection("series", f"series {series} is none of {', '.join(self.allow)}")
        return None

    def _category(self, market: Market) -> Rejection | None:
        if not self.categories:
            return None
        if market.category is None:
            return Rejection("category", "its category is unknown")
        if market.category.casefold() in {name.casefold() for name in self.categories}:
            return None
        wanted = ", ".join(self.categories)
        return Rejection("category", f"category {market.category} is none of {wanted}")

    def _ticker(self, market: Market) -> Rejection | None:
        if not self.tickers or _first(market.ticker, self.tickers) is not None:
            return None
        return Rejection("ticker", f"ticker {market.ticker} is none of {', '.join(self.tickers)}")


def _first(name: str, patterns: Sequence[str]) -> str | None:
    """Return the first pattern that a name matches."""
    return next((pattern for pattern in patterns if fnmatchcase(name, pattern)), None)
