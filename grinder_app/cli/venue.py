"""``grinder venue``: the local exchange, and what goes wrong at it."""

from __future__ import annotations

import asyncio
import sys
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from grinder_adapters.local_venue.markets.pacing import UNPACED
from grinder_app.cli import output
from grinder_app.runner.amounts import Amount
from grinder_app.runner.options import DataFiles, Flag, Texts
from grinder_app.runner.speed import parse_speed
from grinder_core.contracts.checks import SYMBOL
from grinder_core.errors import ConfigError

if TYPE_CHECKING:
    from grinder_core.venue.exchange.account import FeeWallet

app = App(name="venue", help="Serve the local exchange; make things go wrong at it.")
faults = App(name="faults", help="Name, show and set what goes wrong at the local exchange.")
app.command(faults)

ADDRESS = "http://localhost:8790"
FEE_ASSET_DEPOSIT, FEE_ASSET_PRICE = Decimal(1), Decimal(600)


@app.command
def serve(
    *,
    data: DataFiles = (),
    scenario: Path | None = None,
    symbols: Texts = ("BTCUSDT", "ETHUSDT", "DOGEUSDT", "XRPUSDT"),
    seed: int = 0,
    speed: str = "1",
    loop: Flag = False,
    port: int = 8790,
    deposit: Amount = Decimal(10_000),
    fee_asset: str = "",
    fee_asset_deposit: Amount = FEE_ASSET_DEPOSIT,
    fee_asset_price: Amount = FEE_ASSET_PRICE,
    faults: str = "calm",
    state: Path | None = None,
    log: Path | None = None,
    duration: float = 0,
    json: Flag = False,
) -> int:
    """Serve the local exchange on loopback, in the protocol of Binance USDT-M futures.

    REST on /fapi, market streams on /public and /market, the user stream on /private; the key pair
    is printed and opens nothing else. Stop it with Ctrl-C.

    Parameters
    ----------
    data
        Recordings to play: event files, raw captures, klines. Without it, a seeded market.
    scenario
        A scripted market (TOML) instead of data.
    symbols
        Symbols of the seeded market, or of the recordings to take.
    seed
        Root of the seeded market.
    speed
        Market seconds in a second of the clock; max: as fast as the slowest connection reads.
    loop
        Begin again when the recordings end.
    port
        Port on loopback; 0: any free one.
    deposit
        First deposit of the account, USDT.
    fee_asset
        Asset that pays the fees while it lasts, such as BNB; without it, USDT does.
    fee_asset_deposit
        How much of that asset the account holds at first.
    fee_asset_price
        Price of one unit of that asset, USDT.
    faults
        What goes wrong: a named plan (see ``grinder venue faults list``), or a file of one.
    state
        Go on from this file, and write it at the end.
    log
        Append every request and its answer to this file, as JSON Lines.
    duration
        Stop after so many seconds; 0: when interrupted.
    json
        Print the address and the key pair as one JSON line.
    """
    from grinder_app.runner.serve import ServePlan, serve_venue

    plan = ServePlan(
        data=tuple(data),
        scenario=scenario,
        symbols=tuple(symbols),
        seed=seed,
        speed_x100=_speed(speed),
        is_looped=loop,
        port=port,
        deposit=deposit,
        fees=_fee_wallet(fee_asset, fee_asset_price, fee_asset_deposit),
        faults=faults,
        state_path=state,
        log_path=log,
        duration_s=duration,
    )

    def ready(facts: dict[str, str]) -> None:
        if json:
            output.print_json(facts)
        else:
            output.print_facts("local exchange", facts)
        sys.stdout.flush()

    asyncio.run(serve_venue(plan, ready))
    return 0


@faults.command(name="list")
def list_plans(*, json: Flag = False) -> int:
    """List the named plans.

    Parameters
    ----------
    json
        Print one JSON line.
    """
    from grinder_adapters.local_venue.fault_plans import PLAN_NAMES, named_faults

    rows = [{"plan": name, "faults": len(named_faults(name))} for name in PLAN_NAMES]
    if json:
        output.print_json({"plans": rows})
    else:
        output.print_table("fault plans", ("plan", "faults"), [tuple(r.values()) for r in rows])
    return 0


@faults.command
def show(plan: str, *, symbol: str = "BTCUSDT", seed: int = 0) -> int:
    """Print a named plan as a fault file, to start your own from.

    Parameters
    ----------
    plan
        Its name.
    symbol
        Symbol of the faults that are about one.
    seed
        Seed of the draws.
    """
    from grinder_adapters.local_venue.fault_file import render_faults
    from grinder_adapters.local_venue.fault_plans import named_faults

    print(render_faults(seed, named_faults(plan, symbol)), end="")
    return 0


@faults.command(name="set")
def set_plan(
    plan: str, *, url: Annotated[str, Parameter(show_default=True)] = ADDRESS, json: Flag = False
) -> int:
    """Let other things go wrong at an exchange that is running.

    Parameters
    ----------
    plan
        A named plan, or a fault file.
    url
        Where the exchange listens.
    json
        Print one JSON line.
    """
    from grinder_app.runner.serve import fault_text, put_faults

    answer = asyncio.run(put_faults(url, fault_text(plan)))
    if json:
        output.print_json(answer)
    else:
        output.print_facts("faults", answer)
    return 0


def _fee_wallet(asset: str, price: Decimal, deposit: Decimal) -> FeeWallet | None:
    """Return what pays the fees; ``None``: the wallet does.

    Raises:
        ConfigError: It is no asset, or has no price.
    """
    from grinder_core.venue.exchange.account import FeeWallet

    if not asset:
        for name, value, default in (
            ("--fee-asset-deposit", deposit, FEE_ASSET_DEPOSIT),
            ("--fee-asset-price", price, FEE_ASSET_PRICE),
        ):
            if value != default:
                raise ConfigError("needs --fee-asset", field=name, value=value)
        return None
    if not SYMBOL.fullmatch(asset) or asset == "USDT":
        raise ConfigError(
            "must be the name of another asset than USDT, such as BNB",
            field="--fee-asset",
            value=asset,
        )
    if price <= 0:
        raise ConfigError("must be > 0", field="--fee-asset-price", value=price)
    if deposit < 0:
        raise ConfigError("must be >= 0", field="--fee-asset-deposit", value=deposit)
    return FeeWallet(asset, price, deposit)


def _speed(text: str) -> int:
    """Hundredths of real time; 0 is as fast as possible."""
    return UNPACED if text == "max" else parse_speed(text, "--speed", ("max",))
