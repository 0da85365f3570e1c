from plugins.kalshi.codec.extras import Extras
from plugins.kalshi.codec.fixed_point import FixedPoint


def test_todays_dialect_has_every_extra():
    extras: Extras = FixedPoint().extras

    missing = [name for name in vars(Extras) if name[0] != "_" and not hasattr(extras, name)]

    assert missing == []
