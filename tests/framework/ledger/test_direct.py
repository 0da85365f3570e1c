import sqlalchemy as sa

from framework.ledger.direct import Direct
from framework.ledger.statements import ADD_ORDER, LOCK_IS_OURS


def direct(statement, *names):
    return Direct(statement, sa.create_engine("sqlite://").dialect, names)


def test_a_statement_is_written_out_once_with_places_for_its_values():
    add = direct(ADD_ORDER, "client_order_id", "state")

    assert add.text == "INSERT INTO orders (client_order_id, state) VALUES (?, ?)"


def test_values_come_in_the_order_of_their_places_whatever_the_rows_order():
    add = direct(ADD_ORDER, "state", "client_order_id")

    assert add.text == "INSERT INTO orders (client_order_id, state) VALUES (?, ?)"
    assert add.values(("pending", "a")) == ("a", "pending")


def test_named_parameters_become_places():
    lock = direct(LOCK_IS_OURS, "the_account", "the_run", "the_host", "the_pid")

    assert lock.text.count("?") == 4
    assert sorted(map(str, lock.values(("A", "r", "h", 7)))) == ["7", "A", "h", "r"]
