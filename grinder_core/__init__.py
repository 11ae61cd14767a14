"""The pure core of grinder: events in, decisions and effects out.

>>> import grinder_core as grinder
>>> result = grinder.run([], grinder.EngineConfig.flat(levels=3))
>>> result.digest
'4f53cda18c2baa0c'
"""

from grinder_core.contracts.account import PolicyContext, Position
from grinder_core.contracts.control import Command, Control, Selection, TurnEnd
from grinder_core.contracts.effects import CancelOrder, PlaceOrder
from grinder_core.contracts.enums import (
    FillMode,
    GridMode,
    Rearm,
    Regime,
    ResetAction,
    SelectionSource,
    Side,
)
from grinder_core.contracts.event import Event, market_event, market_line
from grinder_core.contracts.market import Snapshot
from grinder_core.contracts.orders import Fill, OrderUpdate
from grinder_core.contracts.outputs import PaperOutput
from grinder_core.contracts.plan import GridPlan, GridShape, paused
from grinder_core.engine.config import EngineConfig
from grinder_core.engine.engine import Engine
from grinder_core.errors import (
    ArtifactError,
    ConfigError,
    ContractError,
    FixtureError,
    GrinderError,
    InvariantError,
    PolicyError,
)
from grinder_core.ports import Policy
from grinder_core.session.checkpoint import Checkpoint, resume, take
from grinder_core.session.result import PaperResult, run
from grinder_core.session.session import Driver, Session

__all__ = [
    "ArtifactError",
    "CancelOrder",
    "Checkpoint",
    "Command",
    "ConfigError",
    "ContractError",
    "Control",
    "Driver",
    "Engine",
    "EngineConfig",
    "Event",
    "Fill",
    "FillMode",
    "FixtureError",
    "GridMode",
    "GridPlan",
    "GridShape",
    "GrinderError",
    "InvariantError",
    "OrderUpdate",
    "PaperOutput",
    "PaperResult",
    "PlaceOrder",
    "Policy",
    "PolicyContext",
    "PolicyError",
    "Position",
    "Rearm",
    "Regime",
    "ResetAction",
    "Selection",
    "SelectionSource",
    "Session",
    "Side",
    "Snapshot",
    "TurnEnd",
    "market_event",
    "market_line",
    "paused",
    "resume",
    "run",
    "take",
]
