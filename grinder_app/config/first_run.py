"""The settings that ``grinder init`` writes, and that hold where there is no file.

The defaults of the settings themselves are the published ones, made for fixtures; on real prices
their size of 100 of the base asset is refused by the risk gate. So a command without a file
trades as after ``init``, and says where each value came from.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from decimal import Decimal
from typing import Any, Final

from grinder_app.config.catalog import KEYS, Address
from grinder_app.config.values import Given
from grinder_core.contracts.enums import FillMode

ORIGIN: Final = "first run"

# A first run: 20 levels a side of 25 make a plan of 1,000 that reaches 2 % either way, wide enough
# that most swings stay inside; it is hung anew only where the mid has left it. A symbol may hold a
# third of the capital and all together twice as much as it, so that a move of 10 % against one
# full position costs 3 % of equity, while the kill switch waits at 5 %. A round trip over
# neighbouring levels earns 10 bps or more and pays 4 in fees.
FIRST_RUN: Final[Mapping[str, Any]] = {
    "policies.spacing_bps": 10,
    "policies.levels": 20,
    "policies.notional_per_level": Decimal(25),
    "policies.recenter_bps": 250,
    "gates.max_notional_per_symbol": Decimal(3_000),
    "gates.max_notional_total": Decimal(20_000),
    "risk.kill_switch_enabled": True,
    "venue.fill_mode": FillMode.QUOTE,
    "venue.maker_fee_bps_x100": 200,
    "venue.taker_fee_bps_x100": 500,
    "orders.tick_sizes": {
        "BTCUSDT": Decimal("0.1"),
        "ETHUSDT": Decimal("0.01"),
        "BNBUSDT": Decimal("0.01"),
        "SOLUSDT": Decimal("0.01"),
        "XRPUSDT": Decimal("0.0001"),
        "DOGEUSDT": Decimal("0.00001"),
    },
}


def first_run(chosen: Container[str]) -> dict[str, Given]:
    """Return these settings as a layer below everything that somebody chose.

    Args:
        chosen: Dotted names that somebody set. A size in base asset replaces the one in quote
            currency, which would win otherwise.
    """
    layer: dict[str, Given] = {}
    for dotted, value in FIRST_RUN.items():
        key = KEYS[dotted]
        if dotted == "policies.notional_per_level" and "policies.size_per_level" in chosen:
            continue
        entries = value.items() if key.is_map else [("", value)]
        for entry, item in entries:
            address = Address(key, entry)
            layer[str(address)] = Given(
                address=address, value=item, origin=ORIGIN, where="the settings of a first run"
            )
    return layer
