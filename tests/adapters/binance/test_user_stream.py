"""The private stream: its key, its gaps, and each thing told once (LIVE-19, reference 10)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from decimal import Decimal
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from grinder_adapters.binance.connection import ConnectionSettings
from grinder_adapters.binance.connector_state import State
from grinder_adapters.binance.network import Network
from grinder_adapters.binance.signing import Secret
from grinder_adapters.binance.user_events import (
    AccountEvent,
    FuturesOrderEvent,
    TradeLite,
    UnknownEvent,
    UserEvent,
)
from grinder_adapters.binance.user_fold import FINAL, UserFold
from grinder_adapters.binance.user_frames import read_user_frame
from grinder_adapters.binance.user_stream import (
    Gap,
    ListenKeyCalls,
    Received,
    UserStream,
    UserStreamSettings,
)
from grinder_core.contracts.enums import OrderState
from grinder_core.errors import (
    ConfigError,
    ConnectorClosedError,
    ConnectorNonRetryableError,
    ConnectorTransientError,
    ContractError,
)
from grinder_core.resilience.backoff import BackoffSettings
from grinder_core.resilience.reconnects import ReconnectLimiter, ReconnectSettings
from tests.support import virtual_time
from tests.support.memory_sockets import MemorySocket, MemorySockets
from tests.support.virtual_time import VirtualClock, settle

D = Decimal
MINUTE = 60_000
STEADY = UserStreamSettings(connection=ConnectionSettings(backoff=BackoffSettings(jitter_bps=0)))


def an_order(**changes: Any) -> dict[str, Any]:
    order = {
        "s": "BTCUSDT", "c": "g1", "S": "BUY", "o": "LIMIT", "f": "GTX", "q": "10", "p": "100",
        "ap": "0", "x": "NEW", "X": "NEW", "i": 42, "l": "0", "z": "0", "L": "0", "t": 0,
        "m": False, "R": False, "ps": "BOTH", "rp": "0", "er": "0",
    }  # fmt: skip
    ts = changes.pop("T", 5)
    return {"e": "ORDER_TRADE_UPDATE", "E": ts + 1, "T": ts, "o": order | changes}


def a_fill(
    trade_id: int, last: str, total: str, state: str = "PARTIALLY_FILLED", **more: Any
) -> dict[str, Any]:
    return an_order(
        x="TRADE", X=state, t=trade_id, l=last, z=total, L="100", ap="100", n="0.1", N="USDT",
        rp="7", **more,
    )  # fmt: skip


def a_lite(trade_id: int) -> dict[str, Any]:
    return {
        "e": "TRADE_LITE", "E": 6, "T": 5, "s": "BTCUSDT", "q": "10", "p": "100", "m": True,
        "c": "g1", "S": "BUY", "L": "100", "l": "1", "t": trade_id, "i": 42,
    }  # fmt: skip


def an_account(ts: int, wallet: str = "5", amount: str = "1") -> dict[str, Any]:
    position = {"s": "BTCUSDT", "pa": amount, "ep": "100", "up": "0", "ps": "BOTH"}
    balance = {"a": "USDT", "wb": wallet, "cw": wallet, "bc": "0"}
    account = {"m": "ORDER", "B": [balance], "P": [position]}
    return {"e": "ACCOUNT_UPDATE", "E": ts, "T": ts, "a": account}


def read(data: dict[str, Any]) -> UserEvent:
    event = read_user_frame(json.dumps(data).encode())
    assert not isinstance(event, UnknownEvent), event.fault
    return event  # type: ignore[return-value]


def fold(*frames: dict[str, Any]) -> list[UserEvent]:
    heard = UserFold()
    return [event for data in frames if (event := heard.apply(read(data))) is not None]


def orders(*frames: dict[str, Any]) -> list[FuturesOrderEvent]:
    return [event for event in fold(*frames) if isinstance(event, FuturesOrderEvent)]


# -- each thing once


def test_an_event_that_comes_twice_is_told_once() -> None:
    assert len(fold(an_order(), an_order(), a_fill(7, "1", "1"), a_fill(7, "1", "1"))) == 2


def test_a_fill_that_comes_late_is_booked_and_lowers_nothing() -> None:
    _, late = orders(a_fill(8, "2", "3", T=9), a_fill(7, "1", "1", T=8))
    assert (late.trade_id, late.last_qty, late.fee) == (7, D(1), D("0.1"))
    assert (late.executed_qty, late.status) == (D(3), OrderState.PARTIALLY_FILLED)


def test_a_fill_booked_from_rest_comes_without_its_money() -> None:
    heard = UserFold()
    assert heard.book_fill("BTCUSDT", 7)
    assert not heard.book_fill("BTCUSDT", 7)
    event = heard.apply(read(a_fill(7, "10", "10", "FILLED")))
    assert isinstance(event, FuturesOrderEvent)
    assert (event.status, event.executed_qty) == (OrderState.FILLED, D(10))
    assert (event.trade_id, event.last_qty, event.fee, event.realized_pnl) == (0, D(0), D(0), D(0))


def test_trade_ids_count_for_each_symbol() -> None:
    heard = UserFold()
    assert heard.book_fill("BTCUSDT", 7)
    assert heard.book_fill("ETHUSDT", 7)


def test_ids_above_the_cursor_are_kept_and_those_up_to_it_are_known() -> None:
    heard = UserFold()
    heard.book_fill("BTCUSDT", 9)
    heard.move_cursor("BTCUSDT", 7)
    heard.move_cursor("BTCUSDT", 5)
    assert [heard.book_fill("BTCUSDT", n) for n in (6, 7, 8, 9, 10)] == [
        False, False, True, False, True,
    ]  # fmt: skip
    heard.move_cursor("BTCUSDT", 9)
    assert list(heard.fills["BTCUSDT"]) == [10]


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 20)), max_size=40))
def test_fills_are_booked_as_by_a_plain_set(steps: list[tuple[bool, int]]) -> None:
    heard, known, cursor = UserFold(), set[int](), 0
    for is_fill, number in steps:
        trade_id = 2**64 - 21 + number if number > 10 else number  # ids fill eight bytes
        if is_fill:
            assert heard.book_fill("A", trade_id) == (trade_id > cursor and trade_id not in known)
            known.add(trade_id)
        else:
            cursor = max(cursor, number)
            heard.move_cursor("A", number)
        assert list(heard.fills.get("A", ())) == sorted(n for n in known if n > cursor)


def test_a_final_state_stays() -> None:
    (_, filled) = orders(an_order(), a_fill(7, "10", "10", "FILLED", T=9))
    assert filled.status is OrderState.FILLED
    assert orders(a_fill(7, "10", "10", "FILLED", T=9), an_order(T=8)) == [filled]
    _, after = orders(a_fill(7, "10", "10", "FILLED", T=9), an_order(p="101", T=12))
    assert (after.status, after.executed_qty, after.price) == (OrderState.FILLED, D(10), D(101))


def test_the_later_transaction_time_gives_price_and_quantity() -> None:
    seen = orders(an_order(p="100", T=5), an_order(p="102", T=9), an_order(p="101", T=7))
    assert [event.price for event in seen] == [D(100), D(102)]


def test_an_early_word_of_a_fill_is_told_once_and_books_nothing() -> None:
    lite, order = fold(a_lite(7), a_lite(7), a_fill(7, "1", "1"), a_lite(7))
    assert isinstance(lite, TradeLite)
    assert isinstance(order, FuturesOrderEvent)
    assert (order.trade_id, order.fee) == (7, D("0.1"))


def test_of_accounts_only_what_no_later_event_overtook_is_told() -> None:
    newer, older = an_account(9, "6", "2"), an_account(8)
    assert len(fold(newer, newer)) == 1
    assert len(fold(newer, older)) == 1
    older["a"]["B"].append({"a": "BNB", "wb": "1", "cw": "1", "bc": "0"})
    event = fold(newer, older)[1]
    assert isinstance(event, AccountEvent)
    assert [row.asset for row in event.balances] == ["BNB"]
    assert event.positions == ()


def test_what_said_nothing_new_is_counted() -> None:
    heard = UserFold()
    for data in (an_order(), an_order(), an_account(1), an_account(1), a_lite(1), a_lite(1)):
        heard.apply(read(data))
    assert heard.duplicates == 3


def test_what_is_remembered_is_bounded() -> None:
    heard = UserFold()
    for number in range(10_100):
        heard.apply(read(an_order(i=number)))
        heard.apply(read(an_account(number)))
        heard.apply(read(a_lite(number + 1)))
    assert len(heard._open) == 10_000
    assert len(heard._recent) == len(heard._hinted) == 1_000


def test_an_order_that_may_change_is_remembered_however_many_end() -> None:
    heard = UserFold()
    fill = a_fill(7, "3", "3", i=1)
    heard.apply(read(fill))
    for number in range(2, 2_200):
        heard.apply(read(an_order(i=number)))
        heard.apply(read(an_order(i=number, x="CANCELED", X="CANCELED", T=6)))
    assert (len(heard._open), len(heard._final)) == (1, 2_000)
    older = heard.apply(read(an_order(i=1, T=4)))
    assert older is None  # it lowers nothing
    again = heard.apply(read(an_order(i=2_199)))
    assert again is None  # what is final stays so


@st.composite
def lives(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The life of one order as the venue tells it, and as it arrives."""
    fills = draw(st.integers(0, 5))
    life = [an_order(T=1)]
    for number in range(1, fills + 1):
        done = number == 5
        state = "FILLED" if done else "PARTIALLY_FILLED"
        life.append(a_fill(number, "2", str(2 * number), state, T=1 + number))
    if fills < 5 and draw(st.booleans()):
        life.append(an_order(x="CANCELED", X="CANCELED", z=str(2 * fills), T=20))
    again = draw(st.lists(st.sampled_from(life), max_size=6))
    return life, draw(st.permutations(life + again))


