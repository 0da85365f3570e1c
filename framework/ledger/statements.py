"""The statements the ledger runs while it trades, made once.

Making one anew costs several times as much as running it.
Parameters are called `the_...`, for plain names stand for the columns that are set.
"""

from typing import Final

import sqlalchemy as sa

from framework.ledger import schema
from framework.model.units import Side

_intents, _orders, _fills = schema.intents.c, schema.orders.c, schema.fills.c
_settlements, _marks, _lock = schema.settlements.c, schema.watermarks.c, schema.account_lock.c

_account = sa.bindparam("the_account", type_=sa.Text())
_name = sa.bindparam("the_name", type_=sa.Text())

_order = (
    sa.select(schema.orders, _intents.quantity_e2, _intents.committed_us)
    .join(schema.intents)
    .where(_orders.account == _account)
)
ORDER_BY_OUR_ID: Final = _order.where(_orders.client_order_id == _name)
ORDER_BY_THEIR_ID: Final = _order.where(_orders.order_id == _name)
ADD_INTENT: Final = sa.insert(schema.intents)
ADD_ORDER: Final = sa.insert(schema.orders)
MOVE_ORDER: Final = (
    sa.update(schema.orders)
    .where(_orders.client_order_id == _name)
    .values(
        {
            name: sa.bindparam(name)
            for name in ("state", "order_id", "reported_e2", "reason", "updated_us")
        }
    )
)

FILL: Final = sa.select(schema.fills).where(_fills.account == _account, _fills.trade_id == _name)
ADD_FILL: Final = sa.insert(schema.fills)
FILLED_E2: Final = sa.select(sa.func.sum(_fills.quantity_e2)).where(_fills.client_order_id == _name)
ADOPT_FILLS: Final = (
    sa.update(schema.fills)
    .where(
        _fills.account == _account,
        _fills.order_id == _name,
        _fills.client_order_id.is_(None),
    )
    .values(client_order_id=sa.bindparam("client_order_id"))
)
_signed = sa.case((_fills.side == Side.YES.value, _fills.quantity_e2), else_=-_fills.quantity_e2)
HELD_E2: Final = sa.select(sa.func.sum(_signed)).where(
    _fills.account == _account, _fills.ticker == _name
)

SETTLEMENT: Final = sa.select(schema.settlements).where(
    _settlements.account == _account, _settlements.ticker == _name
)
ADD_SETTLEMENT: Final = sa.insert(schema.settlements)
ADD_CASH: Final = sa.insert(schema.cash)
LAST_SEQ: Final = sa.select(
    *(
        sa.select(sa.func.max(table.c.seq)).where(table.c.account == _account).scalar_subquery()
        for table in (schema.fills, schema.settlements, schema.cash)
    )
)

WATERMARK: Final = sa.select(_marks.as_of_us).where(_marks.account == _account)
ADD_WATERMARK: Final = sa.insert(schema.watermarks)
MOVE_WATERMARK: Final = (
    sa.update(schema.watermarks)
    .where(_marks.account == _account)
    .values(as_of_us=sa.bindparam("as_of_us"))
)

_ours = (
    _lock.account == _account,
    _lock.run_id == sa.bindparam("the_run", type_=sa.Text()),
    _lock.host == sa.bindparam("the_host", type_=sa.Text()),
    _lock.pid == sa.bindparam("the_pid", type_=sa.Integer()),
)
LOCK_IS_OURS: Final = sa.select(_lock.pid).where(*_ours)
RELEASE_LOCK: Final = sa.delete(schema.account_lock).where(*_ours)


def next_seq(connection: sa.Connection, account: str) -> int:
    """Return the next place in the order in which an account's money was booked."""
    last = connection.execute(LAST_SEQ, {"the_account": account}).one()
    return max((seq for seq in last if seq is not None), default=0) + 1
