import sqlalchemy as sa

from framework.ledger.direct import Direct
from framework.ledger.statements import ADD_ORDER, LOCK_IS_OURS


def direct(statement, columns=None):
    return Direct(statement, sa.create_engine("sqlite://").dialect, columns)


def test_a_statement_is_written_out_once_with_places_for_its_values():
    add = direct(ADD_ORDER, ["client_order_id", "state"])

    assert add.text == "INSERT INTO orders (client_order_id, state) VALUES (?, ?)"


def test_values_come_in_the_order_of_their_places_whatever_the_rows_order():
    add = direct(ADD_ORDER, ["client_order_id", "state"])

    assert add.values({"state": "pending", "client_order_id": "a", "more": 1}) == ("a", "pending")


def test_named_parameters_become_places():
    lock = direct(LOCK_IS_OURS)
    row = {"the_account": "A", "the_run": "r", "the_host": "h", "the_pid": 7}

    assert lock.text.count("?") == 4
    assert sorted(map(str, lock.values(row))) == ["7", "A", "h", "r"]
