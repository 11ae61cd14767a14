"""Every request and its answer as one record, for assertions and for people (LIVE-40).

Records hold neither API key nor signature nor listen key. The newest stay in memory, packed; how
many there were is counted, and all of them can go to a file of JSON Lines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from operator import attrgetter
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

import orjson
from attrs import fields, frozen

from grinder_adapters.local_venue.packed_lines import PackedLines
from grinder_core.codec import canonical_json
from grinder_core.errors import ContractError, InputError

KEPT: Final = 10_000
_SECRET: Final = frozenset({"signature", "listenKey", "apiKey"})
# these change neither orders nor the account
_HARMLESS: Final = frozenset({"/fapi/v1/listenKey", "/fapi/v1/order/test"})
_OK: Final = 400


@frozen(kw_only=True)
class RequestRecord:
    """One request and what became of it.

    Attributes:
        seq: Counted from 0.
        ts_ms: Arrival, the venue's clock.
        parameters: Decoded, without what is secret.
        account: Empty where nobody asked.
        status: Of HTTP; 0 where no answer was sent.
        code: The venue's error code; 0 for none.
        order_ids, client_order_ids: Of the orders it named or made.
        weight, orders: What it cost.
        fault: Kinds of the injected faults, joined by ``+``; empty for none.
    """

    seq: int
    ts_ms: int
    method: str
    path: str
    parameters: Mapping[str, str]
    account: str
    status: int
    code: int
    order_ids: tuple[int, ...]
    client_order_ids: tuple[str, ...]
    weight: int
    orders: int
    fault: str

    @property
    def is_write(self) -> bool:
        """Whether it could change orders or the account."""
        return self.method != "GET" and self.path not in _HARMLESS

    @property
    def is_refused(self) -> bool:
        """Whether the answer was an error."""
        return self.status >= _OK


_NAMES: Final = tuple(field.name for field in fields(RequestRecord))
_values: Final = attrgetter(*_NAMES)


class RequestLog:
    """The newest records and, where a path is given, all of them in a file.

    Args:
        keep: How many stay in memory.
        path: The file; lines are appended, each written through at once.

    Raises:
        ContractError: ``keep`` is below 1.
        InputError: The file cannot be opened.
    """

    def __init__(self, keep: int = KEPT, path: Path | None = None) -> None:
        if keep < 1:
            raise ContractError("must be >= 1", field="keep", value=keep)
        self._kept = PackedLines(keep)
        self._file = None if path is None else _opened(path)
        self.total = 0
        self.writes_total = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[RequestRecord]:
        return iter(self.newest(len(self._kept)))

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def dropped(self) -> int:
        """How many records no longer stand in memory; queries know nothing of them."""
        return self.total - len(self._kept)

    def add(
        self,
        ts_ms: int,
        method: str,
        path: str,
        parameters: Mapping[str, str],
        *,
        account: str = "",
        status: int,
        code: int = 0,
        order_ids: tuple[int, ...] = (),
        client_order_ids: tuple[str, ...] = (),
        weight: int = 0,
        orders: int = 0,
        fault: str = "",
    ) -> RequestRecord:
        """Note a request once its answer is known; see ``RequestRecord``."""
        record = RequestRecord(
            seq=self.total,
            ts_ms=ts_ms,
            method=method,
            path=path,
            parameters={name: v for name, v in parameters.items() if name not in _SECRET},
            account=account,
            status=status,
            code=code,
            order_ids=order_ids,
            client_order_ids=client_order_ids,
            weight=weight,
            orders=orders,
            fault=fault,
        )
        self.total += 1
        self.writes_total += record.is_write
        self._kept.append(orjson.dumps(_values(record)))
        if self._file is not None:
            self._file.write(canonical_json(record) + "\n")
            self._file.flush()
        return record

    def close(self) -> None:
        """Close the file; the records in memory stay."""
        if self._file is not None:
            self._file.close()
            self._file = None

    # -- questions about what is kept, oldest first --------------------------------------------

    def newest(self, most: int) -> list[RequestRecord]:
        """Return the newest records, at most that many."""
        return list(map(_read, self._kept.newest(most)))

    def where(self, holds: Callable[[RequestRecord], bool]) -> list[RequestRecord]:
        """Return the records of which something holds."""
        return list(filter(holds, self))

    def writes(self) -> list[RequestRecord]:
        """Return what could change orders or the account, refused or not."""
        return self.where(lambda record: record.is_write)

    def of(self, path: str, method: str = "") -> list[RequestRecord]:
        """Return the requests to a path, of one method or of any."""
        return self.where(lambda r: r.path == path and method in {"", r.method})

    def refused(self) -> list[RequestRecord]:
        """Return what was answered with an error."""
        return self.where(lambda record: record.is_refused)

    def faulted(self) -> list[RequestRecord]:
        """Return what a fault was injected into."""
        return self.where(lambda record: bool(record.fault))

    def about(self, client_order_id: str) -> list[RequestRecord]:
        """Return what named or made an order."""
        return self.where(lambda record: client_order_id in record.client_order_ids)


def _read(line: bytes) -> RequestRecord:
    values = dict(zip(_NAMES, orjson.loads(line), strict=True))
    for name in ("order_ids", "client_order_ids"):
        values[name] = tuple(values[name])
    return RequestRecord(**values)


def _opened(path: Path) -> IO[str]:
    try:
        return path.open("a", encoding="ascii", newline="\n")
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", where=str(path)) from None
