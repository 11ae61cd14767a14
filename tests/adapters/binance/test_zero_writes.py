"""A process that may not write cannot: no path leads around the guard (I-07.1, I-09.1)."""

from __future__ import annotations

import ast
import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import grinder_adapters.binance
from grinder_adapters.binance import endpoints
from grinder_adapters.binance.account_port import AccountPort
from grinder_adapters.binance.endpoints import Endpoint, Request
from grinder_adapters.binance.hosts import VenueClass
from grinder_adapters.binance.order_requests import MarketOrder
from grinder_adapters.binance.permission import Credentials, Permission, PortKind
from grinder_adapters.binance.spec import USDM
from grinder_adapters.binance.write_guard import WriteGuard
from grinder_core.contracts.enums import Side
from grinder_core.contracts.live import SafeMode
from grinder_core.errors import ConnectorNonRetryableError, ContractError, GrinderError
from tests.support.binance_port import (
    AN_ID,
    URLS,
    WHOLE,
    Desk,
    a_desk,
    a_limit_order,
    a_permission,
    a_stop,
    an_amend,
)
from tests.support.scripted_venue import ScriptedVenue
from tests.support.virtual_time import VirtualClock, run

ROOM = Path(grinder_adapters.binance.__file__).parent
EXIT = MarketOrder(
    client_order_id=AN_ID, symbol="BTCUSDT", side=Side.SELL, qty=Decimal(1), generation=0
)

Act = Callable[[Desk], Awaitable[Any]]


async def call(endpoint: Endpoint, desk: Desk) -> Any:
    return await desk.client.look(Request(endpoint), lambda body: body)


ACTS: dict[str, Act] = {
    "place": lambda d: d.port.place(a_limit_order()),
    "reduce": lambda d: d.port.place(a_limit_order(reduce_only=True)),
    "market": lambda d: d.port.place_market(EXIT),
    "conditional": lambda d: d.port.place_conditional(a_stop()),
    "closing": lambda d: d.port.place_conditional(a_stop(qty=None)),
    "amend": lambda d: d.port.amend(an_amend()),
    "cancel": lambda d: d.port.cancel("BTCUSDT", AN_ID),
    "cancel_many": lambda d: d.port.cancel_many("BTCUSDT", [AN_ID]),
    "cancel_own": lambda d: d.port.cancel_own("BTCUSDT"),
    "cancel_conditional": lambda d: d.port.cancel_conditional("BTCUSDT", AN_ID),
    "arm": lambda d: d.port.arm_countdown("BTCUSDT", 1000),
    "disarm": lambda d: d.port.arm_countdown("BTCUSDT", 0),
    "switch": lambda d: d.port._switch.set(endpoints.COUNTDOWN, "BTCUSDT", 1000),
    "leverage": lambda d: AccountPort(d.client).set_leverage("BTCUSDT", 3),
    "perform": lambda d: d.writer.perform(d.port._calls.place(a_limit_order())),
    "batch": lambda d: d.port._batches.cancel(
        "BTCUSDT", [d.port._calls.cancel("BTCUSDT", AN_ID, None)]
    ),
    **{
        f"{endpoint.method} {endpoint.path} {endpoint.circuit}": partial(call, endpoint)
        for endpoint in vars(endpoints).values()
        if isinstance(endpoint, Endpoint)
    },
}
GUARDS: dict[str, list[Any]] = {
    "armed": [True, False],
    "mode": list(SafeMode),
    "port": list(PortKind),
    "allow_testnet_trade": [True, False],
    "allow_mainnet_trade": [True, False],
    "real_port_ack": [WHOLE["real_port_ack"], ""],
    "allow_mainnet": [True, False],
    "symbol_whitelist": [("BTCUSDT",), ()],
    "max_notional_per_order": [Decimal(1000), None],
    "credentials": list(Credentials),
    "has_constraints": [True, False],
    "simulator_is_identified": [True, False],
}
# mostly whole permissions, so that single gaps are met often
GIVEN = st.fixed_dictionaries(
    {}, optional={name: st.sampled_from(values) for name, values in GUARDS.items()}
)


def at_unarmed_desk(
    scene: Callable[[Desk], Awaitable[None]], venue_class: VenueClass, **venue: Any
) -> ScriptedVenue:
    clock = VirtualClock()
    scripted = ScriptedVenue(clock, **venue)

    async def play() -> None:
        desk = a_desk(clock, venue=scripted, venue_class=venue_class)
        await desk.client.venue_clock.sync()
        await asyncio.sleep(61)
        await scene(desk)

    run(play(), clock)
    return scripted


@given(
    st.sampled_from(VenueClass),
    GIVEN,
    st.lists(st.sampled_from(sorted(ACTS)), min_size=1, max_size=5),
)
def test_with_a_guard_missing_no_action_writes(
    venue_class: VenueClass, given_guards: dict[str, Any], names: list[str]
) -> None:
    permission = a_permission(venue_class, **given_guards)
    armed = not permission.missing()

    async def scene(desk: Desk) -> None:
        desk.venue.rest(AN_ID)
        if armed:
            desk.guard.arm(permission)
            desk.guard.disarm()
        else:
            with pytest.raises(ConnectorNonRetryableError):
                desk.guard.arm(permission)
        for name in names:
            with suppress(GrinderError):
                await ACTS[name](desk)

    assert at_unarmed_desk(scene, venue_class).writes() == []


