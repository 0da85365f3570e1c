"""What the exchange may be told to do wrong, so that a client can show that it copes."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from framework.model.units import Duration, Ratio

RequestKind: TypeAlias = Literal["market", "account", "create", "amend", "cancel", "manage"]
"""Reads of the market and of the account; creates, amends with decreases, and cancels of orders;
everything else that writes."""

Rates: TypeAlias = Mapping[RequestKind, Ratio]

FrameKind: TypeAlias = Literal["not_json", "not_text", "reserved_bit", "oversized", "endless"]
"""Half a message; bytes that are not UTF-8; a bit that means nothing; a length above 64 MiB; the
first fragment of a message that goes on with all that follow and never ends."""


class Faults(BaseModel):
    """How often each thing goes wrong; nothing does unless it is set.

    Requests and frames go wrong in both dialects; lost, doubled and swapped messages and ended
    subscriptions are today's only, whose client can see them by their numbers.

    Rates are shares of requests or of stream messages, from 0 to 1, and come from the run's
    randomness, so that one seed gives the same faults.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    read_lag: Duration = Field(
        default=timedelta(0), description="How old the account is that its reads show."
    )
    reply_delay: Duration = Field(
        default=timedelta(0), description="How late each reply to a request leaves."
    )
    stream_delay: Duration = Field(
        default=timedelta(0), description="How late each message of the stream leaves."
    )
    throttled: Rates = Field(
        default={}, description="Share of requests answered 429, by kind, such as { create = 0.1 }."
    )
    failed_before: Rates = Field(
        default={}, description="Share answered 5xx without having been done, by kind."
    )
    failed_after: Rates = Field(
        default={}, description="Share done and then answered 5xx, by kind."
    )
    errors_in_200: Rates = Field(
        default={}, description="Share done and then answered 200 with an error body, by kind."
    )
    missing_fields: Rates = Field(
        default={}, description="Share of replies in which one field is missing, by kind."
    )
    renamed_fields: Rates = Field(
        default={}, description="Share of replies in which one field has another name, by kind."
    )
    not_json: Rates = Field(
        default={}, description="Share of replies whose body is a page of HTML, by kind."
    )
    redirected: Rates = Field(
        default={}, description="Share of requests that are sent to another host, by kind."
    )
    clock_ahead: Duration = Field(
        default=timedelta(0),
        description="How far the exchange's clock, its `Date` header too, is ahead.",
    )
    broken_frames: Mapping[FrameKind, Ratio] = Field(
        default={},
        description="Share of stream messages in whose place something else comes, by kind, such "
        "as { not_json = 0.1 }.",
    )
    gaps: Ratio = Field(default=Decimal(0), description="Share of stream messages that are lost.")
    duplicates: Ratio = Field(default=Decimal(0), description="Share of them that come twice.")
    swaps: Ratio = Field(
        default=Decimal(0), description="Share of them that come after the next one."
    )
    channel_errors: Ratio = Field(
        default=Decimal(0), description="Share in whose place the subscription ends with error 10."
    )
    overflows: Ratio = Field(
        default=Decimal(0), description="Share in whose place the subscription ends with error 25."
    )
    pause_every: Duration | None = Field(
        default=None, description="How long trading goes on between two pauses of the exchange."
    )
    pause_for: Duration = Field(
        default=timedelta(seconds=30), description="How long such a pause lasts."
    )
