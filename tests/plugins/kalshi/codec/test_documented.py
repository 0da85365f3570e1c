import msgspec
import pytest

from plugins.kalshi.codec import frames, records
from plugins.kalshi.codec.documented import MESSAGES, OBJECTS


@pytest.mark.parametrize(
    ("kind", "struct"),
    [
        ("market", records.MarketRecord),
        ("event", records.EventRecord),
        ("series", records.SeriesRecord),
        ("order", records.OrderRecord),
        ("fill", records.FillRecord),
        ("position", records.PositionRecord),
        ("settlement", records.SettlementRecord),
        ("balance", records.BalanceRecord),
    ],
)
def test_every_field_we_read_of_an_object_is_documented(kind, struct):
    assert {field.name for field in msgspec.structs.fields(struct)} <= OBJECTS[kind]


@pytest.mark.parametrize(
    ("kind", "struct"),
    [
        ("orderbook_snapshot", frames.SnapshotBody),
        ("orderbook_delta", frames.DeltaBody),
        ("ticker", frames.TickerBody),
        ("trade", frames.TradeBody),
        ("fill", frames.FillBody),
        ("user_order", frames.UserOrderBody),
    ],
)
def test_every_field_we_read_of_a_message_is_documented(kind, struct):
    assert {field.name for field in msgspec.structs.fields(struct)} <= MESSAGES[kind]
