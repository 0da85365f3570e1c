"""Every input and decision of a run, in order, in a file that shows whether it was altered.

A journal is a text file of JSON lines. The first line is the header, the last but one the
footer, every other a record, except for the seals: after each block of lines stands the
SHA-256 of the seal before it and the block's bytes. A run that was killed leaves a journal
that holds up to its last seal; a changed byte breaks the chain.
The chain proves that a journal is as its last seal says, not who wrote it.
"""

from framework.journal.chain import Fault, FaultKind
from framework.journal.digest import DecisionDigest
from framework.journal.reader import JournalError, JournalReader, JournalReport, verify
from framework.journal.writer import FILE_NAME, JournalWriter

__all__ = [
    "FILE_NAME",
    "DecisionDigest",
    "Fault",
    "FaultKind",
    "JournalError",
    "JournalReader",
    "JournalReport",
    "JournalWriter",
    "verify",
]
