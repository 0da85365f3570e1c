import pytest
from wsproto import ConnectionType
from wsproto.connection import Connection
from wsproto.events import TextMessage

from plugins.sandbox.framing import framed, head


@pytest.mark.parametrize("length", [0, 1, 125, 126, 65_535, 65_536])
def test_a_text_is_framed_as_the_library_frames_it(length):
    text = "x" * length

    library = Connection(ConnectionType.SERVER)
    assert framed(text.encode()) == library.send(TextMessage(data=text))


def test_a_head_has_the_first_byte_that_is_asked_for():
    assert head(0x01, 5) == b"\x01\x05"
