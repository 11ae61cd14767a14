"""One supervised connection under every fault, on virtual time (LIVE-01, 02, SCR-01, 03..05)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import pairwise
from random import Random

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from grinder_adapters.binance.connection import Connection, ConnectionSettings
from grinder_adapters.binance.connector_state import MOVES, State
from grinder_adapters.binance.link import LinkSettings
from grinder_adapters.binance.network import Network
from grinder_adapters.binance.subscriber import SubscriberSettings
from grinder_adapters.binance.tasks import Tasks
from grinder_core.errors import (
    ConnectorClosedError,
    ConnectorError,
    ConnectorNonRetryableError,
    ConnectorTimeoutError,
    ConnectorTransientError,
    InvariantError,
)
from grinder_core.resilience.backoff import BackoffSettings
from grinder_core.resilience.reconnects import ReconnectLimiter, ReconnectSettings
from tests.support import memory_sockets, virtual_time
from tests.support.memory_sockets import MemorySocket, MemorySockets
from tests.support.virtual_time import VirtualClock, settle

HOUR = 3_600_000
STEADY = ConnectionSettings(backoff=BackoffSettings(jitter_bps=0))
QUIET = evolve(STEADY, link=LinkSettings(silence_timeout_ms=HOUR))
"""Without jitter, and no data is no trouble."""


class Scene:
    """A connection, the other side, and what was seen."""

    def __init__(
        self,
        settings: ConnectionSettings = STEADY,
        script: memory_sockets.Script = memory_sockets.agree,
        limits: ReconnectSettings | None = None,
    ) -> None:
        self.clock = VirtualClock(0)
        self.venue = MemorySockets(self.clock, script)
        self.limiter = ReconnectLimiter(limits or ReconnectSettings())
        self.network = Network(self.venue, self.clock, self.limiter, Random(42))
        self.frames: list[tuple[int, bytes]] = []
        self.path = [(0, State.DISCONNECTED)]
        self.addresses = 0
        self.connection = Connection(
            "shard 0", self.address, self.network, settings, self.take, on_change=self.note
        )

    async def address(self) -> str:
        self.addresses += 1
        return "wss://venue/public/stream"

    async def take(self, received: int, raw: bytes) -> None:
        self.frames.append((received, raw))

    def note(self) -> None:
        self.path.append((self.clock.now_ms(), self.connection.state.now))

    @property
    def states(self) -> list[State]:
        return [state for _, state in self.path]

    def state(self) -> State:
        return self.connection.state.now

    def missing(self) -> tuple[str, ...]:
        return self.connection.missing

    @property
    def socket(self) -> MemorySocket:
        return self.venue.sockets[-1]

    async def connected(self, *streams: str) -> MemorySocket:
        self.connection.want(streams)
        self.connection.open()
        await self.connection.state.until_settled("connect")
        await settle()
        return self.socket

    async def at(self, now_ms: int) -> None:
        """Go on until a time."""
        await asyncio.sleep((now_ms - self.clock.now_ms()) / 1_000)
        await settle()


def play(scene: Scene, story: Callable[[Scene], Awaitable[None]]) -> Scene:
    async def run() -> None:
        await story(scene)
        await scene.connection.close()
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        assert left == []  # I-02.1
        assert scene.venue.alive == []

    virtual_time.run(run(), scene.clock)
    assert all((one, other) in MOVES for one, other in pairwise(scene.states))  # I-01.1
    return scene


def test_a_connection_opens_subscribes_and_delivers() -> None:
    async def story(scene: Scene) -> None:
        socket = await scene.connected("a@bookTicker", "b@bookTicker")
        socket.push_stream("a@bookTicker", {"e": "bookTicker"})
        await settle()
        assert socket.requests == [("SUBSCRIBE", ["a@bookTicker", "b@bookTicker"])]

    scene = play(Scene(), story)
    assert scene.frames == [(0, b'{"stream":"a@bookTicker","data":{"e":"bookTicker"}}')]
    assert scene.states == [State.DISCONNECTED, State.CONNECTING, State.CONNECTED, State.CLOSED]


def test_messages_name_at_most_200_streams_and_eight_go_in_a_second() -> None:
    async def story(scene: Scene) -> None:
        socket = await scene.connected(*(f"s{n}@aggTrade" for n in range(2_250)))
        await scene.at(4_000)
        assert [len(streams) for _, streams in socket.requests] == [200] * 11 + [50]
        # a burst of 5, then the bucket's one each 125 ms, then the second is full
        times = [ms for ms, _ in socket.sent]
        assert times == [0] * 5 + [125, 250, 375, 1000, 1000, 1000, 1000]
        assert scene.connection.messages_delayed == 4
        assert scene.state() is State.CONNECTED

    play(Scene(QUIET), story)


def test_a_loss_waits_for_limiter_and_backoff_and_subscribes_again() -> None:
    async def story(scene: Scene) -> None:
        socket = await scene.connected("a@aggTrade")
        await scene.at(10_000)
        socket.end()
        await scene.at(10_999)
        assert len(scene.venue.sockets) == 1
        await scene.at(11_000)
        assert scene.socket.requests == [("SUBSCRIBE", ["a@aggTrade"])]

    scene = play(Scene(QUIET), story)
    assert scene.path[2:5] == [
        (0, State.CONNECTED),
        (10_000, State.RECONNECTING),
        (11_000, State.CONNECTED),
    ]
    assert scene.connection.reconnect_denied == 0


def test_backoff_doubles_while_the_connection_does_not_hold_and_starts_anew_once_it_did() -> None:
    unlimited = ReconnectSettings(
        max_reconnects_per_window=100, cooldown_after_burst_ms=0, per_shard_min_interval_ms=0
    )

    async def story(scene: Scene) -> None:
        await scene.connected()
        for _ in range(3):
            scene.socket.end()
            await scene.at(scene.clock.now_ms() + 20_000)
        await scene.at(scene.venue.sockets[-1].opened_ms + 60_000)
        scene.socket.end()
        await scene.at(scene.clock.now_ms() + 20_000)

    scene = play(Scene(limits=unlimited), story)
    lost = [ms for ms, state in scene.path if state is State.RECONNECTING]
    back = [ms for ms, state in scene.path if state is State.CONNECTED][1:]
    assert [b - a for a, b in zip(lost, back, strict=True)] == [1_000, 2_000, 4_000, 1_000]


def test_the_jitter_of_backoff_is_that_of_the_seed() -> None:
    async def story(scene: Scene) -> None:
        await scene.connected()
        scene.socket.end()
        await scene.at(10_000)

    scene = play(Scene(evolve(STEADY, backoff=BackoffSettings())), story)
    assert scene.venue.attempts == [0, 1_127]  # SCR-03: seed 42, attempt 0


def test_two_attempts_of_one_connection_are_five_seconds_apart() -> None:
    async def story(scene: Scene) -> None:
        await scene.connected()
        scene.socket.end()
        await scene.at(1_000)
        scene.socket.end()
        await scene.at(10_000)

    scene = play(Scene(), story)
    # the limiter noted 0 and 5000; backoff of 1 s and 2 s follows
    assert scene.venue.attempts == [0, 1_000, 7_000]
    assert scene.connection.reconnect_denied == 1


def test_what_the_other_side_asks_for_is_waited() -> None:
    async def story(scene: Scene) -> None:
        scene.venue.failures.append(ConnectorTransientError("busy", retry_after_ms=30_000))
        await scene.connected()

    assert play(Scene(), story).venue.attempts == [0, 30_000]


def test_attempts_that_run_out_leave_it_disconnected_with_the_error() -> None:
    async def story(scene: Scene) -> None:
        scene.venue.failures.extend([ConnectorTransientError(f"try {n}") for n in range(3)])
        with pytest.raises(ConnectorTransientError, match="try 2"):
            await scene.connected()
        assert scene.state() is State.DISCONNECTED
        await scene.connected()  # and may be tried again

    scene = play(Scene(evolve(STEADY, attempts_max=3)), story)
    assert scene.states[1:] == [
        State.CONNECTING, State.DISCONNECTED, State.CONNECTING, State.CONNECTED, State.CLOSED,
    ]  # fmt: skip


def test_a_refusal_that_never_succeeds_is_not_tried_again() -> None:
    async def story(scene: Scene) -> None:
        scene.venue.failures.append(ConnectorNonRetryableError("bad key"))
        with pytest.raises(ConnectorNonRetryableError, match="bad key"):
            await scene.connected()

    assert play(Scene(), story).venue.attempts == [0]


def test_an_attempt_that_hangs_ends_after_its_timeout() -> None:
    async def story(scene: Scene) -> None:
        scene.venue.failures.append(MemorySockets.hang)
        scene.connection.open()
        await scene.at(5_000)
        await scene.connection.state.until_settled("connect")

    assert play(Scene(), story).venue.attempts == [0, 6_000]


def test_pings_go_out_every_half_timeout_and_a_missing_pong_is_a_loss() -> None:
    async def story(scene: Scene) -> None:
        socket = await scene.connected()
        await scene.at(20_000)
        assert socket.pings == [5_000, 10_000, 15_000, 20_000]
        socket.has_pongs = False
        await scene.at(29_999)
        assert scene.state() is State.CONNECTED
        await scene.at(30_000)
        assert scene.state() is State.RECONNECTING
        error = scene.connection.state.error
        assert isinstance(error, ConnectorTimeoutError)
        assert (error.op, error.timeout_ms) == ("read", 10_000)

    play(Scene(), story)


def test_a_socket_that_pongs_and_says_nothing_is_a_loss_after_a_minute() -> None:
    async def story(scene: Scene) -> None:
        socket = await scene.connected("a@aggTrade")
        await scene.at(30_000)
        socket.push_stream("a@aggTrade", {})
        await scene.at(89_999)
        assert scene.state() is State.CONNECTED
        await scene.at(90_000)
        assert scene.state() is State.RECONNECTING

    play(Scene(), story)


def test_silence_of_a_connection_that_wants_nothing_is_no_loss() -> None:
    async def story(scene: Scene) -> None:
        await scene.connected()
        await scene.at(HOUR)
        assert len(scene.venue.sockets) == 1

    play(Scene(), story)


def test_waiting_for_our_own_reader_is_no_silence_of_the_venue() -> None:
    async def story(scene: Scene) -> None:
        gate = asyncio.Event()

        async def blocked(received: int, raw: bytes) -> None:
            await gate.wait()

        scene.connection._deliver = blocked
        socket = await scene.connected("a@aggTrade")
        socket.push_stream("a@aggTrade", {})
        socket.has_pongs = False  # as a transport that hears of pongs only while it reads
        await scene.at(500_000)
        gate.set()
        await scene.at(509_000)
        assert scene.state() is State.CONNECTED
        await scene.at(510_000)
        assert scene.state() is State.RECONNECTING

    play(Scene(), story)


def test_a_silent_book_stream_is_asked_for_again_once_a_minute() -> None:
    async def story(scene: Scene) -> None:
        socket = await scene.connected("a@bookTicker", "b@aggTrade")
        for second in range(1, 155):
            await scene.at(second * 1_000)
            socket.push_stream("b@aggTrade", {})
            if second <= 10:
                socket.push_stream("a@bookTicker", {})
        assert [(ms, request["method"], request["params"]) for ms, request in socket.sent[1:]] == [
            (40_000, "UNSUBSCRIBE", ["a@bookTicker"]),
            (40_000, "SUBSCRIBE", ["a@bookTicker"]),
            (100_000, "UNSUBSCRIBE", ["a@bookTicker"]),
            (100_000, "SUBSCRIBE", ["a@bookTicker"]),
        ]

    play(Scene(), story)


def test_a_book_stream_is_not_blamed_for_a_connection_that_is_silent_as_a_whole() -> None:
    async def story(scene: Scene) -> None:
        socket = await scene.connected("a@bookTicker", "b@aggTrade")
        await scene.at(59_000)
        assert len(socket.sent) == 1

    play(Scene(), story)


@pytest.mark.parametrize("script", [memory_sockets.refuse, memory_sockets.ignore])
def test_a_refused_or_unanswered_stream_is_asked_for_once_more_and_then_missing(
    script: memory_sockets.Script,
) -> None:
    async def story(scene: Scene) -> None:
        socket = await scene.connected("a@aggTrade")
        await scene.at(30_000)
        assert socket.requests == [("SUBSCRIBE", ["a@aggTrade"])] * 2
        assert scene.missing() == ("a@aggTrade",)
        socket.push_stream("a@aggTrade", {})
        await settle()
        assert scene.missing() == ()  # it speaks after all

    play(Scene(QUIET, script), story)


def test_a_missing_stream_is_asked_for_again_when_it_is_wanted_anew_or_on_a_new_socket() -> None:
    async def story(scene: Scene) -> None:
        socket = await scene.connected("a@aggTrade")
        assert scene.missing() == ("a@aggTrade",)
        socket.script = memory_sockets.agree
        scene.connection.want([])
        scene.connection.want(["a@aggTrade"])
        await settle()
        assert scene.missing() == ()
        assert len(socket.requests) == 3
        scene.connection.reconnect()
        await scene.at(2_000)
        assert scene.missing() == ("a@aggTrade",)

    play(Scene(QUIET, memory_sockets.refuse), story)


def test_streams_come_and_go_under_way() -> None:
    async def story(scene: Scene) -> None:
        socket = await scene.connected("a@aggTrade", "b@aggTrade")
        scene.connection.want(["b@aggTrade", "c@aggTrade"])
        await settle()
        assert socket.requests[1:] == [
            ("UNSUBSCRIBE", ["a@aggTrade"]),
            ("SUBSCRIBE", ["c@aggTrade"]),
        ]

    play(Scene(), story)


def test_a_socket_is_replaced_after_23_hours_while_the_old_one_still_speaks() -> None:
    async def story(scene: Scene) -> None:
        old = await scene.connected("a@aggTrade")
        ids = 0

        async def talk() -> None:
            nonlocal ids
            while True:
                ids += 1
                for socket in scene.venue.alive:
                    socket.push_stream("a@aggTrade", {"a": ids})
                await asyncio.sleep(0.5)

        talking = asyncio.create_task(talk())
        scene.venue.script = memory_sockets.ignore  # its subscription takes a while
        await scene.at(10_999)
        assert len(scene.venue.sockets) == 1
        await scene.at(11_000)
        new = scene.socket
        assert new is not old
        await scene.at(12_250)
        assert old.closed_ms is None
        new.push({"result": None, "id": 1})
        await settle()
        assert [socket.closed_ms for socket in scene.venue.sockets] == [12_250, None]
        await scene.at(13_000)
        talking.cancel()
        heard = [int(raw.split(b":")[-1].strip(b"}")) for _, raw in scene.frames]
        assert sorted(set(heard)) == list(range(1, ids + 1))  # nothing was missed
        assert len(heard) > len(set(heard))  # the overlap brought some twice

    scene = play(Scene(evolve(STEADY, renew_after_ms=11_000)), story)
    assert State.RECONNECTING not in scene.states
    assert [ts for ts, _ in scene.limiter.attempts] == [11_000]


def test_sockets_are_renewed_after_23_hours_by_default() -> None:
    async def story(scene: Scene) -> None:
        await scene.connected()
        await scene.at(23 * HOUR)
        assert [socket.closed_ms for socket in scene.venue.sockets] == [23 * HOUR, None]

    play(Scene(), story)


def test_a_renewal_that_fails_leaves_the_old_socket_and_is_tried_again() -> None:
    async def story(scene: Scene) -> None:
        old = await scene.connected()
        scene.venue.failures.append(ConnectorTransientError("not now"))
        await scene.at(11_500)
        assert old.closed_ms is None
        await scene.at(20_000)
        assert old.closed_ms == 16_000  # the limiter's 5 s for one connection
        assert State.RECONNECTING not in scene.states

    play(Scene(evolve(STEADY, renew_after_ms=11_000)), story)


def test_a_new_socket_that_dies_before_it_is_subscribed_replaces_nothing() -> None:
    async def story(scene: Scene) -> None:
        old = await scene.connected("a@aggTrade")
        scene.venue.script = memory_sockets.ignore
        await scene.at(11_100)
        scene.socket.end()
        await settle()
        assert old.closed_ms is None
        scene.venue.script = memory_sockets.agree
        await scene.at(20_000)
        assert [socket.closed_ms for socket in scene.venue.sockets] == [16_000, 11_100, None]

    scene = play(Scene(evolve(QUIET, renew_after_ms=11_000)), story)
    assert State.RECONNECTING not in scene.states


def test_a_loss_during_a_renewal_is_an_ordinary_loss() -> None:
    async def story(scene: Scene) -> None:
        old = await scene.connected("a@aggTrade")
        scene.venue.script = memory_sockets.ignore
        await scene.at(11_100)
        old.end()
        await scene.at(20_000)
        assert [socket.closed_ms for socket in scene.venue.sockets][:2] == [11_100, 11_100]
        assert scene.state() is State.CONNECTED

    scene = play(Scene(evolve(QUIET, renew_after_ms=11_000)), story)
    assert scene.states.count(State.RECONNECTING) == 1


def test_connecting_twice_is_refused_and_connected_needs_nothing() -> None:
    async def story(scene: Scene) -> None:
        scene.venue.failures.append(MemorySockets.hang)
        scene.connection.open()
        for call in (scene.connection.open, scene.connection.reconnect):
            with pytest.raises(ConnectorError, match="under way"):
                call()
        await scene.connection.state.until_settled("connect")
        scene.connection.open()
        await settle()
        assert len(scene.venue.sockets) == 1
        scene.connection.reconnect()
        await settle()
        with pytest.raises(ConnectorError, match="under way"):
            scene.connection.reconnect()

    play(Scene(), story)


def test_reconnect_when_disconnected_connects() -> None:
    async def story(scene: Scene) -> None:
        scene.connection.reconnect()
        await scene.connection.state.until_settled("reconnect")

    assert play(Scene(), story).states[1:3] == [State.CONNECTING, State.CONNECTED]


def test_what_is_closed_stays_closed() -> None:
    async def story(scene: Scene) -> None:
        await scene.connected()
        await scene.connection.close()
        await scene.connection.close()
        for call in (scene.connection.open, scene.connection.reconnect):
            with pytest.raises(ConnectorClosedError):
                call()

    play(Scene(), story)


def test_a_close_while_connecting_tells_who_waits() -> None:
    async def story(scene: Scene) -> None:
        scene.venue.failures.append(MemorySockets.hang)
        scene.connection.open()
        waiting = asyncio.create_task(scene.connection.state.until_settled("connect"))
        await settle()
        await scene.connection.close()
        with pytest.raises(ConnectorClosedError):
            await waiting

    play(Scene(), story)


def test_a_close_ends_in_time_even_if_the_socket_does_not() -> None:
    async def story(scene: Scene) -> None:
        socket = await scene.connected()
        socket.hangs_on_close = True
        await scene.at(1_000)
        await scene.connection.close()
        assert scene.clock.now_ms() <= 1_000 + 5_000 + 250

    play(Scene(), story)


def test_an_unexpected_error_is_not_lost() -> None:
    async def story(scene: Scene) -> None:
        async def broken(received: int, raw: bytes) -> None:
            raise KeyError("bug")

        scene.connection._deliver = broken
        socket = await scene.connected()
        socket.push(b"{}")
        await settle()
        assert scene.state() is State.DISCONNECTED
        assert isinstance(scene.connection.state.error, KeyError)

    play(Scene(), story)


def test_tasks_that_ignore_cancellation_are_ended_by_force() -> None:
    async def stubborn() -> None:
        while True:
            try:
                await asyncio.sleep(3_600)
            except asyncio.CancelledError:
                continue

    async def scene(clock: VirtualClock) -> None:
        tasks = Tasks()
        tasks.start(stubborn(), "stubborn")
        tasks.start(asyncio.sleep(3_600), "willing")
        await settle()
        assert tasks.names == ["stubborn", "willing"]
        await tasks.close(5_000)
        assert (tasks.cancelled, tasks.force_killed) == (1, 1)
        assert tasks.names == []
        assert clock.now_ms() <= 5_250
        assert len(asyncio.all_tasks()) == 1

    clock = VirtualClock(0)
    virtual_time.run(scene(clock), clock)


def test_a_move_that_is_not_in_the_table_is_a_defect() -> None:
    scene = Scene()
    with pytest.raises(InvariantError, match="may not become CONNECTED"):
        scene.connection.state.to(State.CONNECTED)


FAULTS = st.lists(
    st.tuples(
        st.sampled_from(["end", "mute", "refuse", "hang", "reconnect", "want", "fine"]),
        st.integers(1, 40_000),
    ),
    max_size=12,
)


@settings(deadline=None, max_examples=60)
@given(FAULTS, st.integers(0, 2**16))
def test_whatever_happens_states_follow_the_table_and_limits_hold(
    faults: list[tuple[str, int]], seed: int
) -> None:
    async def story(scene: Scene) -> None:
        await scene.connected("a@bookTicker")
        for number, (fault, wait) in enumerate(faults):
            if fault == "end":
                scene.socket.end()
            elif fault == "mute":
                scene.socket.has_pongs = False
            elif fault == "refuse":
                scene.venue.failures.append(ConnectorTransientError("no"))
            elif fault == "hang":
                scene.venue.failures.append(MemorySockets.hang)
            elif fault == "reconnect" and scene.state() is State.CONNECTED:
                scene.connection.reconnect()
            elif fault == "want":
                scene.connection.want([f"s{number}@bookTicker"])
            await scene.at(scene.clock.now_ms() + wait)

    scene = Scene(evolve(STEADY, renew_after_ms=50_000, backoff=BackoffSettings()))
    scene.network.rng.seed(seed)
    noted: list[int] = []

    class Noting(ReconnectLimiter):
        def record_reconnect(self, shard: str, now: int) -> None:
            noted.append(now)
            super().record_reconnect(shard, now)

    scene.network.limiter = Noting(ReconnectSettings())
    play(scene, story)
    assert len(scene.venue.attempts) <= 1 + len(noted)  # only the first needs no leave
    for first, sixth in zip(noted, noted[5:], strict=False):
        assert sixth - first >= 60_000
    assert all(later - earlier >= 5_000 for earlier, later in pairwise(noted))
    for socket in scene.venue.sockets:
        assert socket.closed_ms is not None
        times = [ms for ms, _ in socket.sent]
        assert all(b - a > 1_000 for a, b in zip(times, times[8:], strict=False))


def test_subscriber_settings_have_the_defaults_of_the_specification() -> None:
    subscriber = SubscriberSettings()
    assert (subscriber.streams_per_message, subscriber.silent_stream_ms) == (200, 30_000)
    assert subscriber.resubscribe_ms == 60_000
    link = LinkSettings()
    assert (link.read_timeout_ms, link.write_timeout_ms, link.close_timeout_ms) == (
        10_000,
        5_000,
        5_000,
    )
