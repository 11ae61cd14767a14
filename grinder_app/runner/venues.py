"""Who answers a paper session's orders: the simulated venue, or the local exchange.

The exchange answers in process or over sockets, by the same rules, and decides the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final

from attrs import evolve, frozen

from grinder_adapters.exchange_info.document import read_document
from grinder_adapters.local_venue.exchange_info import LOCAL_SYMBOLS, read, render
from grinder_adapters.local_venue.faults import FaultPlan
from grinder_adapters.runs import load_run
from grinder_app.runner.agreement import Agreement, VenueStatement, agree
from grinder_app.runner.fault_choice import fault_plan
from grinder_app.runner.paper import PaperDone, PaperRun
from grinder_app.runner.speed import parse_speed
from grinder_core.contracts.enums import SelectionSource
from grinder_core.contracts.limits import SymbolConstraints
from grinder_core.engine.config import EngineConfig
from grinder_core.errors import ConfigError, ContractError, FixtureError
from grinder_core.orders.exchange_info import parse_exchange_info
from grinder_core.venue.exchange.instrument import Instrument

if TYPE_CHECKING:
    from grinder_app.runner.free_paper import FreePaper
    from grinder_app.runner.socket_venue import SocketVenue

LOCKSTEP: Final = "lockstep"
CALM: Final = "calm"


class VenueChoice(StrEnum):
    """Names of venues on the command line."""

    SIM = "sim"
    EXCHANGE = "exchange"
    LOCAL = "local"


@frozen
class OpenedVenue:
    """A run with its venue, and what the venue can be asked afterwards.

    Attributes:
        statement: Asks for its own record of the session; ``None`` where nothing is between the
            engine and its venue.
        remarks: Returns what to know of how the session went, once it is over.
    """

    run: PaperRun
    statement: Callable[[], VenueStatement] | None = None
    remarks: Callable[[], Sequence[str]] = tuple

    def agreement(self, done: PaperDone) -> Agreement | None:
        """Compare the finished session with the venue's record, where there is one."""
        if self.statement is None:
            return None
        capital = self.run.job.config.risk.initial_capital
        (kept,) = load_run(done.folder).sessions
        return agree(done.end.result, capital, kept, self.statement())


@frozen
class ChosenVenue:
    """A venue and the settings that fit it.

    Attributes:
        instruments: What the exchange lists; nothing at the simulated venue.
        speed_x100: Market time in a time of the wall, hundredths, for a session over sockets that
            runs free; ``None``: in lockstep.
        faults: What goes wrong at the exchange of such a session.
    """

    choice: VenueChoice
    config: EngineConfig
    instruments: Sequence[Instrument]
    speed_x100: int | None = None
    faults: FaultPlan = FaultPlan(())

    @contextmanager
    def opened(self, run: PaperRun) -> Iterator[OpenedVenue]:
        """Put the venue into a run; server and adapter last as long as the block.

        Raises:
            ConnectorError: This machine allows no sockets on loopback.
        """
        if self.choice is not VenueChoice.LOCAL:
            venue = run.about.inputs.venue(self.config)
            yield OpenedVenue(evolve(run, job=evolve(run.job, venue=venue)))
            return
        with self._sockets(run) as sockets:
            job = evolve(run.job, venue=sockets)
            over_sockets = evolve(run, source=sockets, job=job, again=run.source)
            yield OpenedVenue(over_sockets, sockets.statement, sockets.remarks)

    def _sockets(self, run: PaperRun) -> SocketVenue | FreePaper:
        from grinder_app.runner.free_paper import FreePaper
        from grinder_app.runner.socket_venue import SocketVenue

        if self.speed_x100 is None:
            return SocketVenue(self.config, run.source, self.instruments)
        return FreePaper(self.config, run.source, self.instruments, self.speed_x100, self.faults)


def choose(
    choice: VenueChoice,
    rules: Path | None,
    config: EngineConfig,
    *,
    parts: bool = False,
    pace: str = LOCKSTEP,
    faults: str = CALM,
) -> ChosenVenue:
    """Return the venue that was asked for, with the settings that fit it.

    Args:
        rules: An ``exchangeInfo`` body; ``None``: the exchange's own symbols.
        parts: A checkpoint is to be written or continued.
        pace: Lockstep, or a speed to run free at.
        faults: What goes wrong then: a plan's name, or a file of one.

    Raises:
        ConfigError: An option or a setting asks for what this venue does not do.
        FixtureError: ``rules`` is no such body.
    """
    speed_x100 = None if pace == LOCKSTEP else parse_speed(pace, "--pace", (LOCKSTEP,))
    if speed_x100 is not None and choice is not VenueChoice.LOCAL:
        raise ConfigError("needs --venue local", field="--pace", value=pace)
    if faults != CALM and speed_x100 is None:
        raise ConfigError(
            "needs --venue local and a --pace to run free at", field="--faults", value=faults
        )
    if choice is VenueChoice.SIM:
        if rules is not None:
            raise ConfigError("needs --venue exchange or local", field="--rules", value=str(rules))
        return ChosenVenue(choice, config, ())
    if parts:
        raise ConfigError("needs --venue sim", field="--checkpoint or --resume")
    instruments = LOCAL_SYMBOLS if rules is None else _read(rules)
    wanted = with_rules(config, instruments)
    return ChosenVenue(choice, wanted, instruments, speed_x100, fault_plan(faults))


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
