import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.kalshi.stream.sequence import CONTROL, REPLY, Sequence


def taken(*steps):
    """Feed (number, is_control) and return what was answered."""
    sequence = Sequence()
    return [sequence.passes(seq) if control else sequence.follows(seq) for seq, control in steps]


def data(*numbers):
    return [(number, False) for number in numbers]


@given(st.integers(1, 10**9), st.integers(1, 50))
def test_numbers_in_a_row_follow_wherever_they_start(start, length):
    assert all(taken(*data(*range(start, start + length))))


@given(st.integers(3, 50).flatmap(lambda n: st.tuples(st.just(n), st.integers(2, n - 1))))
def test_any_single_loss_is_noticed_once_with_the_next_message(case):
    length, lost = case
    numbers = [number for number in range(1, length + 1) if number != lost]

    answers = taken(*data(*numbers))

    assert answers.index(False) == numbers.index(lost + 1)
    assert answers.count(False) == 1


@pytest.mark.parametrize(
    ("numbers", "answers"),
    [
        ((1, 2, 4, 5), [True, True, False, True]),
        ((1, 2, 2, 3), [True, True, False, True]),
        ((1, 3, 2, 4), [True, False, False, True]),
        ((5, 1), [True, False]),
    ],
)
def test_a_gap_a_repeat_and_a_swap_do_not_follow(numbers, answers):
    assert taken(*data(*numbers)) == answers


steps = st.one_of(
    st.tuples(st.just("follows"), st.integers(1, 9), st.integers(1, 4)),
    st.tuples(st.just("passes"), st.integers(1, 9), st.just(1)),
)


@given(st.lists(steps, max_size=8))
def test_messages_in_a_row_follow_together_as_they_do_one_by_one(steps):
    together, apart = Sequence(), Sequence()

    for kind, seq, count in steps:
        if kind == "passes":
            answers = {together.passes(seq), apart.passes(seq)}
        else:
            each = [apart.follows(one) for one in range(seq, seq + count)]
            answers = {together.follows(seq, count), all(each)}

        assert len(answers) == 1


def test_a_control_message_may_take_a_number():
    assert taken((1, False), (2, True), (3, False)) == [True, True, True]


def test_a_control_message_may_take_none():
    assert taken((1, False), (1, True), (2, False)) == [True, True, True]
    assert taken((1, False), (2, True), (2, False), (3, False)) == [True, True, True, True]


def test_a_control_message_behind_a_loss_tells_of_it():
    assert taken((1, False), (3, True), (4, False)) == [True, False, True]


def test_a_repeat_after_a_data_message_is_never_excused():
    assert taken((1, False), (2, True), (2, False), (2, False)) == [True, True, True, False]


def test_messages_without_a_number_are_outside():
    assert taken((None, False), (1, False), (None, True), (2, False)) == [True] * 4


@pytest.mark.parametrize("kind", [CONTROL, REPLY])
def test_once_seen_to_repeat_a_number_ahead_tells_of_a_loss(kind):
    sequence = Sequence()
    seen = [sequence.follows(1), sequence.passes(1, kind), sequence.follows(2)]

    assert seen == [True, True, True]
    assert not sequence.passes(3, kind)
    assert sequence.follows(4)


def test_what_one_subscription_shows_is_known_of_all():
    repeats = set()
    first, second = Sequence(repeats), Sequence(repeats)
    first.follows(1)
    first.passes(1)
    second.follows(1)

    assert not second.passes(2)


def test_a_number_that_was_believed_taken_is_doubted_when_the_habit_shows():
    sequence = Sequence()
    believed = [sequence.follows(1), sequence.passes(2), sequence.follows(3)]

    assert believed == [True, True, True]
    assert not sequence.passes(3)


def test_a_data_message_after_an_answer_of_its_number_is_never_excused():
    sequence = Sequence()
    sequence.follows(1)
    sequence.passes(2, REPLY)

    assert not sequence.follows(2)


def test_what_later_numbers_have_passed_is_out_of_date():
    sequence = Sequence()
    fresh = sequence.is_past(1)
    sequence.follows(5)

    assert not fresh
    assert [sequence.is_past(seq) for seq in (4, 5, 6, None)] == [True, False, False, False]
