"""Signed requests to the exchange's REST API.

Reads are repeated with growing, jittered pauses over the run's clock and generator. Writes are
sent exactly once: whether a lost one was done is for a query to tell, not for a second send.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any, Final

import httpx
import msgspec
import structlog

from framework.errors import AuthError, ExchangeError
from framework.model.market import micros
from framework.model.units import Micros
from framework.run import Run
from plugins.kalshi.codec import Json, Query, Request, as_json
from plugins.kalshi.codec.refusals import key_hint, refusal
from plugins.kalshi.transport.client import HEADERS, OversizedAnswer, body_of
from plugins.kalshi.transport.health import Health
from plugins.kalshi.transport.lane import Answer, Lanes, Lost, Unsent
from plugins.kalshi.transport.limits import TODAY, AccountLimits, Budget, EndpointCosts, Limits
from plugins.kalshi.transport.presign import Presigned
from plugins.kalshi.transport.signing import Signer

log = structlog.get_logger()

ATTEMPTS: Final = 6
FIRST_PAUSE_S: Final = 0.25
LONGEST_PAUSE_S: Final = 8.0
LARGE_SKEW_US: Final = 5_000_000
"""Beyond this the exchange may refuse signatures (measured: 5 s pass, 30 s do not)."""
_ROWS: Final = (dict, msgspec.Struct)
_AGAIN: Final = frozenset({408, 429, 500, 502, 503, 504})


class Reply(msgspec.Struct, frozen=True):
    """An answer to a write, whatever it says."""

    status: int
    body: bytes


class Rest:
    """The REST API of one account.

    Attributes:
        limits: The token budget in force.
        health: How well the exchange is reached.
        key_id: Which key signs; a name, not a secret.
        skew_us: How far this machine's clock is ahead of the exchange's, to about a second;
            None before the first answer.
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        base: httpx.URL,
        signer: Signer,
        run: Run,
        budget: Budget = TODAY,
        *,
        lanes: Lanes | None = None,
        presign: bool = False,
    ) -> None:
        """Speak to the API at `base`; writes go by `lanes` when there are any."""
        self._client = client
        self._lanes = lanes
        self.presigned = Presigned(signer, run.clock) if presign else None
        self._base = base
        self._signer = signer
        self.key_id = signer.key_id
        self._mode = run.mode
        self._clock = run.clock
        self._rng = run.rng
        self.limits = Limits(run.clock, budget)
        self.health = Health()
        self.skew_us: Micros | None = None
        self._urls: dict[str, httpx.URL] = {}
        fixed = {"Host": base.netloc.decode(), **HEADERS}
        self._head = "".join(f"{name}: {value}\r\n" for name, value in fixed.items())

    def now_us(self) -> Micros:
        """Return the run's present moment."""
        return self._clock.now_us()

    # ----------------------------------------------------------------------------- reads

    async def get(
        self,
        path: str,
        query: Query | None = None,
        *,
        template: str = "",
        telling: Collection[int] = (),
        urgent: bool = False,
        decode: Callable[[bytes], Any] = as_json,
    ) -> Json:
        """Read one object.

        Args:
            path: Below the API's root.
            query: The query of the URL.
            template: The path as costs are listed.
            telling: Statuses besides 200 whose body is an answer, not an error.
            urgent: Whether it goes before the reads that wait for the budget.
            decode: What makes an object of the answer.

        Raises:
            AuthError: the exchange refuses the key, its rights, or the clock.
            ExchangeError: it refuses the request, or gave no readable answer in six attempts.
        """
        request = Request(method="GET", path=path, template=template or path, query=query or {})
        problem = ExchangeError(f"GET {path}: no attempt")
        for attempt in range(ATTEMPTS):
            await self._pause(attempt)
            await self.limits.take_read(self.limits.cost(request), urgent=urgent)
            try:
                reply = await self._send(request)
            except OversizedAnswer as fault:
                raise ExchangeError(f"GET {path}: {fault}") from None
            except httpx.RequestError as fault:
                self._note(is_failure=True)
                problem = ExchangeError(f"GET {path}: {_named(fault)}")
                continue
            self._note(is_failure=_is_failure(reply.status))
            found = _decoded(reply.body, decode) if reply.status in {200, *telling} else None
            if isinstance(found, dict) and (reply.status == 200 or "error" not in found):
                return found
            if reply.status == 200:
                problem = ExchangeError(f"GET {path}: {_not_json(reply.body)}", status=200)
                continue
            problem = self._problem(request, reply)
            if reply.status not in _AGAIN:
                raise problem
            if reply.status == 429:
                self.limits.refused(request)
        raise problem

    async def _pause(self, attempt: int) -> None:
        if attempt:
            longest = min(FIRST_PAUSE_S * 2 ** (attempt - 1), LONGEST_PAUSE_S)
            await self._clock.sleep(self._rng.uniform(0, longest))

    async def pages(
        self, path: str, query: Query, key: str, *, urgent: bool = False
    ) -> AsyncIterator[Json]:
        """Read a list of objects, every page of it or an error; `urgent` as for `get`.

        Raises:
            AuthError: as for `get`.
            ExchangeError: as for `lists`.
        """
        async for rows in self.lists(path, query, key, urgent=urgent):
            for row in rows:
                yield row

    async def lists(
        self,
        path: str,
        query: Query,
        key: str,
        *,
        urgent: bool = False,
        decode: Callable[[bytes], Any] = as_json,
    ) -> AsyncIterator[list[Any]]:
        """Read a list page by page; what its rows are is for `decode` to say.

        Raises:
            AuthError: as for `get`.
            ExchangeError: as for `get`; a page holds no list; or an unknown cursor begins a circle.
        """
        cursor, cursors = "", {""}
        while True:
            asked = {**query, "cursor": cursor} if cursor else query
            page = await self.get(path, asked, urgent=urgent, decode=decode)
            rows = page.get(key)
            if not isinstance(rows, list):
                raise ExchangeError(f"GET {path}: the page holds no list {key}")
            if not all(isinstance(row, _ROWS) for row in rows):
                raise ExchangeError(f"GET {path}: {key} holds something else than objects")
            yield rows
            cursor = page.get("cursor") or ""
            if not cursor:
                return
            if cursor in cursors:
                raise ExchangeError(f"GET {path}: paging goes in a circle")
            cursors.add(cursor)

    async def adopt_limits(self) -> None:
        """Ask for the account's own token budget; without an answer it stays Basic, and is said.

        Raises:
            AuthError: the exchange refuses the key, its rights, or the clock.
        """
        if not self.limits.is_told:
            return
        limits, costs = None, None
        try:
            limits = msgspec.convert(await self.get("/account/limits"), AccountLimits)
            costs = msgspec.convert(await self.get("/account/endpoint_costs"), EndpointCosts)
        except AuthError:
            raise
        except (ExchangeError, msgspec.ValidationError) as fault:
            log.warning("the account's limits can't be read; taking the basic ones", why=str(fault))
        self.limits.adopt(limits, costs)

    # ---------------------------------------------------------------------------- writes

    async def keep_ready(self) -> None:
        """Open the lanes, then keep header sets at hand, for ever."""
        if self._lanes is not None:
            await self._lanes.warm()
        if self.presigned is not None:
            await self.presigned.keep()

    async def write(self, request: Request, *, urgent: bool) -> Reply | Lost | None:
        """Send a write, once.

        Args:
            request: What to send.
            urgent: Cancels and exits may use the reserved part of the budget.

        Returns:
            The answer; `Lost` without one; None when it was never sent because the budget left
            it waiting too long.
        """
        if not await self.limits.take_write(request, urgent=urgent):
            return None
        sent_us = self._clock.now_us()
        return self._noted(request, await self._write(request), sent_us)

    def begin(
        self, request: Request, *, urgent: bool
    ) -> Callable[[], Awaitable[Reply | Lost]] | None:
        """Send a write before this returns, if neither the budget nor a lane makes it wait.

        Returns:
            What waits for its answer; None when nothing was sent.
        """
        if self._lanes is None or not self._lanes.is_free:
            return None
        if not self.limits.take_write_now(request, urgent=urgent):
            return None
        sent_us = self._clock.now_us()
        answer = self._lanes.begin(partial(self._rendered, request), request.method)
        if answer is None:
            return None  # and is paid for twice, which is rare and errs on the safe side

        async def reply() -> Reply | Lost:
            return self._noted(request, self._replied(await answer(), sent_us), sent_us)

        return reply

    def _noted(self, request: Request, reply: Reply | Lost, sent_us: Micros) -> Reply | Lost:
        """Learn from an answer what it says of the exchange, the budget and our signatures."""
        self._note(is_failure=isinstance(reply, Lost) or _is_failure(reply.status))
        if isinstance(reply, Reply):
            now_us = self._clock.now_us()
            self.health.acknowledged(now_us, now_us - sent_us)
            if reply.status == 429:
                self.limits.refused(request)
            elif reply.status == 401 and self.presigned is not None:
                self.presigned.flush()
        return reply

    async def _write(self, request: Request) -> Reply | Lost:
        """Send a write on a lane or, when there is none for it, by httpx."""
        if self._lanes is not None:
            sent_us = self._clock.now_us()
            try:
                answer = await self._lanes.ask(partial(self._rendered, request), request.method)
            except Unsent:
                pass
            else:
                return self._replied(answer, sent_us)
        try:
            return await self._send(request)
        except httpx.RequestError as fault:
            return Lost(_named(fault))

    def _replied(self, answer: Answer | Lost, sent_us: Micros) -> Reply | Lost:
        if isinstance(answer, Lost):
            return answer
        self._measure_skew(answer.date or None, sent_us)
        return Reply(answer.status, answer.body)

    def _rendered(self, request: Request) -> bytes:
        """Write a request out as it goes over the wire."""
        url = self._url(request)
        headers = None
        path = url.raw_path.partition(b"?")[0].decode()
        if self.presigned is not None and request.path == request.template:
            headers = self.presigned.take(request.method, path)  # no other path comes twice
        signed = headers or self._signer.headers(request.method, path, self._clock.now_us())
        lines = "".join(f"{name}: {value}\r\n" for name, value in signed.items())
        if request.body:
            lines += f"Content-Type: application/json\r\nContent-Length: {len(request.body)}\r\n"
        start = f"{request.method} {url.raw_path.decode()} HTTP/1.1\r\n"
        return f"{start}{self._head}{lines}\r\n".encode() + request.body

    def _url(self, request: Request) -> httpx.URL:
        """Return a request's address; that of orders is made once."""
        known = self._urls.get(request.path)
        if known is not None and not request.query:
            return known
        url = self._base.copy_with(path=self._base.path + request.path)
        if request.query:
            return url.copy_merge_params(request.query)
        if request.path == request.template:
            self._urls[request.path] = url
        return url

    # --------------------------------------------------------------------------- sending

    def headers(self, method: str, url: httpx.URL) -> dict[str, str]:
        """Return the headers that authorize one request, signed now."""
        path = url.raw_path.partition(b"?")[0].decode()
        return self._signer.headers(method, path, self._clock.now_us())

    async def _send(self, request: Request) -> Reply:
        url = self._url(request)
        headers = self.headers(request.method, url)
        if request.body:
            headers["Content-Type"] = "application/json"
        sent_us = self._clock.now_us()
        content = request.body or None
        sending = self._client.stream(request.method, url, content=content, headers=headers)
        async with sending as response:
            self._measure_skew(response.headers.get("Date"), sent_us)
            body = await body_of(response)
        return Reply(response.status_code, body)

    def _note(self, *, is_failure: bool) -> None:
        self.health.answered(self._clock.now_us(), is_failure=is_failure)

    def _measure_skew(self, date: str | None, sent_us: Micros) -> None:
        if date is None:
            return
        try:
            theirs_us = micros(parsedate_to_datetime(date)) + 500_000  # it has whole seconds
        except (ValueError, TypeError):
            return
        self.skew_us = (sent_us + self._clock.now_us()) // 2 - theirs_us
        self.health.clock_read(self.skew_us)

    def _problem(self, request: Request, reply: Reply) -> ExchangeError:
        why = refusal(reply.status, reply.body)
        text = f"{request.method} {request.path}: {why.message or why.code}"
        if reply.status in {401, 403}:
            return self.auth_error(text, reply.status, why.code)
        if reply.status == 404 and "{" in request.template:
            text = f"{text}; the exchange knows no such name: check it"
        return ExchangeError(text, status=reply.status, code=why.code)

    def auth_error(self, text: str, status: int, code: str) -> AuthError:
        """Return the error of a refused key, with the likely cause and what to do about it."""
        text = f"{text}{key_hint(f'{text} {code}', self._mode)}"
        if self.skew_us is not None and abs(self.skew_us) > LARGE_SKEW_US:
            text = f"{text}; {skew_in_words(self.skew_us)}"
        return AuthError(text, status=status, code=code)


def skew_in_words(skew_us: Micros) -> str:
    """Return how far this machine's clock is off, and what to do about it."""
    where = "ahead of" if skew_us > 0 else "behind"
    return f"this machine's clock is {abs(skew_us) // 1_000_000} s {where} the exchange's: set it"


def _is_failure(status: int) -> bool:
    """Return whether an answer says that the exchange could not answer; a refusal does not."""
    return status == 429 or status >= 500


def _not_json(body: bytes) -> str:
    if body.lstrip()[:1] == b"<":
        return "the answer is a web page, not JSON: check rest_url and what stands between"
    return "the answer is no JSON object"


def _named(fault: httpx.RequestError) -> str:
    return f"{type(fault).__name__} {fault}".strip()


def _decoded(body: bytes, decode: Callable[[bytes], Any]) -> Any:
    try:
        return decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
