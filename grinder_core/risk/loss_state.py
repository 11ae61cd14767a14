"""Losing streaks on paper: what survives a restart, as one strict text (CORE-31)."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Any, Final, TypeVar

from attrs import evolve, frozen

from grinder_core.codec import canonical_json, dump_state, load_state
from grinder_core.contracts.checks import check_int, check_symbol, check_ts
from grinder_core.errors import ArtifactError, ContractError
from grinder_core.risk.loss_streak import LossStreak, LossStreaks
from grinder_core.risk.roundtrips import RoundtripTracker
from grinder_core.risk.settings import RiskSettings

VERSION: Final = "consecutive_loss_state_v2"
VERSION_WITHOUT_TRACKER: Final = "consecutive_loss_state_v1"

T = TypeVar("T")


class LossStateNote(StrEnum):
    """What is worth a line in the log when a state is read."""

    TRACKER_NOT_IN_STATE = "CONSEC_LOSS_TRACKER_NOT_IN_STATE"
    TRACKER_RESTORE_FAILED = "CONSEC_LOSS_TRACKER_RESTORE_FAILED"
    DIGEST_MISMATCH = "CONSEC_LOSS_STATE_DIGEST_MISMATCH"
    UNREADABLE = "CONSEC_LOSS_STATE_UNREADABLE"
    MISSING = "CONSEC_LOSS_STATE_MISSING"
    WRITE_COMPLETED = "CONSEC_LOSS_STATE_WRITE_COMPLETED"


@frozen(kw_only=True)
class PersistedServiceState:
    """A copy of all that the guards depend on, but their settings.

    Attributes:
        guards, last_trade_ids: By symbol.
        updated_ts_ms: When it was taken, Unix milliseconds.
        tracker: Open round trips; ``None`` where the text did not hold them.
    """

    guards: dict[str, LossStreak]
    last_trade_ids: dict[str, int]
    trips_total: int
    updated_ts_ms: int
    tracker: RoundtripTracker | None

    def __attrs_post_init__(self) -> None:
        for symbol in (*self.guards, *self.last_trade_ids):
            check_symbol(symbol)
        for symbol, cursor in self.last_trade_ids.items():
            check_int(f"last_trade_ids.{symbol}", cursor)
        check_int("trips_total", self.trips_total)
        check_ts("updated_ts_ms", self.updated_ts_ms)

    @classmethod
    def of(cls, streaks: LossStreaks, now: int) -> PersistedServiceState:
        """Copy the state of a session's guards."""
        return cls(
            guards={symbol: evolve(guard) for symbol, guard in streaks.guards.items()},
            last_trade_ids=dict(streaks.last_trade_ids),
            trips_total=streaks.trips_total,
            updated_ts_ms=now,
            tracker=_copy(streaks.tracker),
        )

    def restore(self, settings: RiskSettings) -> LossStreaks:
        """Return guards that continue from here; a tracker that is not known starts fresh."""
        streaks = LossStreaks.of(settings)
        streaks.guards = {symbol: evolve(guard) for symbol, guard in self.guards.items()}
        streaks.last_trade_ids = dict(self.last_trade_ids)
        streaks.trips_total = self.trips_total
        streaks.tracker = _copy(self.tracker or RoundtripTracker())
        return streaks


@frozen(kw_only=True)
class DecodedLossState:
    """A state as read.

    Attributes:
        note: Why the tracker is ``None``, else ``None``.
        detail: What was wrong with it.
    """

    state: PersistedServiceState
    note: LossStateNote | None = None
    detail: str = ""


def encode_loss_state(state: PersistedServiceState) -> str:
    """Return the canonical text of a state, one line without its end."""
    return canonical_json({"version": VERSION, **dump_state(state)})


def decode_loss_state(text: str) -> DecodedLossState:
    """Read a state strictly: no value is coerced and no key is unknown.

    A tracker that cannot be read is given up alone: guards and cursors are worth keeping.

    Raises:
        ContractError: Anything else is malformed; names the field.
    """
    data = _object(text)
    version = data.pop("version", None)
    if version not in (VERSION, VERSION_WITHOUT_TRACKER):
        known = f"{VERSION} or {VERSION_WITHOUT_TRACKER}"
        raise ContractError(f"must be {known}", field="version", value=version)
    absent = object()
    tracker = data.pop("tracker", absent)
    for name in ("guards", "last_trade_ids"):
        if name in data and not isinstance(data[name], dict):
            raise ContractError("must be an object", field=name, value=data[name])
    state = _read(PersistedServiceState, {**data, "tracker": None})
    if version == VERSION_WITHOUT_TRACKER and tracker not in (None, absent):
        raise ContractError(f"is unknown in {version}", field="tracker", value=tracker)
    if tracker is None or version == VERSION_WITHOUT_TRACKER:
        return DecodedLossState(state=state, note=LossStateNote.TRACKER_NOT_IN_STATE)
    try:
        if tracker is absent:
            raise ContractError("is missing", field="tracker")
        return DecodedLossState(state=evolve(state, tracker=_read(RoundtripTracker, tracker)))
    except ContractError as error:
        return DecodedLossState(
            state=state, note=LossStateNote.TRACKER_RESTORE_FAILED, detail=str(error)
        )


def check_cursors(stored: PersistedServiceState, new: PersistedServiceState) -> None:
    """Refuse to write a state that would read trades a second time.

    Raises:
        ContractError: A cursor of ``stored`` is lower, or missing, in ``new``.
    """
    for symbol, cursor in sorted(stored.last_trade_ids.items()):
        now = new.last_trade_ids.get(symbol, 0)
        if now < cursor:
            raise ContractError(
                f"must be >= the stored {cursor}",
                field=f"last_trade_ids.{symbol}",
                value=now,
                remedy="load the stored state before going on",
            )


def _copy(tracker: RoundtripTracker) -> RoundtripTracker:
    return RoundtripTracker({key: evolve(trip) for key, trip in tracker.positions.items()})


def _object(text: str) -> dict[str, Any]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ContractError(f"is no JSON: {error}", field="state") from None
    if not isinstance(data, dict):
        raise ContractError("must be an object", field="state", value=data)
    return data


def _read(kind: type[T], data: Any) -> T:
    try:
        return load_state(kind, data)
    except ArtifactError as error:
        shown: dict[str, Any] = {} if error.value is None else {"value": error.value}
        raise ContractError(error.rule, field=error.field, **shown) from None