@given(lives())
def test_no_order_of_arrival_loses_or_doubles_anything(
    life: tuple[list[dict[str, Any]], list[dict[str, Any]]],
) -> None:
    told, arrived = life
    seen = orders(*arrived)
    final = told[-1]["o"]
    last = seen[-1]
    assert last.executed_qty == max(D(data["o"]["z"]) for data in told)
    if final["X"] in ("FILLED", "CANCELED"):
        assert last.status in FINAL
    booked = [event.trade_id for event in seen if event.trade_id]
    assert sorted(booked) == sorted(data["o"]["t"] for data in told if data["o"]["t"])
    assert sum(event.fee for event in seen) == D("0.1") * len(booked)
    for earlier, later in pairwise(seen):
        assert later.executed_qty >= earlier.executed_qty
        assert earlier.status not in FINAL or later.status is earlier.status


# -- the stream


class Venue:
    """The requests about the key, and what they answer."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.calls: list[tuple[int, str, str]] = []
        self.keys = 0
        self.failures: dict[str, list[Exception]] = {"create": [], "keep": [], "close": []}
        self.is_expired = True

    def note(self, what: str, key: str) -> None:
        self.calls.append((self.clock.now_ms(), what, key))
        if self.failures[what]:
            raise self.failures[what].pop(0)

    async def create(self) -> Secret:
        self.note("create", "")
        if self.is_expired:
            self.keys, self.is_expired = self.keys + 1, False
        return Secret(f"SECRETKEY{self.keys}")

    async def keep_alive(self, key: Secret) -> None:
        self.note("keep", key.reveal())

    async def close(self, key: Secret) -> None:
        self.note("close", key.reveal())

    def times(self, what: str) -> list[int]:
        return [ms for ms, name, _ in self.calls if name == what]


class Scene:
    def __init__(self, clock: VirtualClock, settings: UserStreamSettings) -> None:
        self.clock, self.venue = clock, Venue(clock)
        self.sockets = MemorySockets(clock)
        limiter = ReconnectLimiter(ReconnectSettings())
        network = Network(self.sockets, clock, limiter, Random(1))
        calls = ListenKeyCalls(
            create=self.venue.create, keep_alive=self.venue.keep_alive, close=self.venue.close
        )
        self.states: list[State] = []
        self.stream = UserStream(network, "wss://venue", calls, settings, self.note)
        self.items: list[Gap | Received] = []
        self.reader = asyncio.create_task(self.read())

    def note(self) -> None:
        self.states.append(self.stream.state)

    async def read(self) -> None:
        async for item in self.stream.events():
            self.items.append(item)

    def ok(self) -> bool:
        return self.stream.user_stream_ok

    @property
    def socket(self) -> MemorySocket:
        return self.sockets.sockets[-1]

    @property
    def gaps(self) -> list[tuple[int, int]]:
        return [(item.ts_ms, item.generation) for item in self.items if isinstance(item, Gap)]

    @property
    def events(self) -> list[UserEvent]:
        return [item.event for item in self.items if isinstance(item, Received)]

    async def at(self, now_ms: int) -> None:
        await asyncio.sleep((now_ms - self.clock.now_ms()) / 1_000)
        await settle()


def play(story: Callable[[Scene], Awaitable[None]], settings: UserStreamSettings = STEADY) -> Scene:
    clock, scenes = VirtualClock(0), []

    async def run() -> None:
        scene = Scene(clock, settings)
        scenes.append(scene)
        await story(scene)
        await scene.stream.close()
        await scene.stream.close()
        if not scene.reader.done():
            await scene.reader
        before = len(scene.venue.calls)
        assert len(asyncio.all_tasks()) == 1
        await asyncio.sleep(7_200)
        assert len(scene.venue.calls) == before  # I-19.3
        assert scene.sockets.alive == []

    virtual_time.run(run(), clock)
    return scenes[0]


def test_the_key_opens_the_stream_and_the_stream_begins_with_a_gap() -> None:
    async def story(scene: Scene) -> None:
        await scene.stream.connect()
        await settle()
        assert scene.socket.url == "wss://venue/private/ws?listenKey=SECRETKEY1"
        assert scene.gaps == [(0, 1)]
        assert not scene.ok()
        scene.stream.merged(1, {"BTCUSDT": 6})
        assert scene.ok()
        scene.socket.push(a_fill(6, "1", "1"))
        scene.socket.push(a_fill(7, "1", "2"))
        await settle()

    scene = play(story)
    assert [e.trade_id for e in scene.events if isinstance(e, FuturesOrderEvent)] == [0, 7]
    assert scene.socket.sent == []
    assert [what for _, what, _ in scene.venue.calls] == ["create", "close"]


def test_the_key_is_kept_alive_each_half_hour() -> None:
    async def story(scene: Scene) -> None:
        await scene.stream.connect()
        await scene.at(100 * MINUTE)

    scene = play(story)
    assert scene.venue.times("keep") == [30 * MINUTE, 60 * MINUTE, 90 * MINUTE]
    assert scene.stream.keep_alives == {"ok": 3}


@pytest.mark.parametrize("every", [9_999, 3_000_001])
def test_the_time_between_two_extensions_has_bounds(every: int) -> None:
    with pytest.raises(ConfigError):
        UserStreamSettings(keep_alive_ms=every)


def test_after_a_loss_the_stream_is_not_complete_until_a_later_snapshot_is_merged() -> None:
    async def story(scene: Scene) -> None:
        await scene.stream.connect()
        scene.stream.merged(1, {})
        await scene.at(10_000)
        scene.socket.end()
        await settle()
        assert not scene.ok()
        await scene.at(11_000)
        assert scene.stream.state is State.CONNECTED
        assert not scene.ok()
        scene.stream.merged(1, {})  # one that was asked for before
        assert not scene.ok()
        scene.stream.merged(2, {})
        assert scene.ok()

    assert play(story).gaps == [(0, 1), (11_000, 2)]


def test_a_gap_that_never_was_cannot_be_closed() -> None:
    async def story(scene: Scene) -> None:
        await scene.stream.connect()
        for generation in (0, 2):
            with pytest.raises(ContractError):
                scene.stream.merged(generation, {})

    play(story)


def test_an_expired_key_is_replaced_with_a_new_connection() -> None:
    async def story(scene: Scene) -> None:
        await scene.stream.connect()
        scene.stream.merged(1, {})
        await scene.at(1_000)
        scene.venue.is_expired = True
        scene.socket.push({"e": "listenKeyExpired", "E": 3, "listenKey": "SECRETKEY1"})
        await scene.at(3_000)
        assert [socket.url[-1] for socket in scene.sockets.sockets] == ["1", "2"]
        assert not scene.ok()
        scene.socket.push({"e": "listenKeyExpired", "E": 3, "listenKey": "SECRETKEY1"})
        await scene.at(60_000)
        assert len(scene.sockets.sockets) == 2  # news of the old key concern nobody

    scene = play(story)
    assert scene.stream.keys_expired == 1
    assert scene.events == []
    assert scene.venue.calls[-1][1:] == ("close", "SECRETKEY2")


def test_a_key_that_is_gone_when_it_is_kept_alive_is_replaced() -> None:
    async def story(scene: Scene) -> None:
        await scene.stream.connect()
        scene.venue.failures["keep"].append(ConnectorNonRetryableError("code -1125"))
        scene.venue.is_expired = True
        await scene.at(31 * MINUTE)
        assert scene.socket.url.endswith("SECRETKEY2")
        assert len(scene.sockets.sockets) == 2
        assert scene.stream.keep_alives == {"error": 1}

    play(story)


def test_an_extension_that_fails_for_the_moment_is_tried_again_before_the_key_is_replaced() -> None:
    async def story(scene: Scene) -> None:
        await scene.stream.connect()
        scene.venue.failures["keep"] = [ConnectorTransientError("HTTP 502")] * 2
        await scene.at(59 * MINUTE)
        assert len(scene.sockets.sockets) == 1
        assert scene.venue.times("keep") == [1_800_000, 1_830_000, 1_860_000]
        assert scene.stream.keep_alives == {"error": 2, "ok": 1}
        scene.venue.failures["keep"] = [ConnectorTransientError("HTTP 502")] * 3
        await scene.at(70 * MINUTE)
        assert len(scene.sockets.sockets) == 2
        assert scene.stream.reconnects == 1

    play(story)


def test_a_refused_key_is_not_asked_for_again_and_one_that_failed_is() -> None:
    async def story(scene: Scene) -> None:
        scene.venue.failures["create"] = [ConnectorTransientError("HTTP 503")]
        await scene.stream.connect()
        scene.venue.failures["create"] = [ConnectorNonRetryableError("HTTP 401")]
        scene.socket.end()
        with pytest.raises(ConnectorNonRetryableError, match="401"):
            await scene.reader
        assert scene.stream.state is State.DISCONNECTED

    assert len(play(story).venue.times("create")) == 3


def test_a_stream_that_was_given_up_can_be_connected_again() -> None:
    async def story(scene: Scene) -> None:
        scene.venue.failures["create"] = [ConnectorNonRetryableError("HTTP 401")]
        with pytest.raises(ConnectorNonRetryableError):
            await scene.stream.connect()
        with pytest.raises(ConnectorNonRetryableError):
            await scene.reader
        await scene.stream.connect()
        scene.reader = asyncio.create_task(scene.read())
        await settle()
        assert scene.gaps == [(0, 1)]

    play(story)


def test_a_renewal_after_23_hours_brings_nothing_twice() -> None:
    async def story(scene: Scene) -> None:
        await scene.stream.connect()
        await scene.at(19_999)
        for trade in range(1, 21):
            for socket in scene.sockets.alive:
                socket.push(a_fill(trade, "1", str(trade)))
                socket.push(a_lite(trade))
            await asyncio.sleep(0.001)
        await settle()
        assert len(scene.sockets.sockets) == 2
        booked = [e.trade_id for e in scene.events if isinstance(e, FuturesOrderEvent)]
        assert booked == list(range(1, 21))

    settings = evolve(STEADY, connection=evolve(STEADY.connection, renew_after_ms=20_000))
    assert play(story, settings).gaps == [(0, 1), (20_000, 2)]


def test_a_full_queue_stops_the_reading_and_loses_no_event() -> None:
    async def story(scene: Scene) -> None:
        scene.reader.cancel()
        await scene.stream.connect()
        for number in range(1, 101):
            scene.socket.push(a_fill(number, "1", str(number)))
        await scene.at(300_000)
        assert len(scene.sockets.sockets) == 1
        scene.reader = asyncio.create_task(scene.read())
        await settle(500)
        assert len(scene.events) == 100

    play(story, evolve(STEADY, queue_events=10))


def test_frames_that_nobody_understands_are_told_raw_and_counted() -> None:
    async def story(scene: Scene) -> None:
        await scene.stream.connect()
        scene.socket.push(b"nonsense")
        scene.socket.push({"result": None, "id": 1})
        await settle()

    scene = play(story)
    (event,) = scene.events
    assert isinstance(event, UnknownEvent)
    assert event.raw == b"nonsense"
    assert scene.stream.unknown_events == 1


def test_a_key_that_cannot_be_ended_does_not_stop_the_close() -> None:
    async def story(scene: Scene) -> None:
        await scene.stream.connect()
        scene.venue.failures["close"].append(ConnectorTransientError("gone"))
        await scene.stream.close()
        assert scene.stream.close_failed
        with pytest.raises(ConnectorClosedError):
            await scene.stream.connect()

    play(story)


def test_the_key_is_shown_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    async def story(scene: Scene) -> None:
        scene.sockets.failures.extend([ConnectorTransientError("no"), MemorySockets.hang])
        await scene.stream.connect()
        shown = [repr(scene.stream), repr(scene.stream._connection), str(vars(scene.stream))]
        shown += [repr(task) for task in asyncio.all_tasks()]
        scene.socket.end()
        await settle()
        shown += [repr(scene.stream.error), str(scene.stream.error), repr(scene.items)]
        assert not [text for text in shown if "SECRETKEY" in text]

    play(story)
    assert "SECRETKEY" not in caplog.text


FAULTS = st.lists(
    st.tuples(
        st.sampled_from(["end", "expire", "refuse", "mute", "keep", "fine", "merge"]),
        st.integers(0, 40 * MINUTE),
    ),
    max_size=10,
)


@settings(deadline=None, max_examples=40)
@given(FAULTS)
def test_the_stream_is_complete_only_while_the_newest_gap_is_closed(
    faults: list[tuple[str, int]],
) -> None:
    async def story(scene: Scene) -> None:
        await scene.stream.connect()
        merged = 0
        for fault, wait in faults:
            if fault == "end":
                scene.socket.end()
            elif fault == "expire":
                scene.venue.is_expired = True
                key = f"SECRETKEY{scene.venue.keys}"
                scene.socket.push({"e": "listenKeyExpired", "E": 3, "listenKey": key})
            elif fault == "refuse":
                scene.sockets.failures.append(ConnectorTransientError("no"))
            elif fault == "mute":
                scene.socket.has_pongs = False
            elif fault == "keep":
                scene.venue.failures["keep"].append(ConnectorNonRetryableError("-1125"))
            elif fault == "merge":
                merged = len(scene.gaps) if scene.gaps else 1
                scene.stream.merged(merged, {})
            await scene.at(scene.clock.now_ms() + wait)
            assert len(scene.gaps) == len(scene.sockets.sockets)
            connected = scene.stream.state is State.CONNECTED
            assert scene.ok() == (connected and merged == len(scene.gaps))

    play(story)