@pytest.mark.parametrize("name", sorted(ACTS))
def test_no_call_of_the_adapter_writes_without_permission(name: str) -> None:
    refused: list[int] = []

    async def scene(desk: Desk) -> None:
        desk.venue.rest(AN_ID)
        desk.venue.answers["GET symbolConfig"] = (
            '[{"symbol":"BTCUSDT","marginType":"CROSSED","leverage":1,"maxNotionalValue":"1"}]'
        )
        with suppress(GrinderError):
            await ACTS[name](desk)
        refused.append(desk.guard.refused)

    venue = at_unarmed_desk(scene, VenueClass.SIM)
    assert venue.writes() == []
    if name.startswith(("POST", "PUT", "DELETE")) and "listenKey" not in name:
        assert refused == [1]


def test_arming_lets_writes_pass_and_disarming_stops_them() -> None:
    async def scene(desk: Desk) -> None:
        desk.guard.arm(a_permission())
        assert desk.guard.permission is not None
        await desk.port.place(a_limit_order())
        desk.guard.disarm()
        with pytest.raises(ConnectorNonRetryableError, match="not permitted"):
            await desk.port.place(a_limit_order(generation=1))

    assert len(at_unarmed_desk(scene, VenueClass.SIM).writes()) == 1


@pytest.mark.parametrize("of", VenueClass)
@pytest.mark.parametrize("at", VenueClass)
def test_a_permission_holds_for_its_own_class_alone(of: VenueClass, at: VenueClass) -> None:
    guard = WriteGuard(ScriptedVenue(VirtualClock()), URLS[USDM.product][at])
    if of is at:
        guard.arm(a_permission(of))
    else:
        with pytest.raises(ContractError, match="venue_class"):
            guard.arm(a_permission(of))
        assert guard.permission is None


@pytest.mark.parametrize("identity", ["", "something else"])
def test_what_does_not_say_that_it_is_the_simulator_gets_no_write(identity: str) -> None:
    async def scene(desk: Desk) -> None:
        assert not desk.guard.simulator_is_identified
        desk.guard.arm(a_permission())  # whoever claims that it is identified
        outcome = await desk.port.place(a_limit_order())
        assert "does not identify itself" in getattr(outcome, "detail", "")

    assert at_unarmed_desk(scene, VenueClass.SIM, identity=identity).writes() == []


def test_a_simulator_that_turns_into_something_else_gets_no_more_writes() -> None:
    async def scene(desk: Desk) -> None:
        desk.guard.arm(a_permission())
        desk.venue.identity = ""
        await desk.client.venue_clock.sync()
        desk.venue.identity = "local"
        await desk.client.venue_clock.sync()
        await desk.port.place(a_limit_order())

    assert at_unarmed_desk(scene, VenueClass.SIM).writes() == []


@given(st.text(max_size=20))
def test_a_target_cannot_name_another_host(target: str) -> None:
    sent: list[str] = []

    class Spy(ScriptedVenue):
        async def request(self, method: str, url: str, *rest: Any) -> Any:
            sent.append(url)
            return await super().request(method, url, *rest)

    guard = WriteGuard(Spy(VirtualClock()), URLS[USDM.product][VenueClass.MAINNET])
    if not target.startswith("/"):
        with pytest.raises(ContractError):
            run(guard.request("GET", target, {}, b"", 1))
        assert sent == []


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "post", "get", ""])
@pytest.mark.parametrize(
    "target", ["/fapi/v1/order", "/fapi/v1/listenKey?x=1", "/fapi/v1/listenKey/"]
)
def test_everything_but_a_get_and_the_listen_key_is_a_write(method: str, target: str) -> None:
    venue = ScriptedVenue(VirtualClock())
    guard = WriteGuard(venue, URLS[USDM.product][VenueClass.SIM])
    with pytest.raises(ConnectorNonRetryableError):
        run(guard.request(method, target, {}, b"", 1))
    assert venue.requests == []
    assert guard.refused == 1


# -- the code itself ----------------------------------------------------------------------------

# a transport itself, so below the guard: it forwards what it is given and counts
BELOW = {"lockstep.py"}
NETWORK = ("aiohttp", "http", "urllib.request", "socket", "ssl", "requests", "httpx", "websockets")
TREES = {path.name: ast.parse(path.read_text("utf-8")) for path in sorted(ROOM.glob("*.py"))}


def imported(tree: ast.AST) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("name", TREES)
def test_no_module_of_the_adapter_reaches_the_network_by_itself(name: str) -> None:
    used = imported(TREES[name])
    assert not {m for m in used if any(m == n or m.startswith(f"{n}.") for n in NETWORK)}
    assert "grinder_adapters.aiohttp_transport" not in used


def test_only_the_guard_knows_the_transport() -> None:
    holders = {
        name
        for name, tree in TREES.items()
        if "grinder_adapters.transport.HttpTransport" in imported(tree)
    }
    assert holders - BELOW == {"write_guard.py"}


def test_only_the_client_calls_the_guard_and_only_the_guard_the_transport() -> None:
    callers = {
        (name, ast.unparse(node.func))
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if name not in BELOW
        and isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "request"
        and len(node.args) > 1  # a call without any is another's
    }
    assert callers == {
        ("rest.py", "self.guard.request"),
        ("write_guard.py", "self._transport.request"),
    }


def test_nobody_reaches_into_the_guard() -> None:
    inside = {
        name
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in {"_transport", "_permission"}
    }
    sockets = {"connection.py", "streams.py", "feed.py", "user_stream.py"}  # transports of theirs
    assert inside - sockets == {"write_guard.py"}


def test_the_default_permission_is_of_no_use() -> None:
    for venue_class in VenueClass:
        guard = WriteGuard(ScriptedVenue(VirtualClock()), URLS[USDM.product][venue_class])
        with pytest.raises(ConnectorNonRetryableError, match="armed"):
            guard.arm(Permission(venue_class=venue_class))
