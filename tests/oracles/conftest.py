"""The exchange for the suites: one that stands still, and one that moves.

A suite gives ``connect``: what points its client at an exchange, once for each way to call it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.oracles.client import Client
from tests.oracles.exchange import OTHER, SYMBOL, Exchange, scripted_market, serving
from tests.oracles.facts import Wanted
from tests.oracles.flows import eventually

Connect = Callable[[Exchange], Client]


@pytest.fixture(scope="module")
def exchange(connect: Connect, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    """A market that stands still; one for each way to call, since requests are limited."""
    path = scripted_market(tmp_path_factory.mktemp("market") / "market.toml")
    with serving("--scenario", str(path)) as running:
        eventually(lambda: running.get("v1/aggTrades", symbol=SYMBOL))
        yield running


@pytest.fixture(scope="module")
def seeded() -> Iterator[Exchange]:
    """A market that moves."""
    with serving("--symbols", SYMBOL, "--seed", "7") as running:
        yield running


@pytest.fixture(scope="module")
def connected(connect: Connect, exchange: Exchange) -> Iterator[Client]:
    """The client at the market that stands still, for all tests."""
    made = connect(exchange)
    yield made
    made.close()


@pytest.fixture
def client(connected: Client) -> Iterator[Client]:
    """The same; a test leaves nothing behind."""
    yield connected
    for symbol in (SYMBOL, OTHER):
        connected.cancel_all(symbol)
    held = connected.position().qty
    if held:
        connected.place(Wanted(side="SELL", qty=held, reduce_only=True))
    connected.set_leverage(20)


@pytest.fixture(scope="module")
def streaming(connect: Connect, seeded: Exchange) -> Iterator[Client]:
    """The client at the market that moves."""
    made = connect(seeded)
    yield made
    made.close()
