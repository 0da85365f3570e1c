"""The drift guard: does the exchange's own description still say what we read and write?

`document` reads an OpenAPI or AsyncAPI file, `contract` lists what we rely on, `compare` tells
the difference. The counters of `codec.Drift` notice a change when it arrives; this tells it
before.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from framework.checks import Check
from plugins.kalshi.drift.compare import compared
from plugins.kalshi.drift.contract import contract
from plugins.kalshi.drift.document import read_document


def drift_checks(path: Path) -> Sequence[Check]:
    """Return the comparison with a description of the exchange's wire.

    Raises:
        ConfigError: the file can't be read or describes neither kind of wire.
    """
    document = read_document(path)
    return [Check(name=f"drift from {document}", findings=partial(compared, document, contract()))]
