"""From a request to its answer, for any dialect: find the route, check the key, take the tokens."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Final, Protocol

import msgspec

from framework.model.units import Micros
from plugins.sandbox.auth import Gate
from plugins.sandbox.core.rows import Refusal
from plugins.sandbox.faults import RequestKind
from plugins.sandbox.mischief import Mischief
from plugins.sandbox.rates import DEFAULT_COST
from plugins.sandbox.request import Reply, Request, segments
from plugins.sandbox.wire import Problem, refused, throttled

ROOT: Final = ("trade-api", "v2")

_WILD: Final = "*"


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One method on one shape of path; `*` stands for any one part."""

    method: str
    shape: tuple[str, ...]
    answer: Callable[..., Reply]
    public: bool = False
    cost: int = DEFAULT_COST
    batched: bool = False
    """Whether each order of the body costs."""


def route(
    line: str,
    answer: Callable[..., Reply],
    *,
    public: bool = False,
    cost: int = DEFAULT_COST,
    batched: bool = False,
) -> Route:
    """Return the route of a line such as `GET markets/*`."""
    method, path = line.split()
    return Route(
        method=method,
        shape=tuple(path.split("/")),
        answer=answer,
        public=public,
        cost=cost,
        batched=batched,
    )


class Counter(Protocol):
    """Where requests are answered; routes get it as their first argument."""

    @property
    def gate(self) -> Gate:
        """Who may come in."""

    def door_us(self) -> Micros:
        """Return the time that signatures are checked against."""

    def present(self) -> Micros:
        """Bring the exchange to the present and return the moment."""

    def flush(self) -> None:
        """Let every connection write what has gathered."""


def as_said(refusal: Refusal) -> Problem:
    """Return a refusal of the core with its own status and code."""
    return refused(refusal.status, refusal.code, refusal.message, refusal.details)


def kind_of(route: Route) -> RequestKind:
    """Return what a route is for: what goes wrong on purpose goes wrong by kind."""
    if route.method == "GET":
        return "market" if route.public else "account"
    if "orders" not in route.shape:
        return "manage"
    if route.method == "DELETE":
        return "cancel"
    return "amend" if route.shape[-1] in {"amend", "decrease"} else "create"


def answer_by(
    routes: Iterable[Route],
    counter: Counter,
    request: Request,
    paid: Callable[[Route, Request, Micros], bool],
    refuse: Callable[[Refusal], Problem] = as_said,
    mischief: Mischief | None = None,
) -> Reply:
    """Answer one request; a refusal is an answer too.

    Args:
        routes: What there is to ask for.
        counter: Where it is asked.
        request: The request.
        paid: Takes what a route costs, or says that it cannot.
        refuse: Puts a refusal of the core into the dialect's words.
        mischief: What goes wrong on purpose.
    """
    try:
        route, names = _find(routes, request)
        if not route.public:
            counter.gate.check(request.headers, request.method, request.path, counter.door_us())
        now_us = counter.present()
        if not paid(route, request, now_us):
            raise throttled()
        do = partial(route.answer, counter, request, *names)
        return do() if mischief is None else mischief.answer(kind_of(route), do)
    except Refusal as refusal:
        problem = refuse(refusal)
    except Problem as caught:
        problem = caught
    finally:
        counter.flush()
    return Reply(problem.status, problem.body)


def _find(routes: Iterable[Route], request: Request) -> tuple[Route, list[str]]:
    parts = segments(request.path)
    found = False
    if parts[: len(ROOT)] == ROOT:
        asked = parts[len(ROOT) :]
        for route in routes:
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
