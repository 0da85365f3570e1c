import pytest
import sqlalchemy as sa

from framework.ledger.rows import row_of, value_of
from framework.ledger.schema import intents
from framework.model.market import Settlement
from framework.model.orders import Order, Purpose, TimeInForce, Urgency
from framework.model.units import Side
from framework.testing import builders

ORDER = Order(
    client_order_id="null",
    ticker="T",
    side=Side.NO,
    limit_e4=1,
    quantity_e2=10**15,
    purpose=Purpose.EXIT,
    strategy="",
    time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL,
    post_only=True,
    reduce_only=True,
    expires_us=0,
    reason="ünïcode; 'quotes'",
    urgency=Urgency.HALT,
    shard=3,
)


@pytest.mark.parametrize(
    "value",
    [
        ORDER,
        builders.order(),
        builders.fill(fee="-0.000001", client_order_id=None, shard=2),
        Settlement(ticker="T", at_us=1, result="scalar", yes_pays_e4=10_000, fee_e6=5),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_comes_back_from_a_database_as_it_was(value):
    columns = [
        sa.Column(name, sa.Text if isinstance(x, str) else sa.Integer)
        for name, x in row_of(value).items()
    ]
    table = sa.Table("values", sa.MetaData(), *columns, sa.Column("account", sa.Text))
    engine = sa.create_engine("sqlite://")
    with engine.begin() as connection:
        table.create(connection)
        connection.execute(sa.insert(table).values(account="main", **row_of(value)))
        row = connection.execute(sa.select(table)).mappings().one()
    engine.dispose()

    assert value_of(row, type(value)) == value


def test_an_orders_columns_are_those_of_the_table():
    own = {"run_id", "account", "committed_us"}

    assert set(row_of(ORDER)) == set(intents.c.keys()) - own
