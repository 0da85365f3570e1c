from typing import get_type_hints

import pytest

from plugins.kalshi.codec import cents_records
from plugins.kalshi.codec.cents_records import DOCUMENTED

KINDS = {
    "market": cents_records.MarketRecord,
    "order": cents_records.OrderRecord,
    "fill": cents_records.FillRecord,
    "position": cents_records.PositionRecord,
    "settlement": cents_records.SettlementRecord,
    "balance": cents_records.BalanceRecord,
    "orderbook": cents_records.OrderbookRecord,
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_that_is_read_is_a_known_one(kind):
    assert set(KINDS[kind].__struct_fields__) <= DOCUMENTED[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_no_price_or_count_has_a_default_but_none(kind):
    numbers = {
        name
        for name, hint in get_type_hints(KINDS[kind]).items()
        if int in (hint, *getattr(hint, "__args__", ()))
    }
    required = len(KINDS[kind].__struct_fields__) - len(KINDS[kind].__struct_defaults__)
    defaults = dict(
        zip(
            KINDS[kind].__struct_fields__[required:],
            KINDS[kind].__struct_defaults__,
            strict=True,
        )
    )

    assert {defaults.get(name) for name in numbers} <= {None}
