"""What a live session remembers beside its engine (LIVE-13, LIVE-38)."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from attrs import Factory, define, frozen

from grinder_core.codec import canonical_json, dump_state, load_state, parse_json
from grinder_core.contracts.effects import PlaceOrder
from grinder_core.contracts.enums import Override
from grinder_core.engine.orchestrator import Orchestrator
from grinder_core.engine.state import EngineState
from grinder_core.errors import ArtifactError
from grinder_core.live.actions import LiveAction
from grinder_core.live.request_count import RequestCount

LIVE_STATE_VERSION = 1
_ADDED: Final = {"commands_done": 0, "imposed": None}
"""What states of an earlier program have not got, and what that means."""


@define
class Waiting:
    """A replacement that goes out once the order before it is over (LIVE-15, I-15.6).

    Attributes:
        old: Client id of that order.
    """

    effect: PlaceOrder
    old: str


@frozen
class Movement:
    """Money that moved without a trade, as the session was told.

    Attributes:
        symbol: Of a funding settlement; empty: a transfer.
        amount: Quote currency; what came in is positive.
    """

    ts: int
    symbol: str
    amount: Decimal


@define
class LiveHot:
    """Everything that the next step depends on, beside the engine's state and the configuration.

    Attributes:
        events: Events folded so far; numbers the turns.
        lives: Times a process took the session up.
        open_actions: Actions under way, by operation and client id.
        waiting: Replacements that wait, by their own client id.
        deferred: Cancels that nothing let through, by client id; tried again with each timer.
        pulled: Symbols whose entries were cancelled since their state asked for it, and when.
        ordered: Override of an operator, until one resumes; the engine holds the guards' own.
        imposed: Override of this process's environment: nothing takes it back but another start.
        commands_done: The highest number of the operator's channel that was carried out.
        trade_cursors: By symbol, the trade id up to which all were told after a comparison.
        fill_ids: Trade ids told of each order that is not over, by client id.
        snapshot_ms: When orders and positions were last compared with the venue's.
        unknown_since: Orders of unknown outcome, by client id, and since when.
        requests: Orders sent lately, for the router.
        latches: What is latched, as last told.
        has_started: The account's balance was taken as the session's first equity.
        started_ms: When that was, by our clock; what the venue dates earlier is none of ours.
        income_ms: Up to when all money that moved is told, by the venue's list of it.
        moved: What was told of that came later, for the list to be compared with.
        marks: By symbol, the venue's mark price, for its price band.
        is_stopping: This process ends in order: nothing new is begun.
        tokens: Replacements that have spent their token of THROTTLED and still wait.
    """

    orchestrator: Orchestrator
    requests: RequestCount
    events: int = 0
    lives: int = 0
    chain: bytes = bytes(32)
    outputs: int = 0
    open_actions: dict[str, LiveAction] = Factory(dict)
    waiting: dict[str, Waiting] = Factory(dict)
    deferred: dict[str, str] = Factory(dict)
    pulled: dict[str, int] = Factory(dict)
    ordered: Override | None = None
    imposed: Override | None = None
    commands_done: int = 0
    trade_cursors: dict[str, int] = Factory(dict)
    fill_ids: dict[str, list[int]] = Factory(dict)
    snapshot_ms: int = 0
    unknown_since: dict[str, int] = Factory(dict)
    latches: dict[str, str] = Factory(dict)
    tokens: list[str] = Factory(list)
    marks: dict[str, Decimal] = Factory(dict)
    is_stopping: bool = False
    has_started: bool = False
    started_ms: int = 0
    income_ms: int = 0
    moved: list[Movement] = Factory(list)


@frozen
class LiveState:
    """A frozen dump of a live session."""

    version: int
    engine: EngineState
    text: str

    def to_text(self) -> str:
        """Return it as one canonical line."""
        return canonical_json(dump_state(self))

    @classmethod
    def from_text(cls, text: str) -> LiveState:
        """Read it back.

        Raises:
            ArtifactError: It is no such line, or of another version.
        """
        state = load_state(cls, parse_json(text, "live state"))
        if state.version != LIVE_STATE_VERSION:
            raise ArtifactError(
                f"must be {LIVE_STATE_VERSION}", field="live state version", value=state.version
            )
        return state


def freeze_hot(hot: LiveHot) -> str:
    """Dump hot state."""
    return canonical_json(dump_state(hot))


def thaw_hot(text: str) -> LiveHot:
    """Load hot state.

    Raises:
        ArtifactError: It is no dump.
    """
    data = parse_json(text, "live state")
    if isinstance(data, dict):
        data = {**_ADDED, **data}
    return load_state(LiveHot, data)
