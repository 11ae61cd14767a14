"""Mistakes in the durable journal."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

JOURNAL = "grinder_adapters/journal"
TESTS = "tests/adapters/journal"
RECORD = (f"{TESTS}/test_record.py",)
WRITING = (f"{TESTS}/test_journal.py",)
FAILURES = (f"{TESTS}/test_write_failures.py",)
DAMAGE = (f"{TESTS}/test_damage.py",)
KILLS = (f"{TESTS}/test_kills.py",)
COMPACTION = (f"{TESTS}/test_compaction.py",)
WAYS_OUT = (f"{TESTS}/test_restore.py",)

MUTANTS: tuple[Mutant, ...] = (
    # -- the chain
    Mutant(
        "a_body_may_use_the_names_of_the_record",
        f"{JOURNAL}/record.py",
        "flat = type(payload) is dict and RESERVED.isdisjoint(payload)",
        "flat = type(payload) is dict",
        RECORD,
    ),
    Mutant(
        "an_index_note_is_not_covered_by_the_hash",
        f"{JOURNAL}/record.py",
        "    if index is not None:\n        record",
        "    if False:\n        record",
        RECORD,
    ),
    Mutant(
        "orjson_writes_what_only_our_own_writer_escapes",
        f"{JOURNAL}/record.py",
        "            and _MESSY not in body\n",
        "",
        RECORD,
    ),
    Mutant(
        "a_rows_link_to_the_one_before_is_not_looked_at",
        f"{JOURNAL}/reader.py",
        "    if row.prev_hash != prev_hash.hex():",
        "    if False:",
        DAMAGE,
    ),
    Mutant(
        "a_chain_may_end_before_head",
        f"{JOURNAL}/reader.py",
        "        if asked_for_some and expected <= head.seq:",
        "        if False:",
        DAMAGE,
    ),
    Mutant(
        "a_blocks_lines_are_not_checked",
        f"{JOURNAL}/blocks.py",
        "    if sha256(text).hexdigest() != header.sha256:",
        "    if False:",
        DAMAGE,
    ),
    Mutant(
        "an_index_is_not_compared_with_its_rows",
        f"{JOURNAL}/opening.py",
        "    indexes.compare(pointers, indexes.fold_rows(reader.db))\n",
        "",
        DAMAGE,
    ),
    Mutant(
        "a_hidden_checkpoint_is_not_missed",
        f"{JOURNAL}/verify.py",
        '    _check_same("checkpoints", [seq for (seq,) in rows], expected, reader, seen)\n',
        "",
        DAMAGE,
    ),
    Mutant(
        "the_head_is_written_into_one_slot",
        f"{JOURNAL}/head.py",
        "os.pwrite(handle, _slot(head), head.turn % _SLOTS * _SLOT_BYTES)",
        "os.pwrite(handle, _slot(head), 0)",
        DAMAGE,
    ),
    Mutant(
        "a_lost_head_is_a_new_beginning",
        f"{JOURNAL}/opening.py",
        "        if path.exists() or head_path.exists():",
        "        if head_path.exists():",
        DAMAGE,
    ),
    # -- committing
    Mutant(
        "a_sync_does_not_wait_for_the_disk",
        f"{JOURNAL}/store.py",
        "f\"PRAGMA synchronous = {'FULL' if full else 'NORMAL'}\"",
        '"PRAGMA synchronous = NORMAL"',
        WRITING,
    ),
    Mutant(
        "a_sync_forgets_what_was_only_committed",
        f"{JOURNAL}/store.py",
        "        elif full and self._unsynced:",
        "        elif False:",
        WRITING,
    ),
    Mutant(
        "a_failed_commit_loses_its_rows",
        f"{JOURNAL}/committer.py",
        "            return _refused(error)\n        except Exception",
        "            self._ready = []\n            return _refused(error)\n"
        "        except Exception",
        FAILURES,
    ),
    Mutant(
        "what_waits_is_told_before_it_is_written",
        f"{JOURNAL}/committer.py",
        "        if not isinstance(self.failure, InvariantError):\n"
        "            self.failure = self._try(store, batch)\n"
        "            self._failures += self.failure is not None\n"
        "        _answer(batch.waiters, self.failure)\n",
        "        _answer(batch.waiters, self.failure)\n"
        "        if not isinstance(self.failure, InvariantError):\n"
        "            self.failure = self._try(store, batch)\n"
        "            self._failures += self.failure is not None\n",
        FAILURES,
    ),
    Mutant(
        "a_row_overtakes_the_lines_before_it",
        f"{JOURNAL}/intake.py",
        "            self._close_block()\n            return self._number(stream",
        "            return self._number(stream",
        WRITING,
    ),
    Mutant(
        "an_index_is_written_apart_from_its_row",
        f"{JOURNAL}/pending.py",
        "        statements += (_index_statement(note, seq),)\n",
        "",
        KILLS,
    ),
    Mutant(
        "market_lines_may_take_all_the_room",
        f"{JOURNAL}/intake.py",
        "bytes_max, bytes_max * 3 // 4",
        "bytes_max, bytes_max",
        FAILURES,
    ),
    Mutant(
        "two_may_write",
        f"{JOURNAL}/lock.py",
        "            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)\n",
        "",
        KILLS,
    ),
    # -- compaction, restoring
    Mutant(
        "compaction_goes_up_to_the_newer_checkpoint",
        f"{JOURNAL}/archive.py",
        "through = min((one.seq",
        "through = max((one.seq",
        COMPACTION,
    ),
    Mutant(
        "compaction_drops_what_an_index_points_to",
        f"{JOURNAL}/store.py",
        "doomed = [row for row in rows if row[0] not in self._anchor.kept]",
        "doomed = rows",
        COMPACTION,
    ),
    Mutant(
        "a_restored_state_keeps_its_old_log",
        f"{JOURNAL}/restoring.py",
        '_DATABASE: Final = (f"{DB_FILE}-wal", f"{DB_FILE}-shm", DB_FILE)',
        "_DATABASE: Final = (DB_FILE,)",
        WAYS_OUT,
    ),
    Mutant(
        "a_copy_is_not_checked_before_it_is_put_in_place",
        f"{JOURNAL}/restoring.py",
        "        if not seen.is_sound or seen.last_seq < 0:",
        "        if seen.last_seq < 0:",
        WAYS_OUT,
    ),
)
