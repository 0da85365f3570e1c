from contextlib import asynccontextmanager

import anyio
import pytest
from httpx_ws import AsyncWebSocketSession
from structlog.testing import capture_logs

from framework.clock import run_virtual
from plugins.kalshi.stream import session_check
from plugins.kalshi.stream.session import Session, StockSession
from plugins.kalshi.stream.session_check import reading_session


def chosen():
    """Return the session that is chosen now, and what was logged."""

    async def main(clock):
        return await reading_session()

    with capture_logs() as logs:
        return run_virtual(main), logs


def test_our_reading_is_in_force_with_the_installed_httpx_ws():
    assert chosen() == (Session, [])


def reads_for_itself(monkeypatch):
    """A version that reads from its constructor on."""

    @asynccontextmanager
    async def entered(self):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self.stream.read, 1)
            yield self

    monkeypatch.setattr(Session, "__asynccontextmanager__", entered)


def renames_the_stream(monkeypatch):
    def renamed(self, stream, **options):
        self.transport = stream

    monkeypatch.setattr(AsyncWebSocketSession, "__init__", renamed)


def ignores_the_class(monkeypatch):
    monkeypatch.setattr(session_check, "Session", type("Other", (StockSession,), {}))


def sends_no_pong(monkeypatch):
    async def silent(self, pings):
        pings.clear()

    monkeypatch.setattr(Session, "_answer", silent)


@pytest.mark.parametrize(
    "change", [reads_for_itself, renames_the_stream, ignores_the_class, sends_no_pong]
)
def test_another_httpx_ws_means_the_stock_session_with_one_notice(monkeypatch, change):
    change(monkeypatch)

    session, logs = chosen()

    assert session is StockSession
    assert [entry["log_level"] for entry in logs] == ["warning"]
    assert "httpx-ws itself" in logs[0]["event"]
