"""The durable journal (LIVE-38): one hash chain of rows, its checkpoints, and what indexes them.

A state folder holds

    state.db   rows, checkpoints and indexes, SQLite in WAL mode
    HEAD       how far the journal certainly reaches
    LOCK       who writes here

``Journal`` is the one writer, ``JournalReader`` reads, also beside it.
"""

from grinder_adapters.journal.journal import Journal
from grinder_adapters.journal.reader import JournalReader, StoredCheckpoint
from grinder_adapters.journal.record import IndexNote, IndexOp, IndexTable, JournalHead, Row

__all__ = [
    "IndexNote",
    "IndexOp",
    "IndexTable",
    "Journal",
    "JournalHead",
    "JournalReader",
    "Row",
    "StoredCheckpoint",
]
