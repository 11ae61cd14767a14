"""The file ``HEAD``: how far the journal certainly reaches.

SQLite drops the tail of a damaged write-ahead log in silence. ``HEAD`` therefore names, outside
the database, number and hash of the last SYNC commit: a chain that ends before it is broken. Two
slots are written in turn, so that a cut or damaged write leaves the one before.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import orjson
from attrs import frozen

from grinder_adapters.feeds.atomic import atomic_file
from grinder_adapters.journal.record import FIRST_PREV_HASH, FIRST_SEQ
from grinder_core.codec import canonical_json, sha256_hex

HEAD_FILE: Final = "HEAD"
_SLOT_BYTES: Final = 256
_SLOTS: Final = 2


@frozen(kw_only=True)
class Head:
    """One slot.

    Attributes:
        turn: Counts the writes; the higher valid slot holds.
        seq: Last row of the last SYNC commit; ``-1`` before the first.
        hash: That row's hash, 64 hexadecimal characters.
    """

    turn: int
    seq: int
    hash: str

    def next(self, seq: int, digest: bytes) -> Head:
        """Return the slot that follows this one."""
        return Head(turn=self.turn + 1, seq=seq, hash=digest.hex())


NOTHING: Final = Head(turn=0, seq=FIRST_SEQ - 1, hash=FIRST_PREV_HASH.hex())


def create_head(path: Path, head: Head = NOTHING) -> None:
    """Make the file with one valid slot, on disk before its name appears.

    Raises:
        InputError: The folder cannot be written.
    """
    blank = b" " * (_SLOT_BYTES - 1) + b"\n"
    slots = [blank] * _SLOTS
    slots[head.turn % _SLOTS] = _slot(head)
    with atomic_file(path) as file:
        file.write(b"".join(slots))


def write_head(handle: int, head: Head) -> None:
    """Write a slot in its turn; not forced to disk.

    Raises:
        OSError: It cannot be written.
    """
    os.pwrite(handle, _slot(head), head.turn % _SLOTS * _SLOT_BYTES)


def read_head(path: Path) -> Head | None:
    """Return the newest valid slot; ``None`` if the file is missing or holds none."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    slots = (data[i * _SLOT_BYTES : (i + 1) * _SLOT_BYTES] for i in range(_SLOTS))
    valid = [head for slot in slots if (head := _read_slot(slot)) is not None]
    return max(valid, key=lambda head: head.turn, default=None)


def _slot(head: Head) -> bytes:
    body = canonical_json(head)
    return (
        f"{body} {sha256_hex(body.encode('ascii'))}".encode("ascii").ljust(_SLOT_BYTES - 1) + b"\n"
    )


def _read_slot(slot: bytes) -> Head | None:
    body, _, digest = slot.strip().partition(b" ")
    if sha256_hex(body).encode("ascii") != digest:
        return None
    fields = orjson.loads(body)
    return Head(turn=fields["turn"], seq=fields["seq"], hash=fields["hash"])
