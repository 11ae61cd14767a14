"""The made-up market: a sound book, true quotes, prices that may be, and the same each time."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from decimal import ROUND_UP, Decimal, localcontext
from itertools import islice, pairwise
from statistics import fmean

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from grinder_adapters.local_venue.markets.generator import (
    GeneratedMarket,
    GeneratedSymbol,
    GeneratorSettings,
)
from grinder_adapters.local_venue.markets.ladder import Ladder
from grinder_adapters.local_venue.markets.regimes import PricePath, Regime
from grinder_adapters.local_venue.markets.tape import LEVELS
from grinder_core.codec import ListDigest, canonical_json
from grinder_core.contracts.event import Event, market_line
from grinder_core.contracts.market import (
    DepthDiff,
    Funding,
    L2Snapshot,
    MarkPrice,
    Snapshot,
    Trade,
)
from grinder_core.errors import ConfigError
from grinder_core.indicators.maintained_book import MaintainedBook
from grinder_core.venue.exchange.instrument import Instrument

D = Decimal
HOURS_8 = 28_800_000
START = 60_000 * HOURS_8


def rules(
    symbol: str = "AAAUSDT", tick: str = "0.1", step: str = "0.001", **more: str
) -> Instrument:
    """A symbol whose orders may be of one step or more."""
    values = {"min_qty": step, "max_qty": "0", **more}
    return Instrument(
        symbol=symbol,
        base_asset="AAA",
        tick=D(tick),
        step=D(step),
        market_step=D(step),
        market_min_qty=D(step),
        market_max_qty=D(1000),
        **{name: D(value) for name, value in values.items()},
    )


def market(
    instruments: Sequence[Instrument] = (),
    *,
    price: str = "1000",
    volatility_bps: int = 5,
    events_per_s: int = 60,
    **more: int,
) -> GeneratedMarket:
    """Markets that all begin at one price."""
    instruments = instruments or [rules()]
    what = GeneratedSymbol(
        start_price=D(price), volatility_bps=volatility_bps, events_per_s=events_per_s
    )
    symbols = {instrument.symbol: what for instrument in instruments}
    values = {"start_ms": START, "duration_ms": 3_000, **more}
    return GeneratedMarket(GeneratorSettings(symbols=symbols, **values), instruments)


@st.composite
def markets(draw: st.DrawFn) -> GeneratedMarket:
    """Any sound market of some seconds, often across a settlement."""
    instruments, symbols = [], {}
    for name in draw(st.sampled_from([("AAAUSDT",), ("AAAUSDT", "BBBUSDT")])):
        tick = D(draw(st.sampled_from(["0.1", "0.00001", "0.05", "2", "0.0025"])))
        step = D(draw(st.sampled_from(["0.001", "1", "0.5", "20"])))
        mid = draw(st.integers(60, 10**5))
        least = draw(st.integers(1, 30))
        low, high = draw(st.sampled_from([(0, 0), (mid - 25, mid + 25), (mid // 3, 3 * mid)]))
        instruments.append(
            rules(
                name,
                str(tick),
                str(step),
                min_qty=str(step * least),
                max_qty=str(step * draw(st.sampled_from([0, least, 5 * least, 10**6]))),
                min_price=str(tick * low),
                max_price=str(tick * high),
            )
        )
        symbols[name] = GeneratedSymbol(
            start_price=tick * mid,
            volatility_bps=draw(st.sampled_from([0, 5, 500])),
            events_per_s=draw(st.sampled_from([20, 60, 300])),
            level_notional=D(draw(st.sampled_from(["0.01", "5000", "1000000"]))),
        )
    return GeneratedMarket(
        GeneratorSettings(
            seed=draw(st.integers(0, 2**64)),
            start_ms=START - draw(st.integers(0, 3_000)),
            duration_ms=draw(st.integers(1, 3_000)),
            symbols=symbols,
        ),
        instruments,
    )


def of(events: Iterable[Event], symbol: str = "AAAUSDT") -> list[Event]:
    """The events of one symbol."""
    return [event for event in events if event.payload.symbol == symbol]  # type: ignore[union-attr]


def digest(events: Iterable[Event]) -> str:
    """Of the canonical lines."""
    lines = ListDigest()
    for event in events:
        lines.add(canonical_json([event.ts_ms, event.seq, market_line(event)]).encode())
    return lines.hexdigest()


def top_of(book: dict[Decimal, Decimal], *, is_bid: bool) -> tuple[Decimal, Decimal]:
    """The best level of one side of a plain book."""
    price = max(book) if is_bid else min(book)
    return price, book[price]


# -- one stream --------------------------------------------------------------------------------


@given(markets())
@settings(max_examples=40)
def test_time_never_goes_back_and_lies_within_the_duration(source: GeneratedMarket) -> None:
    begin = source.settings.start_ms
    events = list(source)
    times = [event.ts_ms for event in events]
    assert times == sorted(times)
    assert times[0] == begin
    assert times[-1] < begin + source.settings.duration_ms
    assert [event.seq for event in events] == list(range(len(events)))
    assert all(event.ts_ms == event.payload.ts for event in events)  # type: ignore[union-attr]
    assert all(event.ts_recv_ms is None for event in events)


@given(markets())
@settings(max_examples=60)
def test_every_price_and_quantity_passes_the_filters(source: GeneratedMarket) -> None:
    known = {instrument.symbol: instrument for instrument in source.instruments}
    for event in source:
        payload = event.payload
        assert evolve(payload) == payload  # the contract's own checks
        prices: list[Decimal] = []
        qtys: list[Decimal] = []
        match payload:
            case Snapshot():
                prices = [payload.bid_price, payload.ask_price]
                qtys = [payload.bid_qty, payload.ask_qty]
                assert payload.bid_price < payload.ask_price
            case L2Snapshot() | DepthDiff():
                levels = payload.bids + payload.asks
                prices = [price for price, _ in levels]
                qtys = [qty for _, qty in levels if qty]
            case Trade():
                prices, qtys = [payload.price], [payload.qty]
            case MarkPrice():
                assert payload.index_price is not None
                prices = [payload.mark_price, payload.index_price]
        rule = known[payload.symbol]  # type: ignore[union-attr]
        assert [rule.check_price(price) for price in prices] == [None] * len(prices)
        assert [rule.check_qty(qty, at_market=False) for qty in qtys] == [None] * len(qtys)


@given(markets())
@settings(max_examples=60)
def test_the_changes_of_the_book_give_the_top_of_the_quotes(source: GeneratedMarket) -> None:
    for symbol in source.settings.symbols:
        book, kept = MaintainedBook(symbol), ({}, {})
        quote, quote_id = None, 0
        for event in of(source, symbol):
            match event.payload:
                case L2Snapshot() as whole:
                    book.on_snapshot(whole, event.update_id)
                    kept = dict(whole.bids), dict(whole.asks)
                case Snapshot():
                    assert event.update_id is not None
                    assert event.update_id > quote_id
                    quote, quote_id = event.payload, event.update_id
                case DepthDiff() as diff:
                    assert book.on_diff(diff)
                    for side, levels in zip(kept, (diff.bids, diff.asks), strict=True):
                        side.update(levels)
                        for price in [price for price, qty in side.items() if not qty]:
                            del side[price]
                    assert quote is not None
                    assert quote_id <= diff.last_update_id
                    bid, ask = (quote.bid_price, quote.bid_qty), (quote.ask_price, quote.ask_qty)
                    assert (top_of(kept[0], is_bid=True), top_of(kept[1], is_bid=False)) == (
                        bid,
                        ask,
                    )
                    assert book.top(1) == ((bid,), (ask,))
                case Trade() | MarkPrice() | Funding():
                    continue
            assert (book.is_synced, book.gaps, book.crossings) == (True, 0, 0)


@given(markets())
@settings(max_examples=40)
def test_each_change_follows_the_one_before_every_100_ms(source: GeneratedMarket) -> None:
    begin, end = source.settings.start_ms, source.settings.start_ms + source.settings.duration_ms
    for symbol in source.settings.symbols:
        first, *rest = of(source, symbol)
        assert isinstance(first.payload, L2Snapshot)
        last_id, times = first.update_id, []
        for event in rest:
            match event.payload:
                case DepthDiff() as diff:
                    assert diff.prev_update_id == last_id
                    assert last_id < diff.first_update_id <= diff.last_update_id
                    last_id = event.update_id
                    assert last_id == diff.last_update_id
                    times.append(event.ts_ms)
                case L2Snapshot():
                    assert event.update_id == last_id
                case Snapshot():
                    assert event.update_id > last_id
                case _:
                    assert event.update_id is None
        assert times == [ts for ts in range(begin + 1, end) if ts % 100 == 0]


@given(markets())
@settings(max_examples=40)
def test_prints_take_from_the_touch(source: GeneratedMarket) -> None:
    for symbol in source.settings.symbols:
        quote: Snapshot | None = None
        burst: list[Trade] = []
        trade_id = 0
        for event in of(source, symbol):
            match event.payload:
                case Trade() as trade:
                    trade_id += 1
                    assert trade.trade_id == trade_id
                    burst.append(trade)
                case Snapshot() as after:
                    if burst:
                        assert quote is not None
                        _check_burst(burst, quote, after)
                    quote, burst = after, []
                case _:
                    assert not burst


def _check_burst(burst: list[Trade], before: Snapshot, after: Snapshot) -> None:
    sells = burst[0].is_buyer_maker
    assert {trade.is_buyer_maker for trade in burst} == {sells}
    price, qty = (before.bid_price, before.bid_qty) if sells else (before.ask_price, before.ask_qty)
    assert burst[0].price == price
    assert burst[0].qty <= qty
    for first, second in pairwise(burst):
        assert (second.price < first.price) is sells
        assert second.price != first.price
    if len(burst) > 1:
        assert burst[0].qty == qty
    assert (after.last_price, after.last_qty) == (burst[-1].price, burst[-1].qty)
    if len(burst) == 1 and burst[0].qty < qty:
        left = after.bid_qty if sells else after.ask_qty
        assert left == qty - burst[0].qty


@given(markets(), st.sampled_from([1, 8]))
@settings(max_examples=40)
def test_marks_come_each_second_and_settlements_at_their_announced_rate(
    source: GeneratedMarket, hours: int
) -> None:
    interval = hours * 3_600_000
    source = evolve(source, settings=evolve(source.settings, funding_interval_hours=hours))
    begin, end = source.settings.start_ms, source.settings.start_ms + source.settings.duration_ms
    for symbol in source.settings.symbols:
        mark: MarkPrice | None = None
        marks, paid = [], []
        for event in of(source, symbol):
            match event.payload:
                case MarkPrice():
                    mark = event.payload
                    marks.append(event.ts_ms)
                    assert mark.next_funding_ts == (event.ts_ms // interval + 1) * interval
                case Funding() as funding:
                    assert mark is not None
                    assert (event.ts_ms, funding.rate) == (mark.next_funding_ts, mark.funding_rate)
                    paid.append(event.ts_ms)
        assert marks == [begin, *(ts for ts in range(begin + 1, end) if ts % 1_000 == 0)]
        assert paid == [ts for ts in range(begin + 1, end) if ts % interval == 0]


def test_a_settlement_comes_before_what_else_happens_at_its_time() -> None:
    events = [e for e in market(start_ms=START - 500) if e.ts_ms == START]
    assert [event.kind for event in events][:3] == ["FUNDING", "DEPTH_DIFF", "MARK_PRICE"]


def test_rates_differ_from_settlement_to_settlement() -> None:
    near = [
        event
        for boundary in range(START, START + 8 * HOURS_8, HOURS_8)
        for event in market(start_ms=boundary - 150, duration_ms=200)
    ]
    paid = {event.payload.rate for event in near if isinstance(event.payload, Funding)}
    told = [
        event.payload.funding_rate
        for event in near
        if isinstance(event.payload, MarkPrice) and event.ts_ms % HOURS_8 == 0
    ]
    assert paid == {D("0.0001")}  # the venue's usual rate, before the first settlement
    assert len(set(told)) == 8
    assert max(abs(rate) for rate in told if rate is not None) <= D("0.00075")


# -- what it is like ---------------------------------------------------------------------------


@pytest.mark.parametrize("events_per_s", [20, 77, 400])
def test_there_are_as_many_events_as_asked_for(events_per_s: int) -> None:
    count = sum(1 for _ in market(events_per_s=events_per_s, duration_ms=20_000))
    assert abs(count - 20 * events_per_s) <= events_per_s // 10 + 12


def test_both_sides_are_hit_and_some_prints_go_through() -> None:
    trades = [
        e.payload
        for e in market(events_per_s=200, duration_ms=20_000)
        if isinstance(e.payload, Trade)
    ]
    sold = sum(trade.is_buyer_maker for trade in trades)
    assert 0.4 < sold / len(trades) < 0.6
    through = sum(a.ts == b.ts and a.price != b.price for a, b in pairwise(trades))
    assert 0 < through < len(trades) // 5


def test_a_price_without_volatility_stays_where_it_is() -> None:
    for event in market(volatility_bps=0, duration_ms=30_000):
        if isinstance(event.payload, Snapshot):
            assert event.payload.bid_price <= D(1000) <= event.payload.ask_price
        if isinstance(event.payload, MarkPrice):
            assert event.payload.mark_price == D(1000)


def test_spreads_widen_for_a_while() -> None:
    source = market(events_per_s=20, duration_ms=600_000)
    spreads = [e.payload.spread_bps for e in source if isinstance(e.payload, Snapshot)]
    wide = [spread >= 35 for spread in spreads]
    assert 0 < sum(wide) < len(wide) // 20
    assert 0 < sum(not a and b for a, b in pairwise(wide)) < sum(wide)
    assert max(spreads) < 60


def _path(volatility_bps: int, seed: int = 1, mid: int = 10**12) -> PricePath:
    return PricePath(
        seeds=(seed, seed + 1, seed + 2),
        start=10**12,
        low=5 * 10**11,
        high=2 * 10**12,
        volatility_bps=volatility_bps,
        mid=mid,
    )


def test_regimes_differ_in_what_the_price_does() -> None:
    steps: dict[Regime, list[int]] = {regime: [] for regime in Regime}
    drifts: dict[int, list[int]] = {-1: [], 1: []}
    path, spans = _path(20), []
    for slot in range(60_000):
        before, until = path.mid, path.until_ms
        path.advance(START + slot * 100)
        moved = (path.mid - before) * 10**9 // before
        steps[path.regime].append(moved)
        if path.until_ms != until:
            spans.append(path.until_ms - (START + slot * 100))
        if path.regime is Regime.TRENDING:
            drifts[path.direction].append(moved)
        else:
            assert path.direction == 0
    assert 20_000 <= min(spans) < 40_000
    assert 100_000 < max(spans) < 120_000
    sizes = {regime: fmean(map(abs, moved)) for regime, moved in steps.items()}
    assert sizes[Regime.VOLATILE] / sizes[Regime.CALM] == pytest.approx(4, rel=0.1)
    # the mean of a normal step is 0.8 deviations, and 600 slots make a minute
    assert sizes[Regime.CALM] == pytest.approx(20 * 10**5 * 0.798 / 600**0.5, rel=0.05)
    for direction, moved in drifts.items():
        assert fmean(moved) == pytest.approx(direction * 2 * 20 * 10**5 / 600, rel=0.5)


@given(st.integers(0, 2**64 - 1), st.sampled_from([10**12 * 6 // 10, 10**12 * 3 // 2]))
@settings(max_examples=25)
def test_trends_far_from_the_start_lead_home(seed: int, mid: int) -> None:
    path = _path(0, seed, mid)
    for slot in range(0, 600_000, 30_000):
        path.advance(START + slot)
        assert path.direction in {0, 1 if mid < 10**12 else -1}


@given(st.integers(0, 2**64 - 1))
@settings(max_examples=10)
def test_a_wild_market_stays_within_its_range_and_its_book_is_kept(seed: int) -> None:
    source = market(volatility_bps=500, duration_ms=60_000, events_per_s=20, seed=seed)
    book, retold = MaintainedBook("AAAUSDT"), 0
    for event in source:
        match event.payload:
            case L2Snapshot() as whole:
                book.on_snapshot(whole, event.update_id)
                retold += 1
            case DepthDiff() as diff:
                assert book.on_diff(diff)
                bids, asks = book.top(2 * LEVELS)
                assert LEVELS // 8 < len(bids) <= 2 * LEVELS
                assert LEVELS // 8 < len(asks) <= 2 * LEVELS
            case Snapshot() as quote:
                assert 490 < quote.bid_price < 2_010
    assert retold < 30


# -- the same each time ------------------------------------------------------------------------

LONG = {"duration_ms": 5_000, "seed": 7}
PAIR = (rules("AAAUSDT"), rules("BBBUSDT", "0.01", "0.5", min_qty="2"))


def test_every_pass_and_every_context_gives_the_same_events() -> None:
    source = market(PAIR, **LONG)
    first = digest(source)
    with localcontext(prec=2, rounding=ROUND_UP):
        again = list(source)
    assert digest(again) == first
    assert digest(market(PAIR, **LONG)) == first
    assert digest(market(PAIR, **{**LONG, "seed": 8})) != first


def test_another_process_makes_the_same_bytes() -> None:
    script = (
        "import importlib.util as u, sys\n"
        f"spec = u.spec_from_file_location('made', {__file__!r})\n"
        "made = u.module_from_spec(spec)\n"
        "spec.loader.exec_module(made)\n"
        "print(made.digest(made.market(made.PAIR, **made.LONG)))\n"
    )
    hostile = {**os.environ, "PYTHONHASHSEED": "4242", "LC_ALL": "tr_TR.UTF-8"}
    hostile["PYTHONPATH"] = os.pathsep.join(sys.path)
    done = subprocess.run(
        [sys.executable, "-c", script], env=hostile, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == digest(market(PAIR, **LONG))


def test_symbols_do_not_know_of_each_other() -> None:
    alone = [(e.ts_ms, e.payload) for e in market(PAIR[:1], **LONG)]
    assert [(e.ts_ms, e.payload) for e in of(market(PAIR, **LONG))] == alone


def test_a_market_without_end_begins_like_one_with() -> None:
    bounded = list(market(duration_ms=2_000))
    endless = market(duration_ms=0)
    assert list(islice(endless, len(bounded))) == bounded
    assert endless.name == "generated (seed 0): AAAUSDT"


# -- what cannot be ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "price", "field"),
    [
        (rules(), "1000.05", "AAAUSDT.start_price"),
        (rules(min_price="997.6"), "1000", "AAAUSDT.start_price"),
        (rules(max_price="1002.4"), "1000", "AAAUSDT.start_price"),
        (rules(min_price="0.05"), "1000", "AAAUSDT.min_price"),
        (rules(min_qty="0.0015"), "1000", "AAAUSDT.min_qty"),
        (rules(min_qty="2", max_qty="1"), "1000", "AAAUSDT.max_qty"),
        (evolve(rules(), price_precision=0), "1000", "AAAUSDT.tick"),
        (evolve(rules(), qty_precision=2), "1000", "AAAUSDT.step"),
        (rules(tick="0.000000001"), "1000", "AAAUSDT.tick"),
    ],
)
def test_rules_that_fit_no_book_are_refused(rule: Instrument, price: str, field: str) -> None:
    with pytest.raises(ConfigError) as refused:
        market([rule], price=price)
    assert refused.value.field == field


def test_markets_that_are_none_are_refused() -> None:
    with pytest.raises(ConfigError, match="at least one symbol"):
        GeneratedMarket(GeneratorSettings(), [rules()])
    known = GeneratorSettings(symbols={"BBBUSDT": GeneratedSymbol(start_price=D(1000))})
    with pytest.raises(ConfigError, match=r"BBBUSDT.*no instrument of the venue"):
        GeneratedMarket(known, [rules()])
    with pytest.raises(ConfigError, match="start_price"):
        GeneratedSymbol(start_price=D(0))


# -- one side of a book ------------------------------------------------------------------------


@given(
    st.integers(1, 7),
    st.integers(1, 5),
    st.integers(-60, 40),
    st.lists(st.tuples(st.sampled_from("mtr"), st.integers(-70, 90)), max_size=25),
)
def test_a_side_has_its_best_price_and_every_gap_behind(
    gap: int, least: int, best: int, moves: list[tuple[str, int]]
) -> None:
    sizes = iter(range(least, 10**6))
    side = Ladder(best, gap, 10 * gap, -80, least, lambda: next(sizes))
    mirror: dict[int, int] = {}
    for move, value in [("r", 0), *moves]:
        if move == "m":
            side.move_to(max(value, -80))
        elif move == "r":
            side.renew_behind(abs(value))
        else:
            before, start = dict(side.levels), side.best
            taken = side.take(abs(value))
            assert sum(lots for _, lots in taken) <= abs(value) + least - 1
            assert all(lots >= least for _, lots in taken)
            keys = [key for key, _ in taken]
            assert (
                keys
                == [key for key in range(start, -81, -1) if key == start or key % gap == 0][
                    : len(keys)
                ]
            )
            assert [lots for _, lots in taken[:-1]] == [
                before.get(key, lots) for key, lots in taken[:-1]
            ]
        mirror.update(side.take_changes())
        floor = max(side.best - 10 * gap, -80)
        expected = {side.best} | {key for key in range(floor, side.best) if key % gap == 0}
        assert set(side.levels) == expected
        assert {key: lots for key, lots in mirror.items() if lots} == side.levels
        assert min(side.levels.values()) >= least
