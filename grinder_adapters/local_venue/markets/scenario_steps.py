"""The steps of a script, as ``scenario`` documents them, read one after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from attrs import define

from grinder_adapters.local_venue.markets.scale import Scale, count
from grinder_adapters.local_venue.markets.scripted import MarketStep, Print
from grinder_adapters.local_venue.markets.tape import RATE_UNIT
from grinder_adapters.local_venue.markets.toml_table import (
    Table,
    at_least,
    decimal,
    duration_ms,
    integer,
    one_of,
    table,
    text,
)
from grinder_adapters.local_venue.markets.venue_steps import (
    Deposit,
    FilterChange,
    StatusChange,
    VenueStep,
)
from grinder_core.contracts.enums import Side
from grinder_core.errors import ContractError, FixtureError
from grinder_core.numbers import BPS, exact
from grinder_core.venue.exchange.instrument import Instrument
from grinder_core.venue.exchange.vocabulary import SymbolStatus

_ON_MARKET: Final = (
    "move_bps",
    "over",
    "spread_ticks",
    "print",
    "gap",
    "funding_rate",
    "mark_offset_bps",
)
_ON_SYMBOL: Final = (*_ON_MARKET, "status", "set_filter")
_KEYS: Final = ("at", "symbol", *_ON_SYMBOL, "deposit")
_BPS_MIN: Final = 1 - BPS  # a price stays above 0
_COUNTED: Final = "max_orders"
_FILTERS: Final = (
    "tick",
    "min_price",
    "max_price",
    "step",
    "min_qty",
    "max_qty",
    "market_step",
    "market_min_qty",
    "market_max_qty",
    "min_notional",
    "multiplier_up",
    "multiplier_down",
    _COUNTED,
)


@define
class StepReader:
    """Steps read so far.

    Attributes:
        rules: Of each symbol, as the steps so far leave them.
        start_ms, end_ms: Of the script.
        now: Time of the last step.
    """

    rules: dict[str, Instrument]
    scales: Mapping[str, Scale]
    market_steps: Mapping[str, list[MarketStep]]
    venue_steps: list[VenueStep]
    start_ms: int
    end_ms: int
    now: int

    @classmethod
    def of(cls, rules: dict[str, Instrument], start_ms: int, end_ms: int) -> StepReader:
        """Begin.

        Raises:
            ConfigError: A symbol's rules fit no book.
        """
        scales = {symbol: Scale.of(instrument) for symbol, instrument in rules.items()}
        steps: dict[str, list[MarketStep]] = {symbol: [] for symbol in rules}
        return cls(rules, scales, steps, [], start_ms, end_ms, start_ms)

    def read(self, step: Table) -> None:
        """Take the next step.

        Raises:
            FixtureError: It says something that cannot be.
        """
        step.refuse_unknown(*_KEYS)
        self.now = step.required("at", self._time)
        if not step.values.keys() & {*_ON_SYMBOL, "deposit"} - {"over"}:
            raise FixtureError("does nothing", where=step.where)
        if "deposit" in step.values:
            self.venue_steps.append(self._deposit(step.required("deposit", table), step.where))
        if step.values.keys() & {"symbol", *_ON_SYMBOL}:
            symbol = step.required("symbol", self._symbol)
            self._change_venue(step, symbol)
            if step.values.keys() & set(_ON_MARKET):
                self.market_steps[symbol].append(self._market_step(step, self.scales[symbol]))

    def _time(self, value: object) -> int:
        at = self.start_ms + duration_ms(value)
        if at < self.now:
            raise FixtureError("must not be before the step above")
        if at >= self.end_ms:
            raise FixtureError("must be before the end of the script")
        return at

    def _symbol(self, value: object) -> str:
        if value not in self.rules:
            raise FixtureError(f"must be one of {', '.join(self.rules)}")
        return text(value)

    def _deposit(self, values: dict[str, Any], where: str) -> Deposit:
        money = Table(values, f"{where}: deposit")
        money.refuse_unknown("account", "amount")
        return Deposit(
            ts_ms=self.now,
            account=money.required("account", text),
            amount=money.required("amount", decimal),
        )

    def _change_venue(self, step: Table, symbol: str) -> None:
        rules = self.rules[symbol]
        if "status" in step.values:
            status = step.required("status", one_of(SymbolStatus))
            turned = StatusChange(ts_ms=self.now, symbol=symbol, status=status)
            rules = turned.applied_to(rules)
            self.venue_steps.append(turned)
        if "set_filter" in step.values:
            filters = _filters(
                Table(step.required("set_filter", table), f"{step.where}: set_filter")
            )
            changed = FilterChange(ts_ms=self.now, symbol=symbol, filters=filters)
            try:
                rules = changed.applied_to(rules)
            except ContractError as error:
                raise FixtureError(
                    error.rule, field="set_filter", value=error.value, where=step.where
                ) from None
            self.venue_steps.append(changed)
        self.rules[symbol] = rules

    def _market_step(self, step: Table, scale: Scale) -> MarketStep:
        if "over" in step.values and "move_bps" not in step.values:
            raise FixtureError("is for move_bps", field="over", where=step.where)
        return MarketStep(
            ts_ms=self.now,
            move_bps=step.optional("move_bps", at_least(_BPS_MIN, integer), None),
            over_ms=step.optional("over", duration_ms, 0),
            spread_ticks=step.optional("spread_ticks", at_least(1, integer), None),
            print=_print(step, scale) if "print" in step.values else None,
            gap_ms=step.optional("gap", at_least(1, duration_ms), None),
            funding_rate=step.optional("funding_rate", rate, None),
            mark_offset_bps=step.optional("mark_offset_bps", at_least(_BPS_MIN, integer), None),
        )


def _print(step: Table, scale: Scale) -> Print:
    values = Table(step.required("print", table), f"{step.where}: print")
    values.refuse_unknown("side", "qty")
    return Print(
        buys=values.required("side", one_of(Side)) is Side.BUY,
        lots=values.required("qty", lots_of(scale)),
    )


def _filters(values: Table) -> dict[str, Decimal | int]:
    values.refuse_unknown(*_FILTERS)
    filters: dict[str, Decimal | int] = {}
    for name in values.values:
        read: Callable[[object], Decimal | int] = (
            at_least(1, integer) if name == _COUNTED else _bound
        )
        filters[name] = values.required(name, read)
    return filters


def _bound(value: object) -> Decimal:
    bound = decimal(value)
    if bound < 0:
        raise FixtureError("must be at least 0")
    return bound


def lots_of(scale: Scale) -> Callable[[object], int]:
    """Return a reader of quantities, which counts them in steps."""

    def read(value: object) -> int:
        lots = count(decimal(value), scale.step, "")
        if not 1 <= lots <= scale.lots_max:
            raise FixtureError(f"must be at least {scale.step} and no more than an order may have")
        return lots

    return read


def rate(value: object) -> int:
    """Read a funding rate, a fraction; return hundred-millionths.

    Raises:
        FixtureError: It is not between -1 and 1, or has more than 8 digits.
    """
    fraction = decimal(value)
    with exact():
        units = fraction * RATE_UNIT
        if not -RATE_UNIT < units < RATE_UNIT or units % 1:
            raise FixtureError("must be a fraction in (-1, 1) of at most 8 digits")
    return int(units)
