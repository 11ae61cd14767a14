"""LIVE-21: which orders are ours, and the three shapes of their ids."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from grinder_core.codec import dump_state, load_state
from grinder_core.errors import ConfigError, ContractError
from grinder_core.orders.identity import (
    LEGACY_STRATEGY,
    SEQ_LIMIT,
    TS_LIMIT,
    V1_TS_LIMIT,
    OrderIdentityConfig,
    OrderIdMaker,
    OrderIds,
    ParsedOrderId,
    parse_client_order_id,
)

VENUE = re.compile(r"^[\.A-Z\:/a-z0-9_-]{1,36}$")  # as the venue states it
NOW = 1_704_067_200_000

STRATEGIES = st.from_regex(r"[a-z0-9-]{1,11}", fullmatch=True)
SYMBOLS = st.from_regex(r"[A-Z0-9_]{2,40}", fullmatch=True)
PREFIXES = st.from_regex(r"[.A-Z:/a-z0-9_-]{1,8}", fullmatch=True) | st.just("grinder_")
LEVELS = st.integers(0, 999)
SEQS = st.integers(0, SEQ_LIMIT - 1)
TIMES = st.integers(0, TS_LIMIT - 3)
ALMOST = st.from_regex(r"grinder_[a-zA-Z0-9_-]{0,30}", fullmatch=True) | st.from_regex(
    r"grinder_[a-z0-9-]{1,4}_[A-Z0-9_]{1,4}_[0-9]{1,4}_[0-9]{1,4}_[0-9]{1,4}\n?", fullmatch=True
)
ANY_TEXT = st.text(max_size=60) | st.text(max_size=40).map("grinder_".__add__) | ALMOST


def v1_text(prefix: str, strategy: str, symbol: str, level: int, ts: int, seq: int) -> str:
    return "_".join([prefix + strategy, symbol, str(level), str(ts), str(seq)])


def number36(text: str) -> int:
    value = 0
    for digit in text:
        value = value * 36 + "0123456789abcdefghijklmnopqrstuvwxyz".index(digit)
    return value


# -- what is generated is read back (I-21.1) and fits (I-21.2)


@given(PREFIXES, STRATEGIES, SYMBOLS, LEVELS, TIMES, SEQS)
@example("grinder_", "a" * 11, "BTCUSDT", 999, TS_LIMIT - 3, SEQ_LIMIT - 2)
@example("grinder_", "a", "BTCUSDT", 0, 0, SEQ_LIMIT - 1)
def test_every_new_id_fits_the_venue_and_is_read_back(
    prefix: str, strategy: str, symbol: str, level: int, ts: int, seq: int
) -> None:
    config = OrderIdentityConfig(prefix=prefix, strategy_id=strategy)
    ids = OrderIds(strategy, ts, seq)
    text = OrderIdMaker(config, frozenset([symbol])).next_id(ids, symbol, level, ts)
    assert VENUE.match(text)
    assert config.is_ours(text)
    following = (ts, seq + 1) if seq + 1 < SEQ_LIMIT else (ts + 1, 0)
    assert parse_client_order_id(text, prefix) == ParsedOrderId(
        prefix, strategy, None, level, *following, is_legacy=False
    )


@given(
    st.sampled_from(["g", "g_", "X:"]), st.from_regex(r"[a-z0-9-]{1,2}", fullmatch=True),
    st.from_regex(r"[A-Z0-9_]{2,6}", fullmatch=True), LEVELS,
    st.integers(0, V1_TS_LIMIT - 3), SEQS,
)  # fmt: skip
def test_every_new_id_of_the_first_version_fits_and_is_read_back(
    prefix: str, strategy: str, symbol: str, level: int, ts: int, seq: int
) -> None:
    config = OrderIdentityConfig(prefix=prefix, strategy_id=strategy, identity_format_version=1)
    ids = OrderIds(strategy, ts, seq)
    text = OrderIdMaker(config, frozenset([symbol])).next_id(ids, symbol, level, ts)
    assert VENUE.match(text)
    assert config.is_ours(text)
    assert text == v1_text(prefix, strategy, symbol, level, ids.ts_ms, ids.seq)
    assert parse_client_order_id(text, prefix) == ParsedOrderId(
        prefix, strategy, symbol, level, ids.ts_ms, ids.seq, is_legacy=False
    )


@given(LEVELS, TIMES, SEQS)
def test_the_stamp_is_time_and_count_in_base_36(level: int, ts: int, seq: int) -> None:
    text = OrderIds("default", ts, seq - 1).next_id(level, ts)
    stamp = text.removeprefix(f"grinder_default_{level}_")
    assert len(stamp) == 12
    assert stamp == stamp.lower()
    assert (number36(stamp[:9]), number36(stamp[9:])) == (ts, seq)


def test_the_engines_ids_are_those_of_the_default_configuration() -> None:
    maker = OrderIdMaker(OrderIdentityConfig(), frozenset(["BTCUSDT"]))
    engine, configured = OrderIds("default"), OrderIds("default")
    for level, now in ((1, NOW), (2, NOW), (0, NOW - 5), (999, NOW + 1)):
        text = engine.next_id(level, now)
        assert text == maker.next_id(configured, "BTCUSDT", level, now)
    assert text == "grinder_default_999_0lqu5m2o1000"
    assert dump_state(engine) == {"strategy_id": "default", "ts_ms": NOW + 1, "seq": 0}


# -- ids never repeat (I-21.4)


@given(
    st.lists(st.tuples(st.integers(-20, 20), st.integers(0, 3), st.booleans()), max_size=60),
    st.integers(SEQ_LIMIT - 5, SEQ_LIMIT - 1),
    st.sampled_from([1, 2]),
)
def test_ids_never_repeat_whatever_the_clock_does_and_over_restarts(
    steps: list[tuple[int, int, bool]], seq: int, version: int
) -> None:
    config = OrderIdentityConfig(prefix="g_", strategy_id="a", identity_format_version=version)
    maker = OrderIdMaker(config, frozenset(["AAAUSD"]))
    ids, now, texts, pairs = OrderIds("a", NOW, seq), NOW, [], []
    for gap, level, is_restarted in steps:
        now += gap
        if is_restarted:
            ids = load_state(OrderIds, dump_state(ids))
        texts.append(maker.next_id(ids, "AAAUSD", level, now))
        pairs.append((ids.ts_ms, ids.seq))
        assert ids.ts_ms >= now
        assert 0 <= ids.seq < SEQ_LIMIT
    assert len(set(texts)) == len(texts)
    assert pairs == sorted(set(pairs))


# -- reading


def test_the_example_of_the_first_version_is_read_although_no_venue_takes_it() -> None:
    text = "grinder_momentum_BTCUSDT_1_1704067200000_1"
    assert len(text) == 42
    assert parse_client_order_id(text) == ParsedOrderId(
        "grinder_", "momentum", "BTCUSDT", 1, NOW, 1, is_legacy=False
    )


@given(SYMBOLS, LEVELS, TIMES, st.integers(0, 10**9))
def test_a_legacy_id_names_a_symbol_and_no_strategy(
    symbol: str, level: int, ts: int, seq: int
) -> None:
    parsed = parse_client_order_id(f"grinder_{symbol}_{level}_{ts}_{seq}", "else_")
    assert parsed == ParsedOrderId(
        "grinder_", LEGACY_STRATEGY, symbol, level, ts, seq, is_legacy=True
    )


@given(PREFIXES, STRATEGIES, SYMBOLS, LEVELS, TIMES, st.integers(0, 10**9))
@example("grinder_", "12", "34_5", 6, 7, 8)  # also a legacy id of 12_34_5
@example("grinder_", "a", "_1_2_3", 4, 5, 6)
def test_an_id_that_two_shapes_fit_is_read_by_the_newer(
    prefix: str, strategy: str, symbol: str, level: int, ts: int, seq: int
) -> None:
    parsed = parse_client_order_id(v1_text(prefix, strategy, symbol, level, ts, seq), prefix)
    assert parsed == ParsedOrderId(prefix, strategy, symbol, level, ts, seq, is_legacy=False)


@given(STRATEGIES, LEVELS, st.from_regex(r"[0-9a-z]{12}", fullmatch=True))
def test_the_second_version_is_read_first(strategy: str, level: int, stamp: str) -> None:
    parsed = parse_client_order_id(f"grinder_{strategy}_{level}_{stamp}")
    assert parsed == ParsedOrderId(
        "grinder_", strategy, None, level, number36(stamp[:9]), number36(stamp[9:]), is_legacy=False
    )


@given(ANY_TEXT, PREFIXES)
@example("grinder_a_1_" + "٠" * 12, "grinder_")  # digits of another script
@example("grinder_AB_1_2_" + "9" * 5_000, "grinder_")  # more digits than int() reads
@example("grinder_a_1_00000000000z\n", "grinder_")
@example("grinder_\ud800", "grinder_")
def test_reading_never_raises_and_tells_only_what_stands_there(text: str, prefix: str) -> None:
    for expected in (prefix, "grinder_"):
        parsed = parse_client_order_id(text, expected)
        if parsed is None:
            continue
        assert text.startswith(parsed.prefix)
        assert parsed.prefix == (expected if not parsed.is_legacy else "grinder_")
        numbers = (parsed.level_id, parsed.ts, parsed.seq)
        assert all(number >= 0 for number in numbers)
        if parsed.symbol is None:
            ids = OrderIds(parsed.strategy_id, parsed.ts, parsed.seq - 1)
            rest = ids.next_id(parsed.level_id, parsed.ts).removeprefix("grinder_")
            assert parsed.seq == 0 or text == parsed.prefix + rest
        else:
            named = [] if parsed.is_legacy else [parsed.strategy_id]
            rest = "_".join([*named, parsed.symbol, *map(str, numbers)])
            assert text == parsed.prefix + rest


@pytest.mark.parametrize(
    "text",
    [
        "", "grinder_", "GRINDER_default_1_000000000001", "grinder_default_1_00000000001",
        "grinder_default_1_0000000000001", "grinder_default_01_000000000001",
        "grinder_default_1000_000000000001", "grinder_default_-1_000000000001",
        "grinder_default_1_00000000000Z", "grinder_Default_1_000000000001",
        "grinder_twelve-chars_1_000000000001", "grinder__1_000000000001",
        " grinder_default_1_000000000001", "grinder_default_1_000000000001 ",
        "grinder_default_BTCUSDT_1_01_1", "grinder_default_btc_1_1_1",
        "grinder_default_B_1_1_1", "grinder_BTCUSDT_1_1", "grinder_B_1_1_1",
        "autoclose-1", "adl_autoclose", "settlement_autoclose-7",
    ],
)  # fmt: skip
def test_what_has_no_shape_of_ours_is_not_read(text: str) -> None:
    assert parse_client_order_id(text) is None
    assert not OrderIdentityConfig(
        require_strategy_allowlist=False, allow_legacy_format=True
    ).is_ours(text)


# -- ours (I-21.5)


@given(ANY_TEXT, PREFIXES, st.booleans(), st.booleans())
def test_no_id_without_the_prefix_is_ours(
    text: str, prefix: str, require: bool, legacy: bool
) -> None:
    config = OrderIdentityConfig(
        prefix=prefix, require_strategy_allowlist=require, allow_legacy_format=legacy
    )
    if config.is_ours(text):
        assert text.startswith(prefix)


@pytest.mark.parametrize("strategy", ["default", "other", "third"])
@pytest.mark.parametrize("require", [True, False])
@pytest.mark.parametrize("allowed", [(), ("default",), ("default", "other")])
def test_the_orders_of_allowed_strategies_are_ours(
    strategy: str, require: bool, allowed: tuple[str, ...]
) -> None:
    config = OrderIdentityConfig(
        allowed_strategies=frozenset(allowed), require_strategy_allowlist=require
    )
    ours = not require or strategy in (allowed or ("default",))
    assert config.is_ours(OrderIds(strategy).next_id(1, NOW)) == ours
    assert config.is_ours(v1_text("grinder_", strategy, "BTCUSDT", 1, NOW, 0)) == ours


@pytest.mark.parametrize("require", [True, False])
def test_an_order_of_no_strategy_is_ours_only_if_that_is_allowed(require: bool) -> None:
    legacy = f"grinder_BTCUSDT_1_{NOW}_0"
    for allow in (True, False):
        config = OrderIdentityConfig(require_strategy_allowlist=require, allow_legacy_format=allow)
        assert config.is_ours(legacy) == allow
    other = OrderIdentityConfig(prefix="else_", allow_legacy_format=True)
    assert not other.is_ours(legacy)  # the shape has its own prefix


def test_an_order_of_another_prefix_is_not_ours() -> None:
    mine = OrderIdentityConfig(prefix="mine_", require_strategy_allowlist=False)
    assert not mine.is_ours(OrderIds("default").next_id(1, NOW))
    assert mine.is_ours("mine_default_1_000000000001")


# -- what cannot be is refused at construction


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"prefix": ""}, "prefix"), ({"prefix": "nine_long"}, "prefix"),
        ({"prefix": "sp ce"}, "prefix"), ({"prefix": "x\n"}, "prefix"),
        ({"strategy_id": ""}, "strategy_id"), ({"strategy_id": "a_b"}, "strategy_id"),
        ({"strategy_id": "Upper"}, "strategy_id"), ({"strategy_id": "a" * 12}, "strategy_id"),
        ({"strategy_id": "a\n"}, "strategy_id"), ({"strategy_id": LEGACY_STRATEGY}, "strategy_id"),
        ({"allowed_strategies": ["a_b", "default"]}, "allowed_strategies"),
        ({"allowed_strategies": ["other"]}, "allowed_strategies"),
        ({"allowed_strategies": "defaul"}, "allowed_strategies"),
        ({"identity_format_version": 3}, "identity_format_version"),
        ({"identity_format_version": 0}, "identity_format_version"),
        ({"identity_format_version": 1}, "identity_format_version"),
        ({"identity_format_version": 1, "prefix": "gr_"}, "identity_format_version"),
    ],
)  # fmt: skip
def test_a_configuration_that_no_id_can_follow_is_refused(
    changes: dict[str, Any], field: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        OrderIdentityConfig(**changes)
    assert caught.value.field == field


def test_the_longest_prefix_leaves_room_for_the_longest_id() -> None:
    config = OrderIdentityConfig(prefix="a" * 8, strategy_id="b" * 11)
    text = OrderIdMaker(config, frozenset(["X" * 40])).next_id(
        OrderIds("b" * 11), "X" * 40, 999, NOW
    )
    assert len(text) == 36


@pytest.mark.parametrize(("symbol", "fits"), [("ABCDEFGH", True), ("ABCDEFGHI", False)])
def test_the_first_version_is_refused_where_its_longest_id_does_not_fit(
    symbol: str, fits: bool
) -> None:
    # g_ a _ SYMBOL _999_ 13 digits _ 5 digits: 28 and the symbol
    config = OrderIdentityConfig(prefix="g_", strategy_id="a", identity_format_version=1)
    if not fits:
        with pytest.raises(ConfigError, match="37 characters"):
            OrderIdMaker(config, frozenset(["AB", symbol]))
        return
    maker = OrderIdMaker(config, frozenset(["AB", symbol]))
    longest = maker.next_id(
        OrderIds("a", V1_TS_LIMIT - 2, SEQ_LIMIT - 2), symbol, 999, V1_TS_LIMIT - 2
    )
    assert longest == f"g_a_{symbol}_999_{V1_TS_LIMIT - 2}_{SEQ_LIMIT - 1}"
    assert len(longest) == 36


@pytest.mark.parametrize(
    ("symbol", "level", "now", "strategy"),
    [
        ("ETHUSDT", 1, NOW, "default"),
        ("BTCUSDT", 1000, NOW, "default"),
        ("BTCUSDT", -1, NOW, "default"),
        ("BTCUSDT", 1, -1, "default"),
        ("BTCUSDT", 1, TS_LIMIT, "default"),
        ("BTCUSDT", 1, NOW, "other"),
    ],
)
def test_what_no_id_can_carry_is_refused_and_takes_no_id(
    symbol: str, level: int, now: int, strategy: str
) -> None:
    maker, ids = OrderIdMaker(OrderIdentityConfig(), frozenset(["BTCUSDT"])), OrderIds(strategy)
    with pytest.raises(ContractError):
        maker.next_id(ids, symbol, level, now)
    assert ids == OrderIds(strategy)


def test_symbols_of_no_grammar_are_refused() -> None:
    with pytest.raises(ContractError):
        OrderIdMaker(OrderIdentityConfig(), frozenset(["btc"]))
