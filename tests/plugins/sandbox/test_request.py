"""Queries, and pages that neither skip nor repeat a row."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.sandbox.request import Query, page_of, request_of, segments
from plugins.sandbox.wire import Problem


def pages(rows, keep, take, limit):
    """Read a list to its end; return the pages."""
    found, cursor = [], ""
    while True:
        page = page_of(Query(f"limit={limit}&cursor={cursor}"))
        part, cursor = getattr(page, take)(rows, keep)
        found.append(part)
        if not cursor:
            return found


@given(rows=st.lists(st.integers()), limit=st.integers(1, 7), modulus=st.integers(1, 4))
def test_the_pages_of_a_list_are_the_list(rows, limit, modulus):
    def keep(row):
        return row % modulus == 0

    wanted = [row for row in rows if keep(row)]
    for take, expected in (("oldest_first", wanted), ("newest_first", wanted[::-1])):
        found = pages(rows, keep, take, limit)

        assert [row for page in found for row in page] == expected
        assert all(len(page) == limit for page in found[:-1])


@pytest.mark.parametrize("text", ["true", "1", "T"])
def test_a_flag_may_be_true(text):
    assert Query(f"on={text}").flag("on") is True


@pytest.mark.parametrize("text", ["on=false", "on=0", "on=", ""])
def test_a_flag_is_false_otherwise(text):
    assert Query(text).flag("on") is False


@pytest.mark.parametrize(
    "read",
    [
        lambda query: query.flag("x"),
        lambda query: query.number("x", 1),
        lambda query: query.seconds("x"),
    ],
)
def test_what_cannot_be_bound_is_refused(read):
    with pytest.raises(Problem):
        read(Query("x=maybe"))


def test_a_query_of_a_thousand_parameters_is_refused():
    with pytest.raises(Problem):
        Query("&".join(f"a{number}=1" for number in range(1_001)))


def test_lists_are_separated_by_commas_or_repeated():
    assert Query("t=a,b&t=c").listed("t") == {"a", "b", "c"}
    assert Query("").listed("t") is None


def test_a_target_is_split_from_its_query():
    request = request_of("GET", "/a/b%20c?limit=5", {})

    assert (request.path, request.query.text("limit")) == ("/a/b%20c", "5")
    assert segments(request.path) == ("a", "b c")


def test_a_target_that_cannot_be_split_is_refused():
    with pytest.raises(Problem):
        request_of("GET", "http://[x", {})
