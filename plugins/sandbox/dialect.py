"""What a dialect is: its routes, its commands on the WebSocket, and who it lets in.

Framing, sessions, time and the exchange itself are the same for every dialect.
"""

from typing import Protocol

from plugins.sandbox.auth import Gate
from plugins.sandbox.channels import Outbox
from plugins.sandbox.request import Reply, Request
from plugins.sandbox.venue import Venue


class Listener(Protocol):
    """The subscriptions of one connection."""

    def hear(self, text: bytes) -> None:
        """Do one command and put its replies into the outbox."""

    def leave(self) -> None:
        """Drop every subscription: the connection is gone."""


class Dialect(Protocol):
    """How a venue is spoken to by some of its clients."""

    @property
    def venue(self) -> Venue:
        """What is spoken to."""

    @property
    def gate(self) -> Gate:
        """Who may come in."""

    def answer(self, request: Request) -> Reply:
        """Answer one request; a refusal is an answer too."""

    def listen(self, outbox: Outbox) -> Listener:
        """Take the commands of one WebSocket connection."""
