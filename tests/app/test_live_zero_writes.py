"""A live run that may not write does not: shown by the exchange's own request log (I-07.1, I-07.3).

Each mode runs against a local exchange over sockets, inside the guard that lets nothing leave the
machine. A run that may write stands beside them, so that an empty log proves something.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from grinder_adapters.aiohttp_transport import AiohttpTransport
from grinder_adapters.airgap import airgap
from grinder_adapters.binance.order_requests import LimitOrder, MarketOrder
from grinder_adapters.binance.orders_port import ExecutionPort
from grinder_adapters.binance.permission import PortKind, own_simulator
from grinder_adapters.binance.rest import RestClient
from grinder_adapters.binance.signing import Secret, Signer
from grinder_adapters.binance.spec import IdentityCodec
from grinder_adapters.binance.write_guard import WriteGuard
from grinder_adapters.binance.writes import Writer
from grinder_adapters.clock import SystemClock
from grinder_adapters.local_venue.assembly import LOCAL_KEY, VenueOptions, assemble, generated
from grinder_adapters.local_venue.faults import FaultPlan
from grinder_adapters.local_venue.market_feed import MarketFeed
from grinder_adapters.local_venue.markets.pacing import Pacer
from grinder_adapters.local_venue.request_log import RequestRecord
from grinder_adapters.local_venue.server import VenueServer
from grinder_app.cli import run
from grinder_app.config.live_plan import GuardsMissingError, LiveFlags, plan_live
from grinder_app.config.load import load_settings
from grinder_app.live.command import LiveRequest, run_live
from grinder_app.live.session import LiveEnd
from grinder_core.contracts.enums import Side
from grinder_core.contracts.live import SafeMode
from grinder_core.orders.identity import OrderIds
from grinder_core.resilience.budget import BudgetWindow
from grinder_core.resilience.idempotency import IdempotencySettings, IdempotencyStore
from tests.simulation.adapter_world import Nobody

SYMBOLS = ("ETHUSDT", "XRPUSDT")
SECONDS = 1.5


async def live_run(
    folder: Path, flags: dict[str, object], seconds: float = SECONDS
) -> tuple[LiveEnd, list[RequestRecord]]:
    """Run one mode at an exchange of its own."""
    clock = SystemClock()
    venue = assemble(VenueOptions(deposit=Decimal(10_000)))
    server = VenueServer(venue, clock)
    address = await server.start()
    market = generated(SYMBOLS, 5, clock.now_ms())
    feeding = asyncio.create_task(MarketFeed(venue, server.clock, Pacer()).run(market))
    sets = {"app.state_dir": str(folder), "live.http_port": "0"}
    settings = load_settings(None, environment={}, flags=sets)
    given = {"symbols": SYMBOLS, "rest_url": address, "ws_url": address.replace("http", "ws", 1)}
    plan = plan_live(LiveFlags(**{**given, **flags}), settings, {})  # type: ignore[arg-type]
    request = LiveRequest(plan=plan, duration_s=seconds, faults=FaultPlan(()), shown={})
    try:
        with airgap():
            end = await run_live(request, lambda kind, text: None)
    finally:
        feeding.cancel()
        await asyncio.gather(feeding, return_exceptions=True)
        await server.close()
    return end, list(venue.log)


def writes(log: Sequence[RequestRecord]) -> list[str]:
    return [f"{r.method} {r.path}" for r in log if r.is_write]


MODES: dict[str, dict[str, object]] = {
    "default": {},
    "disarmed": {"mode": SafeMode.LIVE_TRADE, "exchange_port": PortKind.SIM},
    "disarmed at a venue's port": {
        "mode": SafeMode.LIVE_TRADE,
        "exchange_port": PortKind.FUTURES,
    },
    "read only on a writing port": {
        "mode": SafeMode.READ_ONLY,
        "exchange_port": PortKind.SIM,
    },
    "paper": {"mode": SafeMode.PAPER},
}


@pytest.mark.parametrize("mode", MODES)
def test_a_run_that_may_not_write_sends_none(mode: str, tmp_path: Path) -> None:
    end, log = asyncio.run(live_run(tmp_path, MODES[mode]))
    assert end.outputs > 10, "it followed the market"
    assert writes(log) == []


def test_an_armed_run_of_another_mode_does_not_begin(tmp_path: Path) -> None:
    with pytest.raises(GuardsMissingError, match="GRINDER_MODE=live_trade"):
        asyncio.run(live_run(tmp_path, {"armed": True, "mode": SafeMode.READ_ONLY}))


def test_a_run_that_may_write_does(tmp_path: Path) -> None:
    flags = {"armed": True, "mode": SafeMode.LIVE_TRADE, "exchange_port": PortKind.SIM}
    _, log = asyncio.run(live_run(tmp_path, flags, 5))
    sent = writes(log)
    assert "POST /fapi/v1/order" in sent
    assert any(path.startswith("DELETE") for path in sent), "it takes its entries with it"


def test_a_dry_run_of_the_port_sends_none() -> None:
    async def act() -> list[RequestRecord]:
        clock = SystemClock()
        venue = assemble(VenueOptions())
        server = VenueServer(venue, clock)
        address = await server.start()
        guard = WriteGuard(AiohttpTransport(), address)
        signer = Signer(Secret(LOCAL_KEY.key), Secret(LOCAL_KEY.secret))
        client = RestClient(guard, clock, asyncio.sleep, signer=signer)
        await client.venue_clock.sync()
        for window in BudgetWindow:
            client.budget.observe(window, 0, client.now())
        guard.arm(own_simulator())
        writer = Writer(client, IdempotencyStore(IdempotencySettings()), Nobody())
        port = ExecutionPort(client, writer, IdentityCodec({"default"}), dry_run=True)
        ids = OrderIds("default")
        name, other = (ids.next_id(1, clock.now_ms()) for _ in range(2))
        with airgap():
            await port.place(
                LimitOrder(
                    client_order_id=name,
                    symbol="ETHUSDT",
                    side=Side.BUY,
                    price=Decimal(3_000),
                    qty=Decimal("0.01"),
                    generation=1,
                )
            )
            await port.cancel("ETHUSDT", name)
            await port.place_market(
                MarketOrder(
                    client_order_id=other,
                    symbol="ETHUSDT",
                    side=Side.SELL,
                    qty=Decimal("0.01"),
                    generation=1,
                )
            )
            await port.arm_countdown("ETHUSDT", 10_000)
        await port.close()
        await server.close()
        return list(venue.log)

    assert writes(asyncio.run(act())) == []


def test_a_fixture_stays_offline_whatever_is_permitted(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {
        "ALLOW_MAINNET_TRADE": "1",
        "ALLOW_TESTNET_TRADE": "1",
        "GRINDER_REAL_PORT_ACK": "I_UNDERSTAND_THIS_PLACES_REAL_ORDERS",
        "BINANCE_API_KEY": "not-a-real-key",
        "BINANCE_API_SECRET": "not-a-real-secret",
    }.items():
        monkeypatch.setenv(name, value)
    reached: list[object] = []

    def refuse(*_: object) -> None:
        reached.append(1)
        raise OSError("no socket is needed")

    monkeypatch.setattr("socket.socket.connect", refuse)
    command = (
        "live run --armed --mode live_trade --exchange-port futures --symbols BTCUSDT "
        "--rest-url https://fapi.binance.com --ws-url wss://fstream.binance.com "
        "--set live.allow_mainnet=true --set live.max_notional_per_order=50 --json"
    )
    assert run([*command.split(), "--fixture", str(root / "fixtures" / "sample_day_toxic")]) == 0
    assert '"digest"' in capsys.readouterr().out
    assert reached == []
