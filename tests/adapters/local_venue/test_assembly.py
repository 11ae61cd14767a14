"""An exchange from its settings, and one that goes on where another stopped."""

from __future__ import annotations

import json
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grinder_adapters.local_venue.assembly import (
    LOCAL_KEY,
    START_PRICES,
    VenueOptions,
    assemble,
    generated,
    load_floor,
    save_floor,
)
from grinder_adapters.local_venue.exchange_info import LOCAL_SYMBOLS
from grinder_adapters.local_venue.limits import LimitSettings
from grinder_adapters.local_venue.venue import LocalVenue
from grinder_core.errors import ArtifactError, ConfigError
from tests.adapters.local_venue.market_cases import mark
from tests.adapters.local_venue.request_cases import requests
from tests.adapters.local_venue.venue_cases import (
    NOW,
    OTHER_KEY,
    SYMBOL,
    Client,
    a_venue,
    move,
    quoted,
    state,
)

KEYS = (LOCAL_KEY, OTHER_KEY)
BOUNDLESS = LimitSettings(weight_per_minute=10**9, orders_per_10s=10**9, orders_per_minute=10**9)
STOP = {
    "algoType": "CONDITIONAL",
    "symbol": SYMBOL,
    "side": "SELL",
    "type": "STOP_MARKET",
    "triggerPrice": "89000",
    "quantity": "0.01",
}


def restarted(venue: LocalVenue, path: Path) -> LocalVenue:
    """The exchange that another one left behind."""
    save_floor(venue.exchange.floor, path)
    floor = load_floor(path)
    assert floor is not None
    return assemble(VenueOptions(keys=KEYS, limits=BOUNDLESS), floor)


def a_busy_client() -> Client:
    """A client with open, amended, done and conditional orders, and a position."""
    client = Client(a_venue(limits=BOUNDLESS))
    numbers = [client.place(price=str(88000 + n))["orderId"] for n in range(12)]
    given = {"symbol": SYMBOL, "side": "BUY", "quantity": "0.02", "price": "88500"}
    client.ask("PUT", "v1/order", **given, orderId=numbers[0])
    client.cancel(numbers[1])
    client.trade(quantity="0.05")
    client.ask("POST", "v1/leverage", symbol="ETHUSDT", leverage=3)
    for _ in range(11):
        client.ask("POST", "v1/algoOrder", **STOP)
    client.ask("DELETE", "v1/algoOrder", algoId=2)
    client.ask("POST", "v1/countdownCancelAll", symbol=SYMBOL, countdownTime=60_000)
    return client


def test_orders_positions_money_and_ids_survive_a_restart(tmp_path: Path) -> None:
    before = a_busy_client()
    venue = restarted(before.venue, tmp_path / "state")
    assert state(venue) == state(before.venue)
    assert list(venue.exchange.floor.orders) == list(before.venue.exchange.floor.orders)
    after = Client(venue, before.now)
    for path, asked in (
        ("v1/openOrders", {}),
        ("v1/allOrders", {"symbol": SYMBOL}),
        ("v1/openAlgoOrders", {}),
        ("v1/allAlgoOrders", {"symbol": SYMBOL}),
        ("v1/userTrades", {"symbol": SYMBOL}),
        ("v1/income", {}),
        ("v3/account", {}),
        ("v2/positionRisk", {}),
        ("v1/symbolConfig", {}),
        ("v1/exchangeInfo", {}),
    ):
        assert after.ask("GET", path, **asked) == before.ask("GET", path, **asked), path
    assert after.place()["orderId"] == before.place()["orderId"]
    stop = after.ask("POST", "v1/algoOrder", **STOP)
    assert stop["algoId"] == before.ask("POST", "v1/algoOrder", **STOP)["algoId"] == 12
    assert after.trade(newOrderRespType="RESULT") == before.trade(newOrderRespType="RESULT")


