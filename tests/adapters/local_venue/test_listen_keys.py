"""Listen keys: one an account, alive for an hour, and their end is told once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from grinder_adapters.local_venue.http import Problem
from grinder_adapters.local_venue.listen_keys import ListenKeys
from grinder_core.codec import dump_state, load_state

HOUR = 3_600_000
GONE = Problem(400, -1125, "This listenKey does not exist.")


def test_asking_again_gives_the_same_key_and_extends_it() -> None:
    keys = ListenKeys(1)
    key = keys.open("alice", 0)
    assert (len(key), key.isalnum(), key.isascii()) == (64, True, True)
    assert keys.open("alice", HOUR - 1) == key
    assert keys.account_of(key, 2 * HOUR - 2) == "alice"
    assert keys.account_of(key, 2 * HOUR - 1) is None


def test_put_extends_and_delete_ends() -> None:
    keys = ListenKeys(1)
    key = keys.open("alice", 0)
    assert keys.extend("alice", 1_800_000) == key
    assert keys.next_at() == 1_800_000 + HOUR
    assert keys.close("alice", HOUR) == key
    assert keys.extend("alice", HOUR) == GONE
    assert keys.close("alice", HOUR) == GONE
    assert keys.due(10 * HOUR) == []  # an end that was asked for is no news
    assert keys.next_at() is None


def test_an_end_is_told_once_with_its_own_time() -> None:
    keys = ListenKeys(1)
    first, second = keys.open("bob", 5), keys.open("alice", 3)
    assert keys.due(HOUR + 2) == []
    assert keys.account_of(second, HOUR + 100) is None  # looked at before it is told
    told = keys.due(HOUR + 100)
    assert [(k.key, k.account, k.expires_at) for k in told] == [
        (second, "alice", HOUR + 3),
        (first, "bob", HOUR + 5),
    ]
    assert keys.due(HOUR + 100) == []
    assert keys.extend("alice", HOUR + 100) == GONE
    assert keys.open("alice", HOUR + 100) != second


def test_a_key_can_run_out_early() -> None:
    keys = ListenKeys(1)
    key = keys.open("alice", 0)
    keys.expire("nobody", 7)
    keys.expire("alice", 7)
    assert keys.next_at() == 7
    assert [(k.key, k.expires_at) for k in keys.due(7)] == [(key, 7)]
    assert keys.account_of(key, 7) is None


def test_keys_differ_by_seed_account_and_number() -> None:
    seen = set()
    for seed in (1, 2):
        keys = ListenKeys(seed)
        for account in ("alice", "bob"):
            for _ in range(3):
                seen.add(keys.open(account, 0))
                keys.close(account, 0)
    assert len(seen) == 12
    assert ListenKeys(1).open("alice", 0) in seen


calls = st.lists(
    st.tuples(
        st.sampled_from([0, 1, 1_000, HOUR // 2, HOUR - 1, HOUR, HOUR + 1]),
        st.sampled_from(["open", "extend", "close", "expire", "due", "look"]),
        st.sampled_from(["alice", "bob"]),
    ),
    max_size=40,
)


@given(calls)
def test_keys_live_an_hour_from_their_last_extension(steps: list[tuple[int, str, str]]) -> None:
    keys, now = ListenKeys(3), 0
    live: dict[str, tuple[str, int]] = {}
    untold: list[tuple[int, str, str]] = []
    used: set[str] = set()
    for pause, call, account in steps:
        now += pause
        for name in [name for name, (_, end) in live.items() if end <= now]:
            key, end = live.pop(name)
            untold.append((end, name, key))
        untold.sort()
        known = live.get(account)
        if call == "open":
            key = keys.open(account, now)
            assert key == known[0] if known else key not in used
            used.add(key)
            live[account] = (key, now + HOUR)
        elif call == "extend":
            assert keys.extend(account, now) == (known[0] if known else GONE)
            if known:
                live[account] = (known[0], now + HOUR)
        elif call == "close":
            assert keys.close(account, now) == (known[0] if known else GONE)
            live.pop(account, None)
        elif call == "expire":
            keys.expire(account, now)
            if known:
                untold.append((now, account, live.pop(account)[0]))
        elif call == "due":
            told = [(k.expires_at, k.account, k.key) for k in keys.due(now)]
            assert sorted(told) == sorted(untold)
            assert [end for end, _, _ in told] == sorted(end for end, _, _ in told)
            untold = []
        else:
            for key in used:
                owner = next((name for name, held in live.items() if held[0] == key), None)
                assert keys.account_of(key, now) == owner
        pending = [end for _, end in live.values()] + [end for end, _, _ in untold]
        assert keys.next_at() == min(pending, default=None)
    assert load_state(ListenKeys, dump_state(keys)) == keys
