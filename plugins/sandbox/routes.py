"""Which path is answered by what, who may ask, and what it costs."""

from collections.abc import Callable
from typing import Final

import msgspec

from framework.model.units import Micros
from plugins.sandbox import routes_account as account
from plugins.sandbox import routes_market as market
from plugins.sandbox.auth import KEY_HEADER
from plugins.sandbox.rates import CANCEL_COST, DEFAULT_COST, LOOKUP_COST
from plugins.sandbox.request import Reply, Request, segments
from plugins.sandbox.rows import Refusal
from plugins.sandbox.venue import Venue
from plugins.sandbox.wire import Problem, refused, throttled
from plugins.sandbox.wire_account import Routed

ROOT: Final = ("trade-api", "v2")

_READ: Final = "GET"
_WILD: Final = "*"


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One method on one shape of path; `*` stands for any one part."""

    method: str
    shape: tuple[str, ...]
    answer: Callable[..., Reply]
    public: bool = False
    cost: int = DEFAULT_COST


def _route(
    line: str, answer: Callable[..., Reply], *, public: bool = False, cost: int = DEFAULT_COST
) -> Route:
    method, path = line.split()
    return Route(
        method=method, shape=tuple(path.split("/")), answer=answer, public=public, cost=cost
    )


ROUTES: Final = (
    _route("GET exchange/status", market.status, public=True),
    _route("GET exchange/schedule", market.schedule, public=True),
    _route("GET exchange/user_data_timestamp", market.user_data_timestamp, public=True),
    _route("GET account/endpoint_costs", market.endpoint_costs, public=True),
    _route("GET series", market.series_list, public=True),
    _route("GET series/*", market.series_one, public=True),
    _route("GET events", market.events_list, public=True),
    _route("GET events/*", market.events_one, public=True),
    _route("GET markets", market.markets_list, public=True),
    _route("GET markets/trades", market.trades, public=True),
    _route("GET markets/*", market.markets_one, public=True),
    _route("GET markets/*/orderbook", market.orderbook, public=True),
    _route("GET account/limits", account.limits),
    _route("GET portfolio/balance", account.balance),
    _route("GET portfolio/orders", account.orders_list),
    _route("GET portfolio/orders/*", account.orders_one, cost=LOOKUP_COST),
    _route("GET portfolio/fills", account.fills),
    _route("GET portfolio/positions", account.positions),
    _route("GET portfolio/settlements", account.settlements),
    _route("POST portfolio/events/orders", account.create_order),
    _route("DELETE portfolio/events/orders", account.cancel_all, cost=CANCEL_COST),
    _route("DELETE portfolio/events/orders/*", account.cancel_order, cost=CANCEL_COST),
    _route("POST portfolio/orders", account.retired),
    _route("POST portfolio/orders/batched", account.retired),
    _route("DELETE portfolio/orders/batched", account.retired),
    _route("DELETE portfolio/orders/*", account.retired),
    _route("POST portfolio/orders/*/amend", account.retired),
    _route("POST portfolio/orders/*/decrease", account.retired),
)


def answer(venue: Venue, request: Request) -> Reply:
    """Answer one request; a refusal is an answer too."""
    try:
        route, names = _find(request)
        if not route.public:
            venue.gate.check(request.headers, request.method, request.path, venue.door_us())
        now_us = venue.present()
        if not _paid(venue, route, request, now_us):
            raise throttled()
        return route.answer(venue, request, *names)
    except Refusal as refusal:
        problem = refused(refusal.status, refusal.code, refusal.message, refusal.details)
        return Reply(problem.status, problem.body)
    except Problem as problem:
        return Reply(problem.status, problem.body)
    finally:
        venue.flush()


def _find(request: Request) -> tuple[Route, list[str]]:
    parts = segments(request.path)
    found = False
    if parts[: len(ROOT)] == ROOT:
        asked = parts[len(ROOT) :]
        for route in ROUTES:
            names = _match(route.shape, asked)
            if names is None:
                continue
            if route.method == request.method:
                return route, names
            found = True
    raise refused(405, "method_not_allowed") if found else refused(404, "not_found")


def _match(shape: tuple[str, ...], asked: tuple[str, ...]) -> list[str] | None:
    if len(shape) != len(asked):
        return None
    if any(part not in (_WILD, given) for part, given in zip(shape, asked, strict=True)):
        return None
    return [given for part, given in zip(shape, asked, strict=True) if part == _WILD]


def _paid(venue: Venue, route: Route, request: Request, now_us: Micros) -> bool:
    limits = venue.limits
    if limits is None:
        return True
    if request.method == _READ:
        return limits.read(route.cost, now_us, keyed=KEY_HEADER in request.headers)
    return limits.write(route.cost, now_us, shard=_named_shard(request))


def _named_shard(request: Request) -> int | None:
    """Return the shard a write names; one that names none is paid for on all of them."""
    text = request.query.text("exchange_index")
    if text is not None:
        return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else None
    try:
        return msgspec.json.decode(request.body, type=Routed).exchange_index
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
