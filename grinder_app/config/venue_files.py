"""Settings out of files of a venue's rules: lots, ticks and leverage brackets.

They stand below whatever somebody set for a symbol by hand, and above the defaults and the
settings of a first run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from grinder_adapters.exchange_info.brackets import read_brackets
from grinder_adapters.exchange_info.document import read_constraints
from grinder_app.config.catalog import KEYS, Address
from grinder_app.config.values import Given
from grinder_core.contracts.limits import SymbolConstraints
from grinder_core.errors import ConfigError, FixtureError, InputError
from grinder_core.settings import check_path

CONSTRAINTS_FILE: Final = "app.constraints_file"
BRACKETS_FILE: Final = "app.leverage_brackets_file"

_CONSTRAINTS: Final = KEYS["orders.symbol_constraints"]
_TICKS: Final = KEYS["orders.tick_sizes"]
_BRACKETS: Final = KEYS["venue.leverage_brackets"]

T = TypeVar("T")


def read_venue_files(chosen: Mapping[str, Given]) -> tuple[dict[str, Given], list[str]]:
    """Return what the files named by settings give, by address, and what had to be skipped.

    Args:
        chosen: What somebody set, by address. It names the files, and it wins over the result;
            constraints set by hand also give their own tick size.

    Raises:
        ConfigError: A file that is missing, unreadable or of another kind.
    """
    layer: dict[str, Given] = {}
    warnings: list[str] = []

    def add(key_values: Mapping[Address, Any], source: Given) -> None:
        for address, value in key_values.items():
            layer[str(address)] = Given(
                address=address,
                value=value,
                origin=f"{source.address.key.name} {source.value}",
                where=source.value,
            )

    if (given := chosen.get(CONSTRAINTS_FILE)) is not None and given.value:
        constraints = _read(read_constraints, given, warnings)
        add({Address(_CONSTRAINTS, symbol): c for symbol, c in constraints.items()}, given)
        add(_ticks(constraints, chosen), given)
    if (given := chosen.get(BRACKETS_FILE)) is not None and given.value:
        schedules = _read(read_brackets, given, warnings)
        add({Address(_BRACKETS, symbol): s for symbol, s in schedules.items()}, given)
    return layer, warnings


def _ticks(
    constraints: Mapping[str, SymbolConstraints], chosen: Mapping[str, Given]
) -> dict[Address, Any]:
    ticks: dict[Address, Any] = {}
    for symbol, in_file in constraints.items():
        by_hand = chosen.get(str(Address(_CONSTRAINTS, symbol)))
        tick = in_file.tick_size if by_hand is None else by_hand.value.tick_size
        if tick is None:
            tick = in_file.tick_size
        if tick is not None:
            ticks[Address(_TICKS, symbol)] = tick
    return ticks


def _read(
    reader: Callable[[Path], tuple[dict[str, T], tuple[str, ...]]],
    given: Given,
    warnings: list[str],
) -> dict[str, T]:
    try:
        check_path(given.address.key.name, given.value)
        found, skipped = reader(Path(given.value))
    except InputError as error:
        subject = error.field if isinstance(error, FixtureError) else ""
        raise ConfigError(
            f"{subject} {error.rule}".strip(),
            field=str(given.address),
            value=given.value,
            where=given.where,
            remedy=error.remedy,
        ) from None
    warnings.extend(f"{given.value}: {warning}" for warning in skipped)
    return found
