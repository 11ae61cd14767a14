"""All settings of one engine, and their published flat names (CORE-41).

Sections are rooms; every setting name is unique over all sections, so that fixtures may name
settings flat while configuration files keep sections.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from difflib import get_close_matches
from enum import StrEnum
from typing import Any, Final, cast

from attrs import Attribute, AttrsInstance, evolve, fields, frozen

from grinder_core.codec import digest16, from_dict, to_dict
from grinder_core.contracts.checks import check_symbol
from grinder_core.contracts.enums import FillMode, SelectionSource
from grinder_core.errors import ConfigError, ContractError
from grinder_core.gates.settings import GateSettings
from grinder_core.indicators.settings import IndicatorSettings
from grinder_core.numbers import parse_decimal
from grinder_core.orders.settings import OrderSettings
from grinder_core.policies.settings import PolicySettings
from grinder_core.regime.settings import RegimeSettings
from grinder_core.risk.settings import RiskSettings
from grinder_core.selection.settings import SelectionSettings
from grinder_core.settings import CHOICES, RECORDS, type_name
from grinder_core.sizing.settings import SizingSettings
from grinder_core.venue.settings import VenueSettings


@frozen(kw_only=True)
class EngineConfig:
    """Settings of one session, a section a room; defaults are CORE-41's."""

    selection: SelectionSettings = SelectionSettings()
    gates: GateSettings = GateSettings()
    indicators: IndicatorSettings = IndicatorSettings()
    regime: RegimeSettings = RegimeSettings()
    policies: PolicySettings = PolicySettings()
    sizing: SizingSettings = SizingSettings()
    risk: RiskSettings = RiskSettings()
    orders: OrderSettings = OrderSettings()
    venue: VenueSettings = VenueSettings()

    def __attrs_post_init__(self) -> None:
        for name, value, needs, given in (
            (
                "adaptive_policy_enabled",
                self.policies.adaptive_policy_enabled,
                "feature_engine_enabled",
                self.indicators.feature_engine_enabled,
            ),
            (
                "selection_source",
                self.selection.selection_source is SelectionSource.TOPK_V1,
                "feature_engine_enabled",
                self.indicators.feature_engine_enabled,
            ),
            (
                "l2_gating_enabled",
                self.policies.l2_gating_enabled,
                "qty_ref",
                self.indicators.qty_ref,
            ),
            (
                "l2_execution_guard_enabled",
                self.gates.l2_execution_guard_enabled,
                "qty_ref",
                self.indicators.qty_ref,
            ),
            (
                "auto_sizing_enabled",
                self.sizing.auto_sizing_enabled,
                "adaptive_policy_enabled",
                self.policies.adaptive_policy_enabled,
            ),
        ):
            if value and not given:
                remedy = f"set {needs}" if needs == "qty_ref" else f"set {needs} = true"
                raise ConfigError(f"needs {needs}", field=name, value=True, remedy=remedy)
        if self.policies.cycle_execution_enabled and self.venue.fill_mode is FillMode.INSTANT:
            raise ConfigError(
                "places two orders for each fill, and instant fills both at once, without end",
                field="cycle_execution_enabled",
                value=True,
                remedy="choose another fill_mode, or let cycles only propose",
            )
        if self.sizing.auto_sizing_enabled:
            for symbol, ratio in self.policies.dd_budget_ratios.items():
                if ratio != 1:
                    raise ConfigError(
                        "would shrink sizes twice: the auto sizer already spends the budget",
                        field=f"dd_budget_ratios.{symbol}",
                        value=ratio,
                        remedy="leave it out, or set auto_sizing_enabled = false",
                    )

    @property
    def uses_depth(self) -> bool:
        """Whether any decision reads the book (CORE-04)."""
        return self.policies.l2_gating_enabled or self.gates.l2_execution_guard_enabled

    @property
    def reads_depth(self) -> bool:
        """Whether decisions or fills read the book."""
        return self.uses_depth or self.venue.fill_mode in {FillMode.L2, FillMode.QUEUE}

    @classmethod
    def flat(cls, **settings: Any) -> EngineConfig:
        """Build a configuration from published names; decimals and choices may be plain text.

        Raises:
            ConfigError: An unknown name or a value of the wrong kind or range.

        Example:
            >>> EngineConfig.flat(levels=3, size_per_level="0.01").policies.size_per_level
            Decimal('0.01')
        """
        return cls.from_flat(settings)

    @classmethod
    def from_flat(cls, raw: Mapping[str, object]) -> EngineConfig:
        """The same from a mapping, as a fixture's ``engine`` object is one."""
        return cls().with_values({name: read_value(name, value) for name, value in raw.items()})

    def with_values(self, settings: Mapping[str, Any]) -> EngineConfig:
        """Return a copy with some settings changed, by published name."""
        by_section: dict[str, dict[str, Any]] = {}
        for name, value in settings.items():
            by_section.setdefault(section_of(name), {})[name] = value
        return evolve(
            self,
            **{key: evolve(getattr(self, key), **values) for key, values in by_section.items()},
        )

    def to_dict(self) -> dict[str, Any]:
        """Return all effective settings by section, as JSON values."""
        return to_dict(self)

    @property
    def config_hash(self) -> str:
        """16 characters over the canonical JSON of all effective settings."""
        return digest16(self.to_dict())


