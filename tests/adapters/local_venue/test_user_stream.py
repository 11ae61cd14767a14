"""The user stream: published fields, the order of events, and who gets which."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from grinder_core.contracts.event import Event
from grinder_core.contracts.market import Funding
from tests.adapters.local_venue.market_cases import mark, missing_keys, published
from tests.adapters.local_venue.venue_cases import (
    NOW,
    OTHER_KEY,
    SYMBOL,
    Client,
    Listener,
    a_venue,
    an_order,
    move,
    quoted,
    user_stream,
)

D = Decimal
MINUTE = 60_000


@pytest.fixture
def client() -> Client:
    """A client of a fresh exchange."""
    return Client(a_venue())


def kinds(frames: list[Any]) -> list[str]:
    """Their event types."""
    return [frame["e"] for frame in frames]


def of(frames: list[Any], kind: str) -> list[Any]:
    """Events of one type."""
    return [frame for frame in frames if frame["e"] == kind]


def story(client: Client) -> list[Any]:
    """Events of a life of orders: all kinds occur."""
    stream = user_stream(client)
    live(client)
    return stream.heard()


def live(client: Client) -> None:
    """A life of orders."""
    number = client.place(timeInForce="GTX")["orderId"]
    given = {"symbol": SYMBOL, "side": "BUY", "quantity": "0.02", "price": "88000"}
    client.ask("PUT", "v1/order", **given, orderId=number, modifyId=5)
    client.cancel(number)
    client.trade()
    client.ask("POST", "v1/leverage", symbol=SYMBOL, leverage=7)
    stop = {"algoType": "CONDITIONAL", "symbol": SYMBOL, "side": "SELL", "triggerPrice": "89000"}
    client.ask("POST", "v1/algoOrder", **stop, type="STOP_MARKET", quantity="0.01")
    client.now += 5
    move(client.venue, quoted("88000", "88001", client.now), client.now)
    client.venue.exchange.deposit("main", D(5), client.now)
    client.venue.tick(client.now + 3_600_000)


@pytest.mark.recordings
def test_events_have_the_published_fields_of_the_published_types(
    recordings: Path, client: Client
) -> None:
    examples = published(recordings, "fapi_ws_examples.jsonl").values()
    shapes = [example["data"] for example in examples if isinstance(example["data"], dict)]
    frames = story(client)
    found = {data["e"]: data for data in shapes if "ai" not in data}  # assets: another mode
    found = {kind: found[kind] for kind in set(kinds(frames)) & found.keys()}
    assert len(found) >= 4
    for kind, example in found.items():
        ours = max(of(frames, kind), key=lambda frame: len(str(frame)))
        trailing = {".o.AP", ".o.cr"}  # where they apply
        assert set(missing_keys(ours, example)) <= trailing, kind


def test_a_life_of_orders_is_told_in_its_order(client: Client) -> None:
    frames = story(client)
    orders = of(frames, "ORDER_TRADE_UPDATE")
    assert [(f["o"]["x"], f["o"]["X"]) for f in orders] == [
        ("NEW", "NEW"),
        ("AMENDMENT", "NEW"),
        ("CANCELED", "CANCELED"),
        ("NEW", "NEW"),
        ("TRADE", "FILLED"),
        ("NEW", "NEW"),
        ("TRADE", "FILLED"),
    ]
    assert kinds(frames)[4:7] == ["TRADE_LITE", "ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE"]
    assert orders[1]["o"]["M"] == 5
    assert [f["o"]["X"] for f in of(frames, "ALGO_UPDATE")] == ["NEW", "TRIGGERED", "FINISHED"]
    assert of(frames, "ACCOUNT_CONFIG_UPDATE")[0]["ac"] == {"s": SYMBOL, "l": 7}
    assert kinds(frames)[-1] == "listenKeyExpired"
    times = [frame["E"] for frame in frames]
    assert times == sorted(times)


def test_a_fill_tells_what_it_cost_and_what_it_earned(client: Client) -> None:
    stream = user_stream(client)
    move(client.venue, quoted("90009", "90010", client.now), client.now)
    client.trade()
    lite, full, account = stream.heard()[-3:]
    order = full["o"]
    assert (order["c"], order["i"]) == (lite["c"], lite["i"])
    assert (order["t"], order["l"], order["L"], order["m"]) == (
        lite["t"],
        lite["l"],
        lite["L"],
        lite["m"],
    )
    assert order["N"] == "USDT"
    assert D(order["n"]) == D(90010) * D("0.01") * D("0.0005")
    assert D(order["rp"]) == 0
    assert (order["q"], order["z"], order["ap"]) == ("0.01", "0.01", "90010")
    (balance,) = account["a"]["B"]
    (position,) = account["a"]["P"]
    assert D(balance["wb"]) == client.venue.exchange.floor.accounts["main"].wallet
    assert (balance["bc"], account["a"]["m"]) == ("0", "ORDER")
    assert (position["pa"], position["ep"], position["mt"], position["ps"]) == (
        "0.01",
        "90010",
        "cross",
        "BOTH",
    )


def test_a_resting_order_shows_what_is_left_of_it_on_its_side(client: Client) -> None:
    stream = user_stream(client)
    client.place(quantity="0.02", price="89000")
    client.place(side="SELL", quantity="0.02", price="91000")
    bought, sold = (frame["o"] for frame in stream.heard())
    assert (bought["b"], bought["a"]) == ("1780", "0")
    assert (sold["b"], sold["a"]) == ("0", "1820")
    for order in (bought, sold):
        assert (order["l"], order["L"], order["t"], order["er"]) == ("0", "0", 0, "0")
        assert "N" not in order
        assert "M" not in order


def test_an_expiry_says_why(client: Client) -> None:
    stream = user_stream(client)
    client.place(price="90000.1", quantity="0.01", timeInForce="IOC", side="SELL")
    order = stream.heard()[-1]["o"]
    assert (order["x"], order["X"], order["er"]) == ("EXPIRED", "EXPIRED", "2")


def test_funding_names_its_symbol_and_the_change(client: Client) -> None:
    client.trade()
    stream = user_stream(client)
    paid = Funding(ts=client.now, symbol=SYMBOL, rate=D("0.0001"))
    client.venue.on_event(Event(client.now, paid), client.now)
    (frame,) = stream.heard()
    assert (frame["a"]["m"], frame["a"]["S"]) == ("FUNDING_FEE", SYMBOL)
    assert frame["a"]["B"][0]["bc"] == "-0.09"


def test_a_refused_request_is_not_told(client: Client) -> None:
    stream = user_stream(client)
    client.place(price="0")
    client.cancel(7)
    client.ask("POST", "v1/leverage", symbol=SYMBOL, leverage=0)
    assert stream.heard() == []


# -- who gets what ---------------------------------------------------------------------------------


def test_an_account_hears_of_itself_alone_and_on_every_connection(client: Client) -> None:
    other = Client(client.venue, key=OTHER_KEY)
    ours, ours_too, theirs = user_stream(client), user_stream(client), user_stream(other)
    client.place()
    assert len(ours.heard()) == len(ours_too.heard()) == 1
    assert theirs.heard() == []
    other.place()
    assert ours.heard() == []
    assert len(theirs.heard()) == 1


def test_only_the_events_that_were_asked_for_come(client: Client) -> None:
    stream = user_stream(client, "ORDER_TRADE_UPDATE/ACCOUNT_UPDATE")
    client.trade()
    client.ask("POST", "v1/leverage", symbol=SYMBOL, leverage=7)
    assert kinds(stream.heard()) == ["ORDER_TRADE_UPDATE", "ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE"]


@pytest.mark.parametrize("path", ["/public/ws", "/market/ws"])
def test_a_market_connection_never_gets_user_events(client: Client, path: str) -> None:
    key = client.ask("POST", "v1/listenKey")["listenKey"]
    wrong = Listener.at(client.venue, path, f"listenKey={key}")
    client.place()
    assert wrong.heard() == []


def test_the_key_may_stand_in_the_path_or_be_subscribed_and_is_named_where_combined(
    client: Client,
) -> None:
    key = client.ask("POST", "v1/listenKey")["listenKey"]
    in_path = Listener.at(client.venue, f"/private/ws/{key}")
    combined = Listener.at(client.venue, "/private/stream")
    assert combined.say(method="SUBSCRIBE", params=[key], id=1) == {"result": None, "id": 1}
    client.place()
    (frame,), (wrapped,) = in_path.heard(), combined.heard()
    assert wrapped == {"stream": key, "data": frame}


def test_a_user_event_can_come_before_the_answer_to_the_request_that_caused_it(
    client: Client,
) -> None:
    stream = user_stream(client)
    request = client.request("POST", "v1/order", an_order())
    answer = client.venue.handle(request, client.now)
    assert answer is not None
    assert len(stream.session.outbox) == 1  # it waits there while the answer is on its way
    assert answer.headers["X-Grinder-User-Events"] == "1"


# -- the key's life --------------------------------------------------------------------------------


def test_a_key_ends_after_an_hour_without_extension_and_says_so_last(client: Client) -> None:
    stream = user_stream(client)
    key = next(iter(stream.session.streams))
    for minute in range(1, 120):
        client.now = NOW + minute * MINUTE
        client.venue.tick(client.now - 1)
        stream.session.pong(client.now - 1)
        assert [frame for frame in stream.heard() if frame] == []
        if minute == 59:
            assert client.ask("PUT", "v1/listenKey") == {"listenKey": key}
    client.venue.tick(client.now)
    heard = [frame for frame in stream.heard() if frame]
    assert heard == [{"e": "listenKeyExpired", "E": client.now, "listenKey": key}]
    client.place()
    assert stream.heard() == []
    assert client.ask("PUT", "v1/listenKey")["code"] == -1125
    assert client.ask("POST", "v1/listenKey")["listenKey"] != key


def test_a_closed_key_hears_nothing_more(client: Client) -> None:
    stream = user_stream(client)
    assert client.ask("DELETE", "v1/listenKey") == {}
    client.place()
    assert stream.heard() == []
    assert client.ask("DELETE", "v1/listenKey")["code"] == -1125


def test_answers_count_the_user_events_whether_anybody_listens(client: Client) -> None:
    answer = client.send("POST", "v1/order", **an_order())
    assert answer is not None
    assert answer.headers["X-Grinder-User-Events"] == "1"
    trade = client.send("GET", "v3/balance")
    assert trade is not None
    assert trade.headers["X-Grinder-User-Events"] == "1"
    client.venue.on_event(mark("90001", client.now), client.now)
    client.trade()
    last = client.send("GET", "v3/balance")
    assert last is not None
    assert last.headers["X-Grinder-User-Events"] == "5"  # new, lite, trade and account besides


def test_events_count_the_same_whether_or_not_somebody_listens(client: Client) -> None:
    heard = [frame for frame in story(client) if frame["e"] != "listenKeyExpired"]
    alone = Client(a_venue())
    live(alone)
    assert alone.venue.gateway.user_events == {"main": len(heard)}
