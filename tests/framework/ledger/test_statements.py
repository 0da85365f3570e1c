import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from framework.ledger import statements
from framework.model.events import OrderFilled
from framework.testing.builders import NOW_US, fill

MADE = {name: made for name, made in vars(statements).items() if name.isupper()}


@pytest.mark.parametrize("name", MADE)
@pytest.mark.parametrize("dialect", [sqlite, postgresql], ids=["sqlite", "postgresql"])
def test_each_is_said_in_every_dialect(name, dialect):
    assert str(MADE[name].compile(dialect=dialect.dialect()))


@pytest.mark.parametrize(
    "name", [name for name, made in MADE.items() if isinstance(made, sa.Update | sa.Delete)]
)
def test_no_change_is_without_a_condition(name):
    assert MADE[name].whereclause is not None


def test_money_is_counted_through_all_its_tables(ledger):
    places = [_next(ledger)]
    ledger.record_opening(1, NOW_US)
    places.append(_next(ledger))
    ledger.record_events([OrderFilled(at_us=NOW_US, fill=fill())])
    places.append(_next(ledger))

    assert places == [1, 2, 3]


def _next(ledger):
    with ledger._store.transaction() as connection:
        return statements.next_seq(connection, "main")
