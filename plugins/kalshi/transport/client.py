"""The HTTP client: over the run's connections, to one host only, and no answer without end."""

from typing import Final

import httpx
import msgspec

from framework.run import Run
from plugins.kalshi.transport.network import RunTransport

HEADERS: Final = {"Accept": "application/json", "User-Agent": "kalshi-framework"}
TIMEOUT: Final = httpx.Timeout(connect=5, read=10, write=5, pool=5)
BODY: Final = "body"
"""The extension of a response under which a refused upgrade keeps its body."""
MOST_BYTES: Final = 64 * 1024 * 1024
"""The longest answer that is read; all series together are a third of it."""


class OversizedAnswer(httpx.RequestError):
    """An answer longer than any the exchange gives; it is read no further."""


def open_client(run: Run, *, use_tls: bool) -> httpx.AsyncClient:
    """Return an HTTP client over the run's connections; it follows no redirect and no proxy."""
    return httpx.AsyncClient(
        transport=RunTransport(run.connect, use_tls=use_tls),
        timeout=TIMEOUT,
        trust_env=False,
        follow_redirects=False,
        headers=HEADERS,
        event_hooks={"response": [_keep_refusal]},
    )


async def _keep_refusal(response: httpx.Response) -> None:
    """Read why an upgrade was refused, before httpx-ws closes the response."""
    asked = response.request.headers.get("upgrade") == "websocket"
    if asked and response.status_code != 101:
        response.extensions[BODY] = await body_of(response)


async def body_of(response: httpx.Response) -> bytes:
    """Read a body, but no further than any honest one goes; a redirect is an error of its own.

    Raises:
        OversizedAnswer: it goes on beyond that.
    """
    parts, length = [], 0
    async for part in response.aiter_bytes():
        length += len(part)
        if length > MOST_BYTES:
            raise OversizedAnswer(f"the answer is longer than {MOST_BYTES} bytes")
        parts.append(part)
    return _redirect_told(response) if response.is_redirect else b"".join(parts)


def _redirect_told(response: httpx.Response) -> bytes:
    """Return an error body for an answer that sends us elsewhere: signed requests stay here."""
    where = httpx.URL(response.headers.get("Location", ""))  # httpx has read it before
    to = f"{where.scheme}://{where.host}" if where.host else "another path of the same host"
    message = f"it redirects to {to}, which is never followed; check rest_url and what is between"
    return msgspec.json.encode({"code": "redirected", "message": message})
