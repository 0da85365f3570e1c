"""Blocks are shown only once their seal is verified."""

from io import BytesIO

from framework.journal.chain import Chain, FaultKind, seal_after, seal_line

HEADER = b'{"header":{}}\n'
RECORD = b'{"event":1}\n'


def chained(*blocks):
    content, seal = b"", bytes(32)
    for block in blocks:
        seal = seal_after(seal, block)
        content += block + seal_line(seal, block.count(b"\n"))
    return content


def test_shows_the_blocks_without_their_seals():
    chain = Chain(BytesIO(chained(HEADER, RECORD * 2)))

    assert list(chain) == [HEADER, RECORD * 2]
    assert (chain.blocks, chain.lines, chain.fault) == (2, 5, None)


def test_the_last_seal_depends_on_every_block():
    def last(*blocks):
        chain = Chain(BytesIO(chained(*blocks)))
        list(chain)
        return chain.seal

    seals = {last(HEADER), last(HEADER, RECORD), last(HEADER, RECORD * 2)}
    seals.add(last(HEADER, RECORD, RECORD))

    assert len(seals) == 4


def test_a_block_without_its_seal_is_not_shown():
    chain = Chain(BytesIO(chained(HEADER) + RECORD))

    assert list(chain) == [HEADER]
    assert chain.fault.kind is FaultKind.CUT
    assert chain.tail == [RECORD]


def test_a_wrong_line_count_breaks_the_seal():
    good = chained(HEADER)
    chain = Chain(BytesIO(good.replace(b'"lines":1', b'"lines":2')))

    assert list(chain) == []
    assert chain.fault.kind is FaultKind.BROKEN_SEAL


def test_a_block_too_long_to_hold_is_refused():
    chain = Chain(BytesIO(chained(HEADER) + RECORD * 1_000_000))

    assert list(chain) == [HEADER]
    assert chain.fault.message == "no seal within 4096 lines"
    assert len(chain.tail) == 4_096
