"""README gap 12: alerts reach their receiver, signed, and nobody waits for it."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from grinder_adapters.aiohttp_transport import AiohttpTransport
from grinder_adapters.binance.signing import Secret
from grinder_adapters.redact import Redactor
from grinder_adapters.transport import HttpAnswer
from grinder_adapters.webhook.message import body_of, signature_of
from grinder_adapters.webhook.outbox import Outbox
from grinder_adapters.webhook.records import Alert, AlertKind, AlertStatus, Severity
from grinder_adapters.webhook.sender import Receiver, WebhookSender
from grinder_adapters.webhook.settings import WebhookFormat, WebhookSettings
from grinder_core.codec import canonical_json
from grinder_core.errors import (
    ConnectionNotMadeError,
    ConnectorError,
    ConnectorNonRetryableError,
    ConnectorTimeoutError,
    ConnectorTransientError,
)
from tests.support.virtual_time import VirtualClock, run, settle

URL = "https://hooks.example.org/services/T0/secret-path-of-the-hook"
SECRET = "a-secret-of-the-webhook-0123456789"
NOW = 1_700_000_000_000
SESSION = {"strategy": "sim", "venue": "sim"}
REDACTOR = Redactor([Secret(SECRET), Secret("/services/T0/secret-path-of-the-hook")])


def an_alert(number: int = 1, **changes: Any) -> Alert:
    values: dict[str, Any] = {
        "kind": AlertKind.FEED_LOST,
        "severity": Severity.WARNING,
        "status": AlertStatus.OPEN,
        "ts_ms": NOW + number,
        "since_ms": NOW + number,
        "cause": f"cause {number}",
        "next": ("grinder live status",),
        "runbook": "docs/how-to/lost-connection.md",
    }
    return Alert(**{**values, **changes})


CRITICAL: dict[str, Any] = {"kind": AlertKind.KILL_SWITCH, "severity": Severity.CRITICAL}

Answer = Callable[[], Awaitable[HttpAnswer]]


class Hook:
    """A receiver in memory: answers as told, one answer a post, the last one for ever."""

    def __init__(self, clock: VirtualClock, *answers: int | Exception | str) -> None:
        self.clock, self.answers = clock, list(answers) or [200]
        self.posts: list[tuple[int, str, str, Mapping[str, str], bytes]] = []
        self.is_closed = False

    async def request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, timeout_ms: int
    ) -> HttpAnswer:
        self.posts.append((self.clock.now_ms(), method, url, headers, body))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer == "stall":
            await asyncio.Event().wait()
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, tuple):
            return HttpAnswer(answer[0], b"", answer[1])
        assert isinstance(answer, int)
        return HttpAnswer(answer, b"")

    async def close(self) -> None:
        self.is_closed = True

    @property
    def causes(self) -> list[str]:
        return [json.loads(body)["alert"]["cause"] for _, _, _, _, body in self.posts]


class Scene:
    """A sender and its receiver under virtual time."""

    def __init__(self, *answers: Any, secret: str | None = SECRET, **settings: Any) -> None:
        self.clock = VirtualClock(NOW)
        self.hook = Hook(self.clock, *answers)
        self.lost: list[tuple[int, str]] = []
        self.settings = WebhookSettings(**{f"webhook_{k}": v for k, v in settings.items()})
        self.secret = None if secret is None else Secret(secret)

    def play(self, scene: Callable[[WebhookSender], Awaitable[None]]) -> WebhookSender:
        async def whole() -> WebhookSender:
            sender = WebhookSender(
                Receiver(url=Secret(URL), secret=self.secret),
                self.settings,
                self.hook,
                REDACTOR,
                SESSION,
                self.clock.now_ms,
                asyncio.sleep,
                lambda count, why: self.lost.append((count, why)),
            )
            sender.start()
            await scene(sender)
            await sender.close()
            return sender

        return run(whole(), self.clock)


def puts(*alerts: Alert, then_s: float = 0) -> Callable[[WebhookSender], Awaitable[None]]:
    async def scene(sender: WebhookSender) -> None:
        for alert in alerts:
            sender.put(alert)
        await asyncio.sleep(then_s)

    return scene


# -- what is posted --------------------------------------------------------------------------------


def test_a_post_is_canonical_and_its_signature_holds_up_to_an_independent_computation() -> None:
    scene = Scene()
    stats = scene.play(puts(an_alert())).stats
    [(at, method, url, headers, body)] = scene.hook.posts
    assert (method, url, at) == ("POST", URL, NOW)
    assert body == canonical_json(json.loads(body)).encode()
    fields = dict(part.split("=") for part in headers["X-Grinder-Signature"].split(","))
    # HMAC as RFC 2104 writes it, of the standard library's parts alone
    key = SECRET.encode().ljust(64, b"\0")
    inner = hashlib.sha256(bytes(b ^ 0x36 for b in key) + fields["t"].encode() + b"." + body)
    outer = hashlib.sha256(bytes(b ^ 0x5C for b in key) + inner.digest())
    assert fields == {"t": str(NOW), "v1": outer.hexdigest()}
    assert headers["X-Grinder-Id"] == json.loads(body)["id"]
    assert (stats.delivered, stats.pending, stats.failed) == (1, 0, 0)
    assert (stats.last_delivery_ms, stats.last_error) == (NOW, "")
    assert scene.hook.is_closed


@given(st.binary(max_size=50), st.integers(0, 10**13), st.text("abcdef0123", min_size=16))
def test_the_signature_covers_time_body_and_secret(body: bytes, now: int, secret: str) -> None:
    signed = signature_of(body, Secret(secret), now)
    mac = hmac.digest(secret.encode(), b"%d.%b" % (now, body), "sha256").hex()
    assert signed == f"t={now},v1={mac}"
    assert signature_of(body + b" ", Secret(secret), now) != signed
    assert signature_of(body, Secret(f"{secret}x"), now) != signed


def test_the_payload_is_the_published_one() -> None:
    alert = an_alert(symbol="BTCUSDT", reason="FEED_STALE", detail="d", orders="o")
    _, body = body_of(alert, WebhookFormat.GENERIC, REDACTOR, SESSION)
    read = json.loads(body)
    assert set(read) == {"version", "id", "incident", "session", "alert"}
    assert read["alert"] == {
        "at": "2023-11-14T22:13:20.001Z",
        "cause": "cause 1",
        "counted": {},
        "counts": None,
        "detail": "d",
        "kind": "FEED_LOST",
        "next": ["grinder live status"],
        "orders": "o",
        "reason": "FEED_STALE",
        "runbook": "docs/how-to/lost-connection.md",
        "severity": "warning",
        "since_ms": NOW + 1,
        "status": "open",
        "symbol": "BTCUSDT",
        "ts_ms": NOW + 1,
    }


def test_open_and_resolved_share_an_incident_and_never_an_id() -> None:
    opened = an_alert()
    ended = evolve(opened, status=AlertStatus.RESOLVED, ts_ms=NOW + 500)
    other = an_alert(2)
    read = [
        json.loads(body_of(each, WebhookFormat.GENERIC, REDACTOR, SESSION)[1])
        for each in (opened, ended, other)
    ]
    elsewhere = body_of(opened, WebhookFormat.GENERIC, REDACTOR, {"venue": "mainnet"})[0]
    assert read[0]["incident"] == read[1]["incident"] != read[2]["incident"]
    assert len({*(each["id"] for each in read), elsewhere}) == 4
    again = body_of(opened, WebhookFormat.GENERIC, REDACTOR, SESSION)[0]
    assert again == read[0]["id"]  # what is sent twice is known again


def test_a_chat_service_gets_one_text_and_no_signature_without_a_secret() -> None:
    scene = Scene(secret=None, format=WebhookFormat.SLACK)
    scene.play(puts(an_alert(status=AlertStatus.RESOLVED, orders="2 cancelled")))
    [(_, _, _, headers, body)] = scene.hook.posts
    assert "X-Grinder-Signature" not in headers
    read = json.loads(body)
    assert list(read) == ["text"]
    assert read["text"].splitlines() == [
        "[warning] RESOLVED FEED_LOST: cause 1",
        "orders: 2 cancelled",
        "next: grinder live status",
        "see: docs/how-to/lost-connection.md",
        "session: strategy sim, venue sim",
    ]


@pytest.mark.parametrize("form", WebhookFormat)
def test_no_secret_and_no_order_id_is_in_a_post(form: WebhookFormat) -> None:
    words = f"{SECRET} {URL} api_key=abcdef grinder_sim_1_0lzk3x9ab001 a@b.example"
    alert = an_alert(cause=words, detail=words, orders=words, symbol=SECRET)
    _, body = body_of(alert, form, REDACTOR, {"strategy": SECRET})
    for hidden in (SECRET, "secret-path", "abcdef", "grinder_sim_1", "a@b"):
        assert hidden.encode() not in body
    assert b"grinder live status" in body
    assert b"docs/how-to/lost-connection.md" in body


# -- receivers that misbehave ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "trouble",
    [
        500,
        503,
        429,
        408,
        ConnectionNotMadeError("refused"),
        ConnectorTransientError("the connection broke"),
        ConnectorTimeoutError("request", 5_000),
    ],
)
def test_what_may_pass_is_tried_again_with_growing_waits(trouble: Any) -> None:
    scene = Scene(trouble, trouble, trouble, 200)
    stats = scene.play(puts(an_alert(), then_s=60)).stats
    times = [at - NOW for at, *_ in scene.hook.posts]
    assert times == [0, 1_000, 3_000, 7_000]
    assert len({headers["X-Grinder-Id"] for *_, headers, _ in scene.hook.posts}) == 1
    assert (stats.delivered, stats.failed, stats.last_error) == (1, 0, "")
    assert scene.lost == []


def test_a_post_is_signed_anew_at_each_attempt() -> None:
    scene = Scene(500, 204)
    scene.play(puts(an_alert(), then_s=60))
    signed = [headers["X-Grinder-Signature"] for *_, headers, _ in scene.hook.posts]
    assert [text.split(",")[0] for text in signed] == [f"t={NOW}", f"t={NOW + 1_000}"]


def test_a_receiver_that_asks_for_time_gets_it_up_to_the_longest_wait() -> None:
    scene = Scene((429, {"retry-after": "20"}), (503, {"retry-after": "9999"}), 200)
    scene.play(puts(an_alert(), then_s=300))
    assert [at - NOW for at, *_ in scene.hook.posts] == [0, 20_000, 80_000]


@pytest.mark.parametrize("status", [301, 302, 307, 308, 400, 401, 403, 404, 410])
def test_what_never_passes_is_not_tried_again_and_told(status: int) -> None:
    scene = Scene(status, 200)
    stats = scene.play(puts(an_alert(), then_s=60)).stats
    assert len(scene.hook.posts) == 1
    assert (stats.delivered, stats.failed) == (0, 1)
    assert str(status) in stats.last_error
    assert scene.lost == [(1, stats.last_error)]


def test_a_stalled_receiver_is_given_up_on_after_the_timeout_and_delays_nobody() -> None:
    scene = Scene("stall", 200)

    async def story(sender: WebhookSender) -> None:
        sender.put(an_alert())
        await settle()
        before = scene.clock.now_ms()
        for number in range(1_000):
            sender.put(an_alert(number, **CRITICAL))
        assert scene.clock.now_ms() == before  # nobody waited
        await asyncio.sleep(6)

    scene.play(story)
    times = [at - NOW for at, *_ in scene.hook.posts]
    assert times[:2] == [0, 5_000]


def test_an_error_of_another_kind_ends_the_post_and_not_the_sender() -> None:
    scene = Scene(ValueError("a bug"), 200)
    stats = scene.play(puts(an_alert(1), an_alert(2), then_s=5)).stats
    assert (stats.delivered, stats.failed) == (1, 1)
    assert scene.lost == [(1, "a bug")]


def test_what_is_given_up_is_told_after_all_attempts() -> None:
    scene = Scene(500, attempts_max=3)
    stats = scene.play(puts(an_alert(), then_s=60)).stats
    assert len(scene.hook.posts) == 3
    assert (stats.failed, scene.lost) == (1, [(1, "the webhook answered 500")])


def test_at_the_end_what_waits_is_posted_for_a_moment_and_the_rest_is_told() -> None:
    good = Scene()
    assert good.play(puts(*(an_alert(n) for n in range(5)))).stats.delivered == 5
    dead = Scene("stall", drain_ms=5_000)
    sender = dead.play(puts(*(an_alert(n) for n in range(5))))
    assert dead.clock.now_ms() - NOW == 5_000
    assert (sender.stats.failed, sender.stats.pending) == (5, 0)
    assert dead.lost == [(5, "not delivered within 5000 ms of the end")]


def test_an_alert_after_the_end_is_told_as_lost() -> None:
    scene = Scene()
    sender = scene.play(puts())
    sender.put(an_alert())
    assert sender.stats.failed == 1
    assert scene.lost == [(1, "the webhook is closed")]


def test_a_more_severe_alert_overtakes_those_that_wait_for_their_next_attempt() -> None:
    scene = Scene(500, 200)

    async def story(sender: WebhookSender) -> None:
        sender.put(an_alert(1))
        sender.put(an_alert(2))
        await asyncio.sleep(0.5)
        sender.put(an_alert(3, **CRITICAL))
        await asyncio.sleep(10)

    scene.play(story)
    assert scene.hook.causes == ["cause 1", "cause 2", "cause 3", "cause 1"]


@pytest.mark.parametrize(
    ("status", "error"), [(302, ConnectorNonRetryableError), (500, ConnectorTransientError)]
)
def test_a_single_post_for_a_check_says_what_is_wrong(
    status: int, error: type[ConnectorError]
) -> None:
    scene = Scene(status)

    async def story(sender: WebhookSender) -> None:
        with pytest.raises(error, match=str(status)):
            await sender.post_now(an_alert())

    scene.play(story)
    assert len(scene.hook.posts) == 1


# -- over a socket ---------------------------------------------------------------------------------


async def _serve(
    behave: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    story: Callable[[WebhookSender], Awaitable[None]],
) -> None:
    server = await asyncio.start_server(behave, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    sender = WebhookSender(
        Receiver(url=Secret(f"http://127.0.0.1:{port}/hook"), secret=Secret(SECRET)),
        WebhookSettings(),
        AiohttpTransport(),
        REDACTOR,
        SESSION,
        lambda: NOW,
        asyncio.sleep,
        lambda count, why: None,
    )
    try:
        await story(sender)
    finally:
        await sender.close()
        server.close()


def test_over_a_socket_a_redirect_is_not_followed_and_an_early_end_is_passing() -> None:
    asked: list[bytes] = []
    answers = [b"HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n", b"", None]

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        asked.append(head)
        answer = answers.pop(0)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" if answer is None else answer)
        await writer.drain()
        writer.close()

    async def story(sender: WebhookSender) -> None:
        with pytest.raises(ConnectorNonRetryableError, match="redirects are not followed"):
            await sender.post_now(an_alert())
        with pytest.raises(ConnectorTransientError):
            await sender.post_now(an_alert())
        await sender.post_now(an_alert())

    asyncio.run(_serve(behave, story))
    assert [head.split(b"\r\n")[0] for head in asked] == [b"POST /hook HTTP/1.1"] * 3
    assert all(b"X-Grinder-Signature: t=" in head for head in asked)


# -- the outbox ------------------------------------------------------------------------------------


def settings(**values: Any) -> WebhookSettings:
    return WebhookSettings(**{f"webhook_{name}": value for name, value in values.items()})


def test_over_the_rate_the_mild_are_merged_into_one_summary_and_the_critical_wait() -> None:
    box = Outbox(settings(rate_per_minute=3))
    for number in range(10):
        box.put(an_alert(number), NOW)
    box.put(an_alert(99, **CRITICAL), NOW)
    posted = []
    while (parcel := box.take(NOW)) is not None:
        posted.append(parcel.alert.cause)
        box.delivered()
    # 99 is critical and came when the minute was full: it still goes first
    assert posted == ["cause 99", "cause 0", "cause 1"]
    assert box.wait_ms(NOW) == 60_000
    later = []
    while (parcel := box.take(NOW + 60_000)) is not None:
        later.append(parcel.alert)
        box.delivered()
    assert [alert.kind for alert in later] == [AlertKind.FEED_LOST, AlertKind.SUMMARY]
    assert later[1].counted == {"FEED_LOST open": 7}
    assert later[1].severity is Severity.WARNING
    assert "7 FEED_LOST open" in later[1].detail
    stats = box.stats
    assert (stats.put, stats.delivered, stats.merged, stats.pending) == (11, 11, 7, 0)


def test_a_full_queue_merges_the_mildest_newest_and_keeps_the_critical() -> None:
    box = Outbox(settings(queue_max=2, rate_per_minute=100))
    for alert in (an_alert(1), an_alert(2, **CRITICAL), an_alert(3, severity=Severity.INFO),
                  an_alert(4, **CRITICAL), an_alert(5, **CRITICAL)):  # fmt: skip
        box.put(alert, NOW)
    posted = []
    while (parcel := box.take(NOW)) is not None:
        posted.append((parcel.alert.cause.split(" ")[1], parcel.alert.severity))
        box.delivered()
    assert posted == [
        ("2", Severity.CRITICAL),
        ("4", Severity.CRITICAL),
        ("alerts", Severity.CRITICAL),  # 1, 3 and 5: one of them critical
    ]
    assert box.stats.delivered == 5


moves = st.lists(
    st.tuples(
        st.sampled_from(["put", "put", "put", "take", "good", "bad", "again", "wait"]),
        st.sampled_from(Severity),
        st.integers(0, 40_000),
    ),
    max_size=120,
)


@given(moves, st.integers(1, 5), st.integers(2, 6), st.sampled_from(Severity), st.booleans())
def test_no_alert_is_lost_and_no_limit_is_passed(
    story: list[tuple[str, Severity, int]], rate: int, queue: int, least: Severity, ends: bool
) -> None:
    """Each alert is too mild, delivered, given up, or pending; alone or in a summary."""
    box = Outbox(settings(rate_per_minute=rate, queue_max=queue, min_severity=least))
    now, under_way, taken_at, number = NOW, None, list[int](), 0
    told: Counter[str] = Counter()
    for move, severity, wait in story:
        if move == "put":
            number += 1
            box.put(an_alert(number, severity=severity, kind=AlertKind.PAUSE), now)
        elif move == "take":
            parcel = box.take(now)
            if parcel is not None:
                assert under_way is None
                under_way = parcel
                taken_at.append(now)
                mildest_waits = [
                    p.alert.severity.rank for p in box._queue if p.not_before_ms <= now
                ]
                assert parcel.alert.severity.rank >= max(mildest_waits, default=0)
        elif move == "wait":
            now += wait
        elif under_way is not None:
            if move == "good":
                box.delivered()
                told["delivered"] += under_way.stands_for
            elif move == "bad":
                box.given_up()
                told["failed"] += under_way.stands_for
            else:
                box.put_back(wait, now)
            under_way = None
        stats = box.stats
        assert stats.put == stats.too_mild + stats.delivered + stats.failed + stats.pending
        assert (stats.delivered, stats.failed) == (told["delivered"], told["failed"])
        assert len(box._queue) <= queue
        assert sum(at > now - 60_000 for at in taken_at) <= rate
        until = box.wait_ms(now)
        if under_way is None:
            assert (until is None) is (stats.pending == 0)
        if until:
            assert box.take(now) is None
    if ends:
        left = box.stats.pending
        assert box.give_up_all() == left
        stats = box.stats
        assert stats.pending == 0
        assert stats.put == stats.too_mild + stats.delivered + stats.failed


def test_a_summary_that_is_put_back_and_merged_again_still_counts_once_each() -> None:
    box = Outbox(settings(queue_max=2, rate_per_minute=1))
    for number in range(5):
        box.put(an_alert(number, severity=Severity.INFO), NOW)
    assert box.take(NOW) is not None
    box.delivered()
    summary = box.take(NOW + 60_000)
    assert summary is not None
    assert summary.stands_for == 4
    for number in range(3):
        box.put(an_alert(number, **CRITICAL), NOW + 60_000)
    box.put_back(0, NOW + 60_000)
    stats = box.stats
    assert (stats.put, stats.delivered, stats.pending) == (8, 1, 7)


def test_a_clock_that_is_set_back_neither_stops_nor_hurries_the_posts() -> None:
    box, back = Outbox(settings(rate_per_minute=2)), NOW - 3_600_000
    box.put(an_alert(1), NOW)
    assert box.take(NOW) is not None
    box.put_back(1_000, NOW)
    assert box.wait_ms(back) == 1_000
    assert box.take(back + 999) is None
    assert box.take(back + 1_000) is not None
    box.delivered()
    box.put(an_alert(2, **CRITICAL), back + 1_000)
    assert box.wait_ms(back + 1_000) == 59_000  # two were posted in this minute
    assert box.take(back + 59_999) is None
    assert box.take(back + 60_000) is not None
