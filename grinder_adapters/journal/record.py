"""A journal row, and the one text that its hash covers (README section 3, "Chain record").

The record is one canonical JSON object: ``seq``, ``ts_ms``, ``prev_hash``, ``stream``, ``kind``,
for an indexed row ``index``, and beside them the fields of the row's body. A body that is no object
or uses one of these names itself stands whole under ``payload``; so no two rows share a text.
``hash`` is the SHA-256 of that text, and the next row's ``prev_hash``.
"""

from __future__ import annotations

import json
import re
from enum import StrEnum
from hashlib import sha256
from typing import Any, Final

import orjson
from attrs import field, frozen

from grinder_core.codec import canonical_json
from grinder_core.errors import ContractError

FIRST_SEQ: Final = 0
FIRST_PREV_HASH: Final = bytes(32)
RESERVED: Final = frozenset(
    {"seq", "ts_ms", "prev_hash", "hash", "stream", "kind", "index", "payload"}
)
_MAYBE_FLOAT: Final = re.compile(r"[:\[,]-?[0-9]+[.eE]")
# the one ASCII character that our own writer escapes and orjson does not
_MESSY: Final = "\x7f"
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
TS_MS_MAX: Final = (1 << 53) - 1
_SORTED: Final = orjson.OPT_SORT_KEYS


class IndexTable(StrEnum):
    """The tables that index rows by a key; each entry is a row of the journal first."""

    INTENTS = "intents"
    IDEMPOTENCY = "idempotency"
    LATCHES = "latches"


class IndexOp(StrEnum):
    """What a row does to the entry of its key."""

    PUT = "put"
    DROP = "drop"


@frozen(kw_only=True)
class IndexNote:
    """Which entry of which table a row sets or takes away; the key is printable ASCII."""

    table: IndexTable
    key: str = field()
    op: IndexOp = IndexOp.PUT

    @key.validator
    def _check_key(self, _: object, key: str) -> None:
        if not key or not key.isascii() or not key.isprintable():
            raise ContractError("must be printable ASCII", field="key", value=key)


@frozen(kw_only=True)
class JournalHead:
    """What wrote the rows that follow (design section 1.3).

    Attributes:
        engine_version: Version of grinder.
        config_hash: Hash of the effective settings without secrets.
        contract_version: Version of events and outputs.
        ts_ms: When it began to write, Unix milliseconds.
    """

    engine_version: str
    config_hash: str
    contract_version: int
    ts_ms: int

    def body(self) -> str:
        """Return the payload of its row, canonical JSON."""
        return canonical_json(
            {
                "config_hash": self.config_hash,
                "contract_version": self.contract_version,
                "engine_version": self.engine_version,
            }
        )


@frozen(kw_only=True)
class Row:
    """One row of the journal, or one market line out of a block of them.

    Attributes:
        seq: Position in the journal, from 0; the lines of one block share their block's.
        ts_ms: Unix milliseconds.
        body: Canonical JSON of the payload; a market line as it was given.
        prev_hash, hash: 64 lowercase hexadecimal characters; a line carries its block's.
        index: What the row does to an index table, if anything.
        line: Position of a market line in its block, from 0; ``-1`` for a row.
    """

    seq: int
    ts_ms: int
    stream: str
    kind: str
    body: str
    prev_hash: str
    hash: str
    index: IndexNote | None = None
    line: int = -1


def check_names(stream: str, kind: str, ts_ms: int) -> None:
    """Check what stands in a row besides its body.

    Raises:
        ContractError: A name that is none, or a time out of range.
    """
    for name, value in (("stream", stream), ("kind", kind)):
        if _NAME.fullmatch(value) is None:
            raise ContractError(f"must match {_NAME.pattern}", field=name, value=value)
    check_time(ts_ms)


def check_time(ts_ms: int) -> None:
    """Check a row's time.

    Raises:
        ContractError: It is out of range.
    """
    if not 0 <= ts_ms <= TS_MS_MAX:
        raise ContractError(f"must be 0 to {TS_MS_MAX}", field="ts_ms", value=ts_ms)


def parse_body(body: str) -> tuple[Any, bool]:
    """Return a body's value, and whether orjson writes it as our own writer does.

    Raises:
        ContractError: It is not canonical JSON.
    """
    try:
        value = orjson.loads(body)
        plain = orjson.dumps(value, option=_SORTED) == body.encode()
        if (
            plain
            and body[0] in "{["
            and body.isascii()
            and _MESSY not in body
            and _MAYBE_FLOAT.search(body) is None
        ):
            return value, True
        value = json.loads(body, parse_float=_refuse, parse_constant=_refuse)
        if canonical_json(value) != body:
            raise ValueError("other bytes than its canonical form")
    except (ValueError, TypeError, RecursionError) as error:
        raise ContractError(
            f"must be canonical JSON: {error}",
            field="body",
            value=body,
            remedy="write it with codec.canonical_json",
        ) from None
    return value, False


def record_text(
    seq: int,
    ts_ms: int,
    stream: str,
    kind: str,
    prev_hash: bytes,
    payload: Any,
    index: IndexNote | None = None,
    *,
    plain: bool = False,
) -> bytes:
    """Return the canonical record that a row's hash covers.

    Args:
        payload: The parsed body.
        plain: Whether orjson writes the payload canonically, from ``parse_body``.
    """
    flat = type(payload) is dict and RESERVED.isdisjoint(payload)
    record: dict[str, Any] = {**payload} if flat else {"payload": payload}
    record["seq"] = seq
    record["ts_ms"] = ts_ms
    record["stream"] = stream
    record["kind"] = kind
    record["prev_hash"] = prev_hash.hex()
    if index is not None:
        record["index"] = {
            "key": index.key,
            "op": index.op.value,
            "table": index.table.value,
        }
    if plain:
        return orjson.dumps(record, option=_SORTED)
    return canonical_json(record).encode("ascii")


def record_hash(text: bytes) -> bytes:
    """Return the SHA-256 of a record, 32 bytes."""
    return sha256(text).digest()


def _refuse(text: str) -> None:
    raise ValueError(f"the number {text} is no decimal string")
