from framework.checks import Check, Finding, Level


def test_a_check_looks_only_when_it_is_asked():
    looked = []

    def look():
        looked.append(True)
        return [Finding(level=Level.OK, what="fine")]

    check = Check(name="eyes", findings=look)

    assert looked == []
    assert [finding.what for finding in check.findings()] == ["fine"]


def test_levels_stand_from_harmless_to_broken():
    assert list(Level) == [Level.OK, Level.NOTE, Level.WARNING, Level.PROBLEM]
