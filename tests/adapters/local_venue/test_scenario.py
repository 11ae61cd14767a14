"""Scripted markets: what is written happens, at its time, and what cannot be is refused."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from textwrap import dedent

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from grinder_adapters.local_venue.markets import scenario
from grinder_adapters.local_venue.markets.scenario import Scenario, read_scenario
from grinder_adapters.local_venue.markets.venue_steps import (
    Deposit,
    FilterChange,
    StatusChange,
    VenueStep,
)
from grinder_core.contracts.event import Event
from grinder_core.contracts.market import (
    DepthDiff,
    Funding,
    L2Snapshot,
    MarkPrice,
    Snapshot,
    Trade,
)
from grinder_core.errors import ConfigError, FixtureError
from grinder_core.indicators.maintained_book import MaintainedBook
from grinder_core.venue.exchange.instrument import Instrument
from grinder_core.venue.exchange.vocabulary import SymbolStatus

D = Decimal
START = 1_735_689_600_000


def rules(symbol: str = "BTCUSDT") -> Instrument:
    """Ticks of 0.1, lots of 0.5."""
    return Instrument(
        symbol=symbol,
        base_asset="BTC",
        tick=D("0.1"),
        step=D("0.5"),
        min_qty=D("0.5"),
        max_qty=D(1000),
        market_step=D("0.5"),
        market_min_qty=D("0.5"),
        market_max_qty=D(100),
        min_notional=D(50),
    )


KNOWN = (rules("BTCUSDT"), rules("ETHUSDT"))
HEAD = """
duration = "10s"
[market.BTCUSDT]
start_price = "1000.0"
level_qty = "2.5"
"""


def scripted(folder: Path, steps: str = "", head: str = HEAD) -> Scenario:
    """A script of BTCUSDT at 1000 with 2.5 at each price."""
    path = folder / "script.toml"
    path.write_text(head + dedent(steps))
    return read_scenario(path, KNOWN)


def step(at: str, what: str, symbol: str = "BTCUSDT") -> str:
    """One step of a symbol."""
    return f'[[step]]\nat = "{at}"\nsymbol = "{symbol}"\n{what}\n'


def events_of(source: Scenario, symbol: str = "BTCUSDT") -> list[Event]:
    """The market events of one symbol."""
    return [
        item
        for item in source
        if isinstance(item, Event) and item.payload.symbol == symbol  # type: ignore[union-attr]
    ]


def quotes_of(source: Scenario) -> list[tuple[int, Decimal, Decimal]]:
    """Time after the start, bid and ask of each quote."""
    return [
        (event.ts_ms - START, event.payload.bid_price, event.payload.ask_price)
        for event in events_of(source)
        if isinstance(event.payload, Snapshot)
    ]


def kinds_of(source: Scenario) -> list[tuple[int, str]]:
    """Time after the start and kind of each event."""
    return [(event.ts_ms - START, event.kind) for event in events_of(source)]


# -- what is written happens -------------------------------------------------------------------


def test_the_grammar_of_the_documentation_is_read(tmp_path: Path) -> None:
    assert scenario.__doc__ is not None
    _, _, block = scenario.__doc__.partition(".. code-block:: toml\n")
    lines = [line for line in block.splitlines() if not line or line.startswith("    ")]
    path = tmp_path / "documented.toml"
    path.write_text(dedent("\n".join(lines)))
    source = read_scenario(path, KNOWN)
    steps = [item for item in source if isinstance(item, VenueStep)]
    assert steps == [
        StatusChange(ts_ms=START + 10_000, symbol="BTCUSDT", status=SymbolStatus.SETTLING),
        FilterChange(ts_ms=START + 10_000, symbol="BTCUSDT", filters={"min_notional": D(10)}),
        Deposit(ts_ms=START + 12_000, account="main", amount=D(-250)),
    ]
    last = events_of(source)[-1].payload
    assert isinstance(last, MarkPrice)
    # 1.5 % below 60000, and the mark 20 basis points above
    assert (last.index_price, last.mark_price) == (D("59100.0"), D("59218.2"))
    assert last.funding_rate == D("-0.0005")


def test_a_market_of_which_nothing_is_said_is_still(tmp_path: Path) -> None:
    source = scripted(tmp_path)
    assert kinds_of(source) == [
        (0, "L2_SNAPSHOT"),
        (0, "SNAPSHOT"),
        *((second * 1_000, "MARK_PRICE") for second in range(10)),
    ]
    book, quote, mark, *_ = [event.payload for event in events_of(source)]
    assert isinstance(book, L2Snapshot)
    # an odd spread lies half a tick below the mid
    assert [price for price, _ in book.bids[:3]] == [D("999.9"), D("999.8"), D("999.7")]
    assert [price for price, _ in book.asks[:2]] == [D("1000.0"), D("1000.1")]
    assert {qty for _, qty in book.bids + book.asks} == {D("2.5")}
    assert isinstance(quote, Snapshot)
    assert (quote.bid_price, quote.ask_qty, quote.last_price) == (D("999.9"), D("2.5"), D(0))
    assert isinstance(mark, MarkPrice)
    assert (mark.mark_price, mark.index_price, mark.funding_rate) == (D(1000), D(1000), D(0))
    assert mark.next_funding_ts == START + 28_800_000


def test_a_book_has_the_distances_and_the_spread_that_are_asked_for(tmp_path: Path) -> None:
    source = scripted(tmp_path, "spread_ticks = 4\nlevel_ticks = 10\n")
    whole = events_of(source)[0].payload
    assert isinstance(whole, L2Snapshot)
    assert [price for price, _ in whole.bids[:3]] == [D("999.8"), D("999.0"), D("998.0")]
    assert [price for price, _ in whole.asks[:3]] == [D("1000.2"), D("1001.0"), D("1002.0")]


def test_a_move_goes_straight_to_its_end(tmp_path: Path) -> None:
    source = scripted(tmp_path, step("950ms", 'move_bps = -100\nover = "500ms"'))
    assert quotes_of(source) == [
        (0, D("999.9"), D("1000.0")),
        (1_000, D("998.9"), D("999.0")),  # a tenth of the way, half a tick below
        (1_100, D("996.9"), D("997.0")),
        (1_200, D("994.9"), D("995.0")),
        (1_300, D("992.9"), D("993.0")),
        (1_400, D("990.9"), D("991.0")),
        (1_500, D("989.9"), D("990.0")),
    ]


def test_a_move_without_a_time_is_a_jump_from_where_the_price_is(tmp_path: Path) -> None:
    steps = (
        step("1s", 'move_bps = 1000\nover = "2s"')
        + step("2s", "move_bps = -500")
        + step("3050ms", "spread_ticks = 20")
    )
    source = scripted(tmp_path, steps)
    found = {ts: (bid, ask) for ts, bid, ask in quotes_of(source)}
    assert found[1_900] == (D("1044.9"), D("1045.0"))
    assert found[2_000] == (D("997.4"), D("997.5"))  # 95 % of 1050
    assert found[3_050] == (D("996.5"), D("998.5"))
    assert max(found) == 3_050


def test_a_print_takes_level_by_level(tmp_path: Path) -> None:
    source = scripted(tmp_path, step("1050ms", 'print = {side = "SELL", qty = "6"}'))
    shown = [
        (event.ts_ms - START, event.payload)
        for event in events_of(source)
        if 1_000 < event.ts_ms - START <= 1_200
    ]
    prints = [payload for _, payload in shown if isinstance(payload, Trade)]
    assert [(p.trade_id, p.price, p.qty, p.is_buyer_maker) for p in prints] == [
        (1, D("999.9"), D("2.5"), True),
        (2, D("999.8"), D("2.5"), True),
        (3, D("999.7"), D("1.0"), True),
    ]
    quotes = [(ts, payload) for ts, payload in shown if isinstance(payload, Snapshot)]
    (hit_at, hit), (back_at, back) = quotes
    assert (hit_at, hit.bid_price, hit.bid_qty) == (1_050, D("999.7"), D("1.5"))
    assert (hit.ask_price, hit.last_price, hit.last_qty) == (D("1000.0"), D("999.7"), D("1.0"))
    assert (back_at, back.bid_price, back.bid_qty) == (1_100, D("999.9"), D("2.5"))
    (change,) = [payload for _, payload in shown if isinstance(payload, DepthDiff)]
    assert change.ts == START + 1_100
    assert change.bids[:3] == (
        (D("999.9"), D("2.5")),
        (D("999.8"), D("2.5")),
        (D("999.7"), D("1.5")),
    )


def test_a_gap_loses_changes_and_ends_with_a_whole_book(tmp_path: Path) -> None:
    steps = (
        step("1s", "move_bps = 10")
        + step("2010ms", 'gap = "1500ms"\nmove_bps = -100\nprint = {side = "BUY", qty = "1"}')
        + step("4s", "move_bps = 50")
    )
    source = scripted(tmp_path, steps)
    shown = [entry for entry in kinds_of(source) if 1_000 < entry[0] <= 4_100]
    assert shown == [
        (1_100, "DEPTH_DIFF"),
        (2_000, "MARK_PRICE"),
        (3_600, "L2_SNAPSHOT"),
        (3_600, "SNAPSHOT"),
        (4_000, "MARK_PRICE"),
        (4_000, "SNAPSHOT"),
        (4_100, "DEPTH_DIFF"),
    ]
    diffs = [event for event in events_of(source) if isinstance(event.payload, DepthDiff)]
    assert diffs[0].update_id is not None
    assert diffs[1].payload.prev_update_id != diffs[0].update_id  # type: ignore[union-attr]
    wholes = [event for event in events_of(source) if isinstance(event.payload, L2Snapshot)]
    assert diffs[1].payload.prev_update_id == wholes[-1].update_id  # type: ignore[union-attr]
    bids = wholes[-1].payload.bids  # type: ignore[union-attr]
    assert bids[0] == (D("990.9"), D("2.5"))


def test_a_settlement_is_paid_at_the_boundary_also_within_a_gap(tmp_path: Path) -> None:
    head = f'funding_interval = "2s"\nstart_ms = {START}\n{HEAD}funding_rate = "0.0003"\n'
    steps = step("2500ms", 'funding_rate = "-0.002"') + step("3500ms", 'gap = "1s"')
    source = scripted(tmp_path, steps, head)
    paid = [
        (event.ts_ms - START, event.payload.rate)
        for event in events_of(source)
        if isinstance(event.payload, Funding)
    ]
    assert paid == [
        (2_000, D("0.0003")),
        (4_000, D("-0.002")),
        (6_000, D("-0.002")),
        (8_000, D("-0.002")),
    ]
    told = {
        event.ts_ms - START: (event.payload.funding_rate, event.payload.next_funding_ts - START)  # type: ignore[operator]
        for event in events_of(source)
        if isinstance(event.payload, MarkPrice)
    }
    assert told[2_000] == (D("0.0003"), 4_000)
    assert told[3_000] == (D("-0.002"), 4_000)
    assert 4_000 not in told
    assert told[5_000] == (D("-0.002"), 6_000)


def test_the_venue_is_changed_before_the_market_moves(tmp_path: Path) -> None:
    steps = (
        step("1050ms", "move_bps = 10")
        + step("1050ms", 'status = "CLOSE"\nset_filter = {tick = "0.5", max_orders = 5}')
        + '[[step]]\nat = "1050ms"\ndeposit = {account = "a", amount = "7.5"}\n'
    )
    at_once = [
        item.kind if isinstance(item, Event) else type(item).__name__
        for item in scripted(tmp_path, steps)
        if (item.ts_ms - START) == 1_050
    ]
    assert at_once == ["StatusChange", "FilterChange", "Deposit", "SNAPSHOT"]


def test_changes_of_the_venue_are_applied_to_rules() -> None:
    closed = StatusChange(ts_ms=0, symbol="BTCUSDT", status=SymbolStatus.CLOSE)
    assert closed.applied_to(rules()).status is SymbolStatus.CLOSE
    changed = FilterChange(ts_ms=0, symbol="BTCUSDT", filters={"tick": D("0.5"), "max_orders": 5})
    after = changed.applied_to(rules())
    assert (after.tick, after.max_orders, after.step) == (D("0.5"), 5, D("0.5"))


def test_markets_go_their_own_ways(tmp_path: Path) -> None:
    head = HEAD + '[market.ETHUSDT]\nstart_price = "50.0"\nlevel_qty = "1"\n'
    source = scripted(tmp_path, step("1s", "move_bps = 100", "ETHUSDT"), head)
    assert len(quotes_of(source)) == 1
    assert [event.kind for event in events_of(source, "ETHUSDT")].count("SNAPSHOT") == 2
    numbers = [item.seq for item in source if isinstance(item, Event)]
    assert numbers == list(range(len(numbers)))


@pytest.mark.parametrize("move_bps", [-9_999, 90_000])
@pytest.mark.parametrize("side", ["BUY", "SELL"])
def test_a_market_never_leaves_the_range_of_its_prices(
    tmp_path: Path, move_bps: int, side: str
) -> None:
    path = tmp_path / "script.toml"
    steps = (
        step("1s", f'move_bps = {move_bps}\nspread_ticks = 60\nover = "300ms"')
        + step("2s", f'print = {{side = "{side}", qty = "1000"}}')
        + step("3s", f"mark_offset_bps = {move_bps}")
    )
    path.write_text(HEAD + steps)
    bounded = evolve(rules(), min_price=D("990.0"), max_price=D("1010.0"))
    for event in events_of(read_scenario(path, [bounded])):
        payload = event.payload
        prices: list[Decimal] = []
        match payload:
            case Snapshot():
                prices = [payload.bid_price, payload.ask_price]
            case L2Snapshot() | DepthDiff():
                prices = [price for price, _ in payload.bids + payload.asks]
            case MarkPrice():
                prices = [payload.mark_price]
            case Trade():
                prices = [payload.price]
        assert [bounded.check_price(price) for price in prices] == [None] * len(prices)
        if isinstance(payload, Snapshot):
            assert payload.bid_price < payload.ask_price


# -- whatever is written -----------------------------------------------------------------------

ACTIONS = st.one_of(
    st.integers(-400, 400).map("move_bps = {}".format),
    st.tuples(st.integers(-3_000, 9_000), st.integers(0, 2_000)).map(
        lambda pair: f'move_bps = {pair[0]}\nover = "{pair[1]}ms"'
    ),
    st.integers(1, 80).map("spread_ticks = {}".format),
    st.tuples(st.sampled_from(["BUY", "SELL"]), st.integers(1, 60)).map(
        lambda pair: f'print = {{side = "{pair[0]}", qty = "{Decimal(pair[1]) / 2}"}}'
    ),
    st.integers(-200, 200).map("mark_offset_bps = {}".format),
    st.integers(1, 900).map('gap = "{}ms"'.format),
)
SCRIPTS = st.lists(st.tuples(st.integers(0, 4_999), ACTIONS), max_size=12).map(sorted)


@given(SCRIPTS, st.integers(1, 7), st.integers(1, 5))
@settings(max_examples=60)
def test_any_script_tells_of_a_sound_market(
    tmp_path_factory: pytest.TempPathFactory,
    script: Sequence[tuple[int, str]],
    gap: int,
    spread: int,
) -> None:
    head = HEAD.replace('"10s"', '"5s"') + f"level_ticks = {gap}\nspread_ticks = {spread}\n"
    steps = "".join(step(f"{at}ms", action) for at, action in script)
    source = scripted(tmp_path_factory.mktemp("any"), steps, head)
    has_gap = "gap =" in steps
    events = events_of(source)
    assert events == events_of(source)
    times = [event.ts_ms for event in events]
    assert times == sorted(times)
    book = MaintainedBook("BTCUSDT")
    quote: Snapshot | None = None
    for event, after in zip(events, [*events[1:], None], strict=True):
        match event.payload:
            case Snapshot() as quote:
                assert quote.bid_price % D("0.1") == quote.ask_price % D("0.1") == 0
                assert quote.bid_price < quote.ask_price
            case L2Snapshot() as whole:
                book.on_snapshot(whole, event.update_id)
            case DepthDiff() as diff:
                assert book.on_diff(diff)
                if after is None or not isinstance(after.payload, L2Snapshot):
                    assert quote is not None
                    bid, ask = (quote.bid_price, quote.bid_qty), (quote.ask_price, quote.ask_qty)
                    assert book.top(1) == ((bid,), (ask,))
        assert (book.is_synced, book.gaps, book.crossings) == (True, 0, 0)
    diffs = [event.payload for event in events if isinstance(event.payload, DepthDiff)]
    told = [diff.last_update_id for diff in diffs[:-1]]
    if not has_gap:
        assert [diff.prev_update_id for diff in diffs[1:]] == told


# -- what cannot be ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("steps", "where", "field", "rule"),
    [
        (step("10s", "move_bps = 1"), "step 1", "at", "before the end"),
        (step("5", "move_bps = 1"), "step 1", "at", "a time like"),
        (step("2s", "move_bps = 1") + step("1s", "move_bps = 1"), "step 2", "at", "step above"),
        (step("1s", ""), "step 1", "", "does nothing"),
        (step("1s", 'over = "1s"'), "step 1", "", "does nothing"),
        (step("1s", 'spread_ticks = 2\nover = "1s"'), "step 1", "over", "is for move_bps"),
        (step("1s", "move_bps = 1", "ETHUSDT"), "step 1", "symbol", "must be one of BTCUSDT"),
        (step("1s", "move_bps = 1.5"), "step 1", "move_bps", "must be an integer"),
        (step("1s", "move_bps = -10000"), "step 1", "move_bps", "at least -9999"),
        (step("1s", "move_pbs = 1"), "step 1", "move_pbs", "did you mean move_bps"),
        (step("1s", "spread_ticks = 0"), "step 1", "spread_ticks", "at least 1"),
        (step("1s", 'gap = "0s"'), "step 1", "gap", "at least 1"),
        (step("1s", "print = 3"), "step 1", "print", "must be a table"),
        (step("1s", 'print = {side = "SELL"}'), "step 1: print", "qty", "is missing"),
        (step("1s", 'print = {side = "UP", qty = "1"}'), "print", "side", "one of BUY, SELL"),
        (step("1s", 'print = {side = "BUY", qty = "0.7"}'), "print", "qty", "multiple of 0.5"),
        (step("1s", 'print = {side = "BUY", qty = "0"}'), "print", "qty", "at least 0.5"),
        (step("1s", 'print = {side = "BUY", qty = 1}'), "print", "qty", "decimal string"),
        (step("1s", 'print = {side = "BUY", qty = "1", by = 1}'), "print", "by", "no key here"),
        (step("1s", 'status = "OPEN"'), "step 1", "status", "must be one of PENDING_TRADING"),
        (step("1s", 'set_filter = {tickk = "1"}'), "set_filter", "tickk", "did you mean tick"),
        (step("1s", 'set_filter = {tick = "0"}'), "step 1", "set_filter", "must be > 0"),
        (step("1s", 'set_filter = {min_qty = "-1"}'), "set_filter", "min_qty", "at least 0"),
        (step("1s", 'set_filter = {max_orders = "5"}'), "set_filter", "max_orders", "an integer"),
        (step("1s", 'funding_rate = "1"'), "step 1", "funding_rate", "a fraction in (-1, 1)"),
        (step("1s", 'funding_rate = "0.000000001"'), "step 1", "funding_rate", "8 digits"),
        ('[[step]]\nat = "1s"\nmove_bps = 1\n', "step 1", "symbol", "is missing"),
        ('[[step]]\nsymbol = "BTCUSDT"\nmove_bps = 1\n', "step 1", "at", "is missing"),
        ('[[step]]\nat = "1s"\ndeposit = {amount = "1"}\n', "deposit", "account", "is missing"),
        ("step = 3\n", "market.BTCUSDT", "step", "no key here"),
        ("start_price = 5\n", "", "", "is no TOML"),
        ("level_ticks = 0\n", "market.BTCUSDT", "level_ticks", "at least 1"),
        ("[market.BNBUSDT]\n", "", "market", "no instrument of the venue"),
        ("[other]\n", "script.toml", "other", "no key here"),
    ],
)
def test_a_bad_script_is_refused_by_file_step_field_and_rule(
    tmp_path: Path, steps: str, where: str, field: str, rule: str
) -> None:
    with pytest.raises(FixtureError) as refused:
        scripted(tmp_path, steps)
    assert refused.value.where.startswith(str(tmp_path / "script.toml"))
    assert refused.value.where.endswith(where)
    assert refused.value.field == field
    assert rule in str(refused.value)


@pytest.mark.parametrize(
    ("head", "field", "rule"),
    [
        (HEAD.replace('duration = "10s"', ""), "duration", "is missing"),
        (HEAD.replace('"10s"', '"0s"'), "duration", "at least 1"),
        (HEAD.replace('"1000.0"', '"1000.05"'), "start_price", "multiple of 0.1"),
        (HEAD.replace('"1000.0"', '"2.5"'), "start_price", "25 ticks inside"),
        (HEAD.replace('"2.5"', '"2.6"'), "level_qty", "multiple of 0.5"),
        ('funding_interval = "1500ms"\n' + HEAD, "funding_interval", "whole seconds"),
        ('funding_interval = "0s"\n' + HEAD, "funding_interval", "at least 1000"),
        ("start_ms = -1\n" + HEAD, "start_ms", "at least 0"),
        ('duration = "1s"\n', "market", "is missing"),
        ('duration = "1s"\nmarket = 1\n', "market", "at least one table"),
        ('duration = "1s"\nmarket = {BTCUSDT = 1}\n', "market.BTCUSDT", "must be a table"),
        ("step = [1]\n" + HEAD, "step", "[[...]] tables"),
    ],
)
def test_a_bad_head_is_refused(tmp_path: Path, head: str, field: str, rule: str) -> None:
    with pytest.raises(FixtureError) as refused:
        scripted(tmp_path, "", head)
    assert refused.value.where.startswith(str(tmp_path / "script.toml"))
    assert refused.value.field == field
    assert rule in str(refused.value)


def test_what_is_no_script_at_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FixtureError, match="cannot be read"):
        read_scenario(tmp_path / "absent.toml", KNOWN)
    (tmp_path / "script.toml").write_bytes(b"\xff")
    with pytest.raises(FixtureError, match="is no TOML"):
        read_scenario(tmp_path / "script.toml", KNOWN)
    (tmp_path / "script.toml").write_text(HEAD)
    odd = evolve(rules(), tick=D("0.000000001"))
    with pytest.raises(ConfigError, match="at most 8 fractional digits"):
        read_scenario(tmp_path / "script.toml", [odd])
