"""Cash: by shard, by subaccount, and on its way between them."""

import re
from typing import Final

from framework.model.units import E6
from plugins.sandbox import selecting
from plugins.sandbox.core.rows import Refusal, TransferRow
from plugins.sandbox.fixed_point.wire_account import balance_body
from plugins.sandbox.fixed_point.wire_money import (
    NettingChange,
    ShardTransfer,
    SubaccountBody,
    SubaccountTransfer,
)
from plugins.sandbox.request import Reply, Request, page_of, reply
from plugins.sandbox.venue import Venue
from plugins.sandbox.wire import balance_text, cents, iso, refused, unix_seconds

_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_CENT_E6: Final = 10_000
_CENTICENT_E6: Final = 100
_INSTANCE: Final = "event_contract"


def balance(venue: Venue, request: Request) -> Reply:
    """Answer `GET /portfolio/balance` of a subaccount, on all shards or one."""
    account, query = venue.account, request.query
    owner = query.number("subaccount", 0)
    venue.exchange.treasury.check(owner)
    shard = selecting.named_shard(query.number("exchange_index", -1, least=-1))
    by_shard = {
        index: cash
        for index, cash in account.cash_by_shard(owner).items()
        if shard in (None, index)
    }
    value_e6 = account.portfolio_value_e6(owner, shard)
    return reply(balance_body(sum(by_shard.values()), by_shard, value_e6, account.now_us))


# ------------------------------------------------------------------------------- subaccounts


def create_subaccount(venue: Venue, _request: Request) -> Reply:
    """Answer `POST /portfolio/subaccounts`."""
    return reply({"subaccount_number": venue.exchange.treasury.open()}, 201)


def subaccount_balances(venue: Venue, _request: Request) -> Reply:
    """Answer `GET /portfolio/subaccounts/balances`."""
    account = venue.account
    return reply(
        {
            "subaccount_balances": [
                SubaccountBody(
                    number,
                    balance_text(sum(account.cash_by_shard(number).values())),
                    unix_seconds(account.now_us),
                )
                for number in venue.exchange.treasury.subaccounts
            ]
        }
    )


def transfer(venue: Venue, request: Request) -> Reply:
    """Answer `POST /portfolio/subaccounts/transfer`, once per `client_transfer_id`."""
    body = request.decode(SubaccountTransfer)
    if not _UUID.fullmatch(body.client_transfer_id):
        raise _invalid("client_transfer_id")
    venue.exchange.treasury.transfer(
        body.client_transfer_id,
        _amount(body.amount_cents, _CENT_E6, "amount_cents"),
        source=body.from_subaccount,
        target=body.to_subaccount,
        shard=body.exchange_index or 0,
    )
    venue.remember()
    return reply({})


def transfers(venue: Venue, request: Request) -> Reply:
    """Answer `GET /portfolio/subaccounts/transfers`, newest first."""
    rows = venue.exchange.treasury.transfers
    found, cursor = page_of(request.query).newest_first(rows, lambda _row: True)
    return reply({"transfers": [_transfer_body(row) for row in found], "cursor": cursor})


def _transfer_body(row: TransferRow) -> dict[str, object]:
    return {
        "transfer_id": row.transfer_id,
        "from_subaccount": row.from_subaccount,
        "to_subaccount": row.to_subaccount,
        "amount_cents": cents(row.amount_e6),
        "exchange_index": row.from_shard,
        "created_ts": unix_seconds(row.at_us),
    }


def netting(venue: Venue, _request: Request) -> Reply:
    """Answer `GET /portfolio/subaccounts/netting`: off, as on the exchange without a request."""
    numbers = venue.exchange.treasury.subaccounts
    configs = [{"subaccount_number": number, "enabled": False} for number in numbers]
    return reply({"netting_configs": configs})


def change_netting(venue: Venue, request: Request) -> Reply:
    """Answer `PUT /portfolio/subaccounts/netting`.

    Collateral is never returned early here, so that switching it on is refused.
    """
    body = request.decode(NettingChange)
    venue.exchange.treasury.check(body.subaccount_number)
    if body.enabled:
        raise Refusal(403, "permission_denied", "netting is not offered here")
    return reply({})


# ------------------------------------------------------------------------------------ shards


def transfer_shard(venue: Venue, request: Request) -> Reply:
    """Answer `POST /portfolio/intra_exchange_instance_transfer`; it has no client id to repeat."""
    body = request.decode(ShardTransfer)
    if {body.source, body.destination} != {_INSTANCE}:
        raise _invalid("source or destination: only event_contract is served")
    row = venue.exchange.treasury.transfer_shard(
        _amount(body.amount, _CENTICENT_E6, "amount"),
        (body.source_subaccount, body.source_exchange_shard),
        (body.destination_subaccount, body.destination_exchange_shard),
    )
    venue.remember()
    return reply({"transfer_id": row.transfer_id})


def shard_transfers(venue: Venue, request: Request) -> Reply:
    """Answer `GET /portfolio/intra_exchange_instance_transfers`, newest first."""
    rows = venue.exchange.treasury.shard_transfers
    found, cursor = page_of(request.query).newest_first(rows, lambda _row: True)
    return reply({"transfers": [_shard_transfer_body(row) for row in found], "cursor": cursor})


def shard_transfer(venue: Venue, _request: Request, transfer_id: str) -> Reply:
    """Answer `GET /portfolio/intra_exchange_instance_transfers/{id}`."""
    for row in venue.exchange.treasury.shard_transfers:
        if row.transfer_id == transfer_id:
            return reply({"transfer": _shard_transfer_body(row)})
    raise refused(404, "not_found")


def _shard_transfer_body(row: TransferRow) -> dict[str, object]:
    return {
        "transfer_id": row.transfer_id,
        "source": _INSTANCE,
        "destination": _INSTANCE,
        "amount": row.amount_e6 // _CENTICENT_E6,
        "source_exchange_shard": row.from_shard,
        "destination_exchange_shard": row.to_shard,
        "source_subaccount": row.from_subaccount,
        "destination_subaccount": row.to_subaccount,
        "status": "completed",
        "created_time": iso(row.at_us),
    }


def _amount(number: int, unit_e6: E6, field: str) -> E6:
    if not 0 < number < 1_000_000_000_000:
        raise _invalid(field)
    return number * unit_e6


def _invalid(field: str) -> Refusal:
    return Refusal(400, "invalid_parameters", "invalid parameters", f"invalid {field}")
