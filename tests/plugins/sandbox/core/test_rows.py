"""What the embedded exchange tells."""

from plugins.sandbox.core.rows import Refusal


def test_a_refusal_shows_status_code_and_words():
    assert str(Refusal(404, "not_found", "order not found")) == "404 not_found: order not found"
