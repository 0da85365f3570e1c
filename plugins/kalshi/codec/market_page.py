"""Pages of markets: every row is read as it is decoded, as long as the page holds nothing new.

A list of all open markets is a hundred pages of a thousand rows. A page of nothing but
documented fields and words is decoded straight into records. Any other is decoded as plain
objects, whose surprises are counted row by row, as everywhere.
"""

from types import GenericAlias
from typing import Any, Final, Literal

import msgspec

from plugins.kalshi.codec import as_json
from plugins.kalshi.codec.documented import OBJECTS, VALUES
from plugins.kalshi.codec.records import MarketRecord

_READ: Final = frozenset(MarketRecord.__struct_fields__)
_PASSED_OVER: Final = {
    name: (name, msgspec.Raw, msgspec.Raw()) for name in sorted(OBJECTS["market"] - _READ)
}
_WORDS: Final = {
    name: (name, Literal["", *sorted(words)] | None, None)
    for name, words in VALUES["market"].items()
}
_Row: Final = msgspec.defstruct(
    "MarketRow",
    (_PASSED_OVER | _WORDS).values(),
    bases=(MarketRecord,),
    forbid_unknown_fields=True,
    gc=False,
)
"""A market's record with all that is documented, and nothing else."""
_Page: Final = msgspec.defstruct(
    "MarketPage", [("markets", GenericAlias(list, (_Row,))), ("cursor", str | None, None)]
)
_decode: Final = msgspec.json.Decoder(_Page).decode


def market_page(body: bytes) -> Any:
    """Decode a page of markets: its rows are `MarketRecord`, or all of them plain objects.

    Raises:
        msgspec.DecodeError: it is no JSON.
    """
    try:
        page: Any = _decode(body)
    except msgspec.ValidationError:
        return as_json(body)
    return {"markets": page.markets, "cursor": page.cursor}
