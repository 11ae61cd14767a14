"""All that decides in a live session, as one value that its journal begins with (LIVE-38)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from grinder_core.codec import digest16, from_dict, to_dict
from grinder_core.contracts.live import SafeMode
from grinder_core.engine.config import EngineConfig
from grinder_core.engine.orchestrator_settings import OrchestratorSettings
from grinder_core.gates.fill_settings import FillGateSettings
from grinder_core.orders.router_limits import RouterLimits
from grinder_core.orders.router_settings import GRID, RouterSettings
from grinder_core.settings import setting

CONTRACT_VERSION = 1


@frozen(kw_only=True)
class LiveConfig:
    """Settings, permission and the venue's rules as they were at the start.

    Attributes:
        is_writing: Whether the port can send orders: only then armed and mode are judged.
        whitelist: Symbols that may be traded.
        limits: The venue's rules of each.
        post_only: Whether orders that add risk must rest.
        orders_10s, orders_1m: The venue's order limits.
        soft_limit_pct, hard_limit_pct: How much of them new risk may fill, and what reduces it.
    """

    engine: EngineConfig
    armed: bool = False
    mode: SafeMode = SafeMode.READ_ONLY
    is_writing: bool = False
    whitelist: tuple[str, ...] = ()
    orchestrator: OrchestratorSettings = OrchestratorSettings()
    router: RouterSettings = GRID
    fill_gate: FillGateSettings = FillGateSettings()
    limits: Mapping[str, RouterLimits] = field(factory=dict)
    post_only: bool = True
    orders_10s: int = 300
    orders_1m: int = 1_200
    soft_limit_pct: int = 70
    hard_limit_pct: int = 90
    expected_max_orders: int = setting(
        200, "Own orders that may rest before no more is placed.", ge=1, spec="LIVE-20"
    )

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return to_dict(self)

    @classmethod
    def from_dict(cls, data: object) -> LiveConfig:
        """Read it back, as a journal's head has it.

        Raises:
            ContractError: It is no such value.
        """
        return from_dict(cls, data)

    @property
    def config_hash(self) -> str:
        """16 characters over all of it."""
        return digest16(self.to_dict())
