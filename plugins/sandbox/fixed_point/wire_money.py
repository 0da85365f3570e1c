"""Bodies of transfers and subaccounts (Kalshi's subaccount and exchange-sharding pages)."""

import msgspec


class SubaccountTransfer(msgspec.Struct, kw_only=True):
    """The body of a transfer between subaccounts, in cents."""

    client_transfer_id: str
    from_subaccount: int
    to_subaccount: int
    amount_cents: int
    exchange_index: int | None = None


class ShardTransfer(msgspec.Struct, kw_only=True):
    """The body of a transfer between shards, in hundredths of a cent."""

    source: str
    destination: str
    amount: int
    source_exchange_shard: int = 0
    destination_exchange_shard: int = 0
    source_subaccount: int = 0
    destination_subaccount: int = 0


class NettingChange(msgspec.Struct, kw_only=True):
    """The body that switches a subaccount's netting."""

    subaccount_number: int
    enabled: bool


class SubaccountBody(msgspec.Struct):
    """A subaccount's cash over all shards, in dollars."""

    subaccount_number: int
    balance: str
    updated_ts: int