@settings(max_examples=25)
@given(
    st.lists(requests().filter(lambda r: r[0] != "GET"), max_size=12),
    st.lists(requests().filter(lambda r: r[0] != "GET"), max_size=6),
    st.sampled_from((87_000, 90_000, 93_000)),
)
def test_an_exchange_goes_on_as_if_it_had_never_stopped(
    tmp_path_factory: pytest.TempPathFactory, first: list[Any], second: list[Any], price: int
) -> None:
    one = Client(a_venue(limits=BOUNDLESS))
    for step in first:
        one.venue.handle(one.request(*step), one.now)
    path = tmp_path_factory.mktemp("state") / "state"
    two = Client(restarted(one.venue, path), one.now)
    two.venue.listen_keys = one.venue.listen_keys  # keys are of the process
    for client in (one, two):
        client.now += 1000
        move(client.venue, quoted(str(price), str(price + 1), client.now, "2"), client.now)
        move(client.venue, mark(str(price), client.now), client.now)
    assert state(one.venue) == state(two.venue)
    for step in second:
        if "listenKey" in step[1]:
            continue
        answers = [c.venue.handle(c.request(*step), c.now) for c in (one, two)]
        assert answers[0] is not None
        assert answers[1] is not None
        assert answers[0].body == answers[1].body
    assert state(one.venue) == state(two.venue)


def test_without_a_file_there_is_no_state(tmp_path: Path) -> None:
    assert load_floor(tmp_path / "none") is None


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_damaged_byte_is_noticed(
    tmp_path_factory: pytest.TempPathFactory, place: int, change: int
) -> None:
    path = tmp_path_factory.mktemp("state") / "state"
    save_floor(a_venue().exchange.floor, path)
    body = bytearray(path.read_bytes())
    spot = place % (len(body) - 1)  # the last line end says nothing
    body[spot] ^= change
    path.write_bytes(bytes(body))
    with pytest.raises(ArtifactError):
        load_floor(path)


@pytest.mark.parametrize("left", [0, 1, 100])
def test_a_file_that_was_cut_off_is_noticed(tmp_path: Path, left: int) -> None:
    path = tmp_path / "state"
    save_floor(a_venue().exchange.floor, path)
    path.write_bytes(path.read_bytes()[:left])
    with pytest.raises(ArtifactError, match="checksum"):
        load_floor(path)


def test_a_state_of_another_version_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state"
    monkeypatch.setattr("grinder_adapters.local_venue.assembly.STATE_VERSION", 1)
    save_floor(a_venue().exchange.floor, path)
    monkeypatch.undo()
    with pytest.raises(ArtifactError, match="version"):
        load_floor(path)


def test_a_failed_write_leaves_the_old_state(tmp_path: Path) -> None:
    path = tmp_path / "state"
    save_floor(a_busy_client().venue.exchange.floor, path)
    old = path.read_bytes()
    with pytest.raises(TypeError):
        save_floor(object(), path)  # type: ignore[arg-type]
    assert path.read_bytes() == old
    assert [entry.name for entry in tmp_path.iterdir()] == ["state"]


# -- from settings ---------------------------------------------------------------------------------


def test_every_account_has_its_deposit_and_ids_are_long() -> None:
    venue = assemble(VenueOptions(keys=KEYS, deposit=Decimal("12.5")))
    wallets = {name: a.wallet for name, a in venue.exchange.floor.accounts.items()}
    assert wallets == {"main": Decimal("12.5"), "other": Decimal("12.5")}
    assert Client(a_venue()).place()["orderId"] == 4_000_000_001


def test_requests_go_to_the_log_file(tmp_path: Path) -> None:
    client = Client(a_venue(log_path=tmp_path / "log.jsonl"))
    client.place()
    client.venue.log.close()
    (line,) = (tmp_path / "log.jsonl").read_text().splitlines()
    assert json.loads(line)["path"] == "/fapi/v1/order"


def test_the_made_up_market_moves_the_built_in_symbols_from_their_prices() -> None:
    market = generated(["ETHUSDT"], 3, NOW)
    events = list(islice(market, 50))
    assert events == list(islice(generated(["ETHUSDT"], 3, NOW), 50))
    assert {event.payload.symbol for event in events} == {"ETHUSDT"}  # type: ignore[union-attr]
    assert all(event.ts_ms >= NOW for event in events)
    assert START_PRICES.keys() == {instrument.symbol for instrument in LOCAL_SYMBOLS}
    with pytest.raises(ConfigError, match="--symbols"):
        generated(["NOPE"], 3, NOW)
