"""Settings of order placement."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal

from attrs import frozen

from grinder_core.contracts.enums import Rearm
from grinder_core.contracts.limits import SymbolConstraints
from grinder_core.errors import ConfigError
from grinder_core.numbers import fractional_digits
from grinder_core.settings import setting


@frozen(kw_only=True)
class OrderSettings:
    """How plans become orders."""

    rearm: Rearm = setting(
        Rearm.OPPOSITE,
        "`opposite`: a full fill re-arms the innermost spent level of the other side; `never`: "
        "a filled level stays empty until a reset.",
        spec="CORE-32",
    )
    tick_sizes: Mapping[str, Decimal] = setting(
        {}, "Price increment of each symbol; 0.00000001 where unknown.", gt=0, spec="CORE-32"
    )
    constraints_enabled: bool = setting(
        False,
        "Round quantities to `symbol_constraints` and leave out what is too small.",
        spec="CORE-33",
    )
    symbol_constraints: Mapping[str, SymbolConstraints] = setting(
        {}, "Lot rules of each symbol; symbols without pass through.", spec="CORE-33"
    )
    strategy_id: str = setting(
        "default", "Names our orders: 1 to 11 of a-z, 0-9 and hyphen.", spec="LIVE-21"
    )

    def tick_size_of(self, symbol: str) -> Decimal | None:
        """Price increment of a symbol; ``None`` where nobody said it."""
        given = self.tick_sizes.get(symbol)
        if given is None and symbol in self.symbol_constraints:
            return self.symbol_constraints[symbol].tick_size
        return given

    def __attrs_post_init__(self) -> None:
        for symbol, tick in self.tick_sizes.items():
            _check_digits(f"tick_sizes.{symbol}", tick)
        for symbol, limits in self.symbol_constraints.items():
            _check_digits(f"symbol_constraints.{symbol}.step_size", limits.step_size)
            if limits.tick_size is not None:
                _check_digits(f"symbol_constraints.{symbol}.tick_size", limits.tick_size)
        if not re.fullmatch(r"[a-z0-9-]{1,11}", self.strategy_id):
            raise ConfigError(
                "must match [a-z0-9-]{1,11}", field="strategy_id", value=self.strategy_id
            )


def _check_digits(name: str, value: Decimal) -> None:
    if fractional_digits(value) > 8:
        raise ConfigError("must have at most 8 fractional digits", field=name, value=value)