def settings_of() -> Iterable[tuple[str, Attribute[Any]]]:
    """Yield every setting as ``(section, declaration)``, in the order of the reference."""
    for section in fields(EngineConfig):
        for declared in fields(cast(type[AttrsInstance], type(section.default))):
            yield section.name, declared


_SECTIONS: Final[dict[str, str]] = {declared.name: name for name, declared in settings_of()}
_TYPES: Final[dict[str, str]] = {
    declared.name: type_name(declared) for _, declared in settings_of()
}


def section_of(name: str) -> str:
    """Return the section of a published setting name.

    Raises:
        ConfigError: No setting has that name; the nearest ones are suggested.
    """
    section = _SECTIONS.get(name)
    if section is None:
        near = get_close_matches(name, _SECTIONS, n=2)
        raise ConfigError(
            "is not a setting",
            field=name,
            remedy=f"did you mean {' or '.join(near)}?" if near else "see the settings reference",
        )
    return section


def read_value(name: str, value: object) -> Any:
    """Turn a JSON or TOML value into the setting's type; floats are refused."""
    section_of(name)
    kind = _TYPES[name]
    try:
        if kind in CHOICES:
            return _read_choice(name, value, CHOICES[kind])
        if kind.startswith("Decimal"):
            return None if value is None else _decimal(name, value)
        if kind.startswith("Mapping"):
            return _read_symbol_map(name, kind, value)
        if kind.startswith("tuple"):
            return tuple(value) if isinstance(value, list) else value
    except ContractError as error:
        raise ConfigError(error.rule, field=error.field, value=error.value) from None
    return value


def _decimal(field: str, value: object) -> Any:
    if isinstance(value, Decimal):
        return value
    return parse_decimal(str(value) if type(value) is int else value, field)


def _read_choice(name: str, value: object, kind: type[StrEnum]) -> StrEnum:
    if not isinstance(value, str) or value not in list(kind):
        raise ConfigError(f"must be one of {', '.join(kind)}", field=name, value=value)
    return kind(value)


def _read_symbol_map(name: str, kind: str, value: object) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ConfigError(f"must map symbols to {entry_kind(kind)}", field=name, value=value)
    for symbol in value:
        check_symbol(symbol)
    return {k: read_entry(f"{name}.{k}", entry_kind(kind), item) for k, item in value.items()}


def entry_kind(kind: str) -> str:
    """Return the type of one entry of a map setting.

    Example:
        >>> entry_kind("Mapping[str, Decimal]")
        'Decimal'
    """
    return kind.removeprefix("Mapping[str, ").removesuffix("]")


def read_entry(field: str, kind: str, value: object) -> Any:
    """Turn one entry of a map setting, as JSON or TOML has it, into its type."""
    if kind == "Decimal":
        return _decimal(field, value)
    if kind in CHOICES:
        return _read_choice(field, value, CHOICES[kind])
    if kind in RECORDS:
        return value if isinstance(value, RECORDS[kind]) else _read_record(field, kind, value)
    if not isinstance(value, list | tuple):
        raise ConfigError("must be a list", field=field, value=value)
    inner = kind.removeprefix("tuple[").removesuffix(", ...]")
    return tuple(read_entry(f"{field}.{i}", inner, item) for i, item in enumerate(value))


def _read_record(field: str, kind: str, value: object) -> Any:
    known = {declared.name for declared in fields(RECORDS[kind])}
    if isinstance(value, Mapping) and (unknown := sorted(set(value) - known)):
        raise ConfigError(
            f"is no key of {kind}",
            field=f"{field}.{unknown[0]}",
            value=value[unknown[0]],
            remedy=f"known: {', '.join(sorted(known))}",
        )
    try:
        return from_dict(RECORDS[kind], value)
    except ContractError as error:
        raise ConfigError(
            error.rule, field=error.field.replace(kind, field, 1), value=error.value
        ) from None
