"""The durable journal (LIVE-38): one hash chain of rows, its checkpoints, and what indexes them.

A state folder holds

    state.db   rows, checkpoints and indexes, SQLite in WAL mode
    HEAD       how far the journal certainly reaches
    LOCK       who writes here

``Journal`` is the one writer, ``JournalReader`` reads, also beside it. ``survey`` checks all of it;
``compact`` and ``repack`` keep the folder small; ``backup``, ``restore``, ``salvage`` and
``set_aside`` are the ways out of damage.
"""

from grinder_adapters.journal.archive import Archived, read_archive
from grinder_adapters.journal.compaction import compact, repack
from grinder_adapters.journal.exporting import export
from grinder_adapters.journal.journal import Journal
from grinder_adapters.journal.reader import JournalReader, StoredCheckpoint
from grinder_adapters.journal.record import IndexNote, IndexOp, IndexTable, JournalHead, Row
from grinder_adapters.journal.restoring import backup, restore, set_aside
from grinder_adapters.journal.salvage import salvage
from grinder_adapters.journal.verify import Survey, survey

__all__ = [
    "Archived",
    "IndexNote",
    "IndexOp",
    "IndexTable",
    "Journal",
    "JournalHead",
    "JournalReader",
    "Row",
    "StoredCheckpoint",
    "Survey",
    "backup",
    "compact",
    "export",
    "read_archive",
    "repack",
    "restore",
    "salvage",
    "set_aside",
    "survey",
]
