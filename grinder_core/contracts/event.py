"""The envelope every input of the engine comes in, and the closed list of what it can carry."""

from __future__ import annotations

from typing import Any, Final

from attrs import frozen

from grinder_core.codec import from_dict, register_union, to_dict
from grinder_core.contracts.checks import check_int, check_ts
from grinder_core.contracts.control import (
    AccountUpdate,
    Control,
    FundingPaid,
    Health,
    Leadership,
    Model,
    PositionUpdate,
    Restarted,
    Selection,
    Timer,
    TurnEnd,
    WriteResult,
)
from grinder_core.contracts.market import (
    DepthBands,
    DepthDiff,
    Funding,
    L2Snapshot,
    MarketStats,
    MarkPrice,
    Snapshot,
    Trade,
)
from grinder_core.contracts.orders import OrderAdopted, OrderUpdate

MarketPayload = (
    Snapshot | L2Snapshot | DepthDiff | DepthBands | Trade | MarkPrice | Funding | MarketStats
)
Payload = (
    MarketPayload
    | OrderUpdate
    | OrderAdopted
    | FundingPaid
    | TurnEnd
    | Timer
    | Control
    | Selection
    | Health
    | Model
    | Leadership
    | Restarted
    | WriteResult
    | PositionUpdate
    | AccountUpdate
)

MARKET_KINDS: Final[dict[str, type[Any]]] = {
    "SNAPSHOT": Snapshot,
    "L2_SNAPSHOT": L2Snapshot,
    "DEPTH_DIFF": DepthDiff,
    "DEPTH_BANDS": DepthBands,
    "TRADE": Trade,
    "MARK_PRICE": MarkPrice,
    "FUNDING": Funding,
    "MARKET_STATS": MarketStats,
}
KINDS: Final[dict[str, type[Any]]] = {
    **MARKET_KINDS,
    "ORDER_UPDATE": OrderUpdate,
    "ORDER_ADOPTED": OrderAdopted,
    "FUNDING_PAID": FundingPaid,
    "TURN_END": TurnEnd,
    "TIMER": Timer,
    "CONTROL": Control,
    "SELECTION": Selection,
    "HEALTH": Health,
    "MODEL": Model,
    "LEADERSHIP": Leadership,
    "RESTARTED": Restarted,
    "WRITE_RESULT": WriteResult,
    "POSITION_UPDATE": PositionUpdate,
    "ACCOUNT": AccountUpdate,
}
KIND_NAMES: Final = {kind: name for name, kind in KINDS.items()}

register_union(Payload, KINDS)
register_union(MarketPayload, MARKET_KINDS)


@frozen
class Event:
    """One input of the engine.

    Attributes:
        ts_ms: ``now`` for every global rule: the receive time where the source has one, else the
            payload's ``ts``; never goes back within a stream.
        payload: What happened.
        seq: Position of the turn in the stream; the venue's answers carry their turn's.
        ts_recv_ms: When our side received it; ``None`` where the source does not say.
        update_id: The venue's book update id; ``None`` where the source does not say.
    """

    ts_ms: int
    payload: Payload
    seq: int = 0
    ts_recv_ms: int | None = None
    update_id: int | None = None

    def __attrs_post_init__(self) -> None:
        check_ts("ts_ms", self.ts_ms)
        check_int("seq", self.seq)

    @property
    def kind(self) -> str:
        """Published name of the payload's kind."""
        return KIND_NAMES[type(self.payload)]


def market_event(data: dict[str, Any], seq: int = 0) -> Event:
    """Read one line of a fixture or data file (CORE-04) into an event.

    Args:
        data: ``type``, the payload's fields, and optionally ``ts_recv_ms`` and ``update_id``.
        seq: Position in the stream.

    Raises:
        ContractError: A missing or malformed field, named.
    """
    payload: MarketPayload = from_dict(MarketPayload, data)  # type: ignore[arg-type]
    received, update_id = data.get("ts_recv_ms"), data.get("update_id")
    ts_ms = payload.ts if received is None else received
    return Event(ts_ms, payload, seq, received, update_id)


def market_line(event: Event) -> dict[str, Any]:
    """Return the line of a data file that ``market_event`` reads back."""
    line = {"type": event.kind, **to_dict(event.payload)}
    if event.ts_recv_ms is not None:
        line["ts_recv_ms"] = event.ts_recv_ms
    if event.update_id is not None:
        line["update_id"] = event.update_id
    return line
