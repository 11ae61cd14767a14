"""Who answers a paper session's orders: the simulated venue, or the local exchange.

The exchange answers in process or over sockets, by the same rules, and decides the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path

from attrs import evolve, frozen

from grinder_adapters.exchange_info.document import read_document
from grinder_adapters.local_venue.exchange_info import LOCAL_SYMBOLS, read, render
from grinder_app.runner.paper import PaperRun
from grinder_core.contracts.enums import SelectionSource
from grinder_core.contracts.limits import SymbolConstraints
from grinder_core.engine.config import EngineConfig
from grinder_core.errors import ConfigError, ContractError, FixtureError
from grinder_core.orders.exchange_info import parse_exchange_info
from grinder_core.venue.exchange.in_process import ExchangeVenue
from grinder_core.venue.exchange.instrument import Instrument


class VenueChoice(StrEnum):
    """Names of venues on the command line."""

    SIM = "sim"
    EXCHANGE = "exchange"
    LOCAL = "local"


@frozen
class ChosenVenue:
    """A venue and the settings that fit it.

    Attributes:
        instruments: What the exchange lists; nothing at the simulated venue.
    """

    choice: VenueChoice
    config: EngineConfig
    instruments: Sequence[Instrument]

    def in_process(self) -> ExchangeVenue | None:
        """Return the exchange where it answers in process."""
        if self.choice is not VenueChoice.EXCHANGE:
            return None
        capital = self.config.risk.initial_capital
        return ExchangeVenue.of(self.config.venue, capital, self.instruments)

    @contextmanager
    def opened(self, run: PaperRun) -> Iterator[PaperRun]:
        """Return the run with server and adapter in it while the block lasts, where wanted."""
        if self.choice is not VenueChoice.LOCAL:
            yield run
            return
        from grinder_app.runner.socket_venue import SocketVenue

        with SocketVenue(self.config, run.source, self.instruments) as venue:
            yield evolve(run, source=venue, job=evolve(run.job, venue=venue))


def choose(
    choice: VenueChoice, rules: Path | None, config: EngineConfig, *, band: bool, parts: bool
) -> ChosenVenue:
    """Return the venue that was asked for, with the settings that fit it.

    Args:
        rules: An ``exchangeInfo`` body; ``None``: the exchange's own symbols.
        band: The session is to run again under other fill models.
        parts: A checkpoint is to be written or continued.

    Raises:
        ConfigError: An option or a setting asks for what this venue does not do.
        FixtureError: ``rules`` is no such body.
    """
    if choice is VenueChoice.SIM:
        if rules is not None:
            raise ConfigError("needs --venue exchange or local", field="--rules", value=str(rules))
        return ChosenVenue(choice, config, ())
    for name, wanted in (("--band", band), ("--checkpoint or --resume", parts)):
        if wanted:
            raise ConfigError("needs --venue sim", field=name)
    instruments = LOCAL_SYMBOLS if rules is None else _read(rules)
    return ChosenVenue(choice, with_rules(config, instruments), instruments)


def with_rules(config: EngineConfig, instruments: Sequence[Instrument]) -> EngineConfig:
    """Return the settings with the exchange's lot rules, where somebody set no others.

    Raises:
        ConfigError: The settings ask for what an exchange does not model, or what its stream of
            events cannot give.
    """
    for name in ("order_latency_ms", "cancel_latency_ms", "fill_after_ticks"):
        if getattr(config.venue, name):
            raise ConfigError(
                "is not modelled by the exchange",
                field=f"venue.{name}",
                value=getattr(config.venue, name),
                remedy="leave it at 0, or use --venue sim",
            )
    selection = config.selection
    if selection.selection_source is not SelectionSource.STATIC:
        raise ConfigError(
            "needs --venue sim, where the data can be read twice",
            field="selection.selection_source",
            value=selection.selection_source.value,
        )
    constraints = {**constraints_of(instruments), **config.orders.symbol_constraints}
    return config.with_values({"constraints_enabled": True, "symbol_constraints": constraints})


def constraints_of(instruments: Sequence[Instrument]) -> dict[str, SymbolConstraints]:
    """The lot rules that an exchange with these instruments publishes."""
    found, _ = parse_exchange_info(render(instruments, 0))
    return found


def _read(path: Path) -> Sequence[Instrument]:
    try:
        instruments, _ = read(read_document(path))
    except ContractError as error:
        raise FixtureError(error.rule, field=error.field, where=str(path)) from None
    if not instruments:
        raise FixtureError("lists no perpetual that trades", where=str(path))
    return instruments
