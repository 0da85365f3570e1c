from plugins.kalshi.codec.order_names import EARLY_KEPT, KNOWN_KEPT, Known, OrderNames, Said


def test_a_name_is_kept_also_when_a_list_does_not_tell_it():
    names = OrderNames()

    names.learn("o-1", "c-1", 500)
    names.learn("o-1", None, 500)

    assert names.find("o-1") == Known("c-1", 500)
    assert names.find("o-2") is None


def test_the_last_early_word_is_told_once():
    names = OrderNames()

    names.hold("o-1", Said("resting", 500))
    names.hold("o-1", Said("executed", 0))

    assert names.early("o-1") == Said("executed", 0)
    assert names.early("o-1") is None


def test_the_oldest_are_given_up():
    names = OrderNames()

    for number in range(KNOWN_KEPT + 1):
        names.learn(f"o-{number}", f"c-{number}", 1)
    for number in range(EARLY_KEPT + 1):
        names.hold(f"e-{number}", Said("resting", 1))

    assert (names.find("o-0"), names.early("e-0")) == (None, None)
    assert names.find("o-1") is not None
    assert names.early("e-1") is not None
