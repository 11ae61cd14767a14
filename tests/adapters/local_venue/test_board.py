"""The board against plain recomputation: book and ids, klines, the last 24 hours, the rest."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal, localcontext
from fractions import Fraction
from itertools import pairwise

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from grinder_adapters.local_venue.board import MarketBoard
from grinder_adapters.local_venue.candles import INTERVALS, Candle
from grinder_adapters.local_venue.exchange_info import LOCAL_SYMBOLS
from grinder_core.contracts.control import Timer
from grinder_core.contracts.event import Event
from grinder_core.contracts.market import DepthDiff, Funding, L2Snapshot, MarketStats, Snapshot
from grinder_core.venue.exchange.vocabulary import SymbolStatus
from tests.adapters.local_venue.market_cases import (
    SYMBOL,
    T0,
    D,
    a_board,
    book,
    book_events,
    diff,
    mark,
    of,
    quote,
    trade,
)
from tests.support.strategies import hostile_contexts

HOUR = 3_600_000
DAY = 24 * HOUR


# -- book and ids ----------------------------------------------------------------------------------


class PlainBook:
    """The same book, kept in the most obvious way."""

    def __init__(self) -> None:
        self.bids: dict[Decimal, Decimal] = {}
        self.asks: dict[Decimal, Decimal] = {}
        self.has_depth = False
        self.newest: int | None = None

    def take(self, event: Event) -> None:
        payload = event.payload
        if isinstance(payload, Snapshot):
            if not self.has_depth:
                self.bids = {payload.bid_price: payload.bid_qty}
                self.asks = {payload.ask_price: payload.ask_qty}
        elif isinstance(payload, L2Snapshot):
            self.has_depth, self.newest = True, event.update_id
            self.bids, self.asks = dict(payload.bids), dict(payload.asks)
        elif isinstance(payload, DepthDiff):
            if self.newest is not None and payload.last_update_id <= self.newest:
                return
            if not self.has_depth:
                self.bids, self.asks = {}, {}
            self.has_depth, self.newest = True, payload.last_update_id
            self.bids |= dict(payload.bids)
            self.asks |= dict(payload.asks)
        self.bids = {price: qty for price, qty in self.bids.items() if qty}
        self.asks = {price: qty for price, qty in self.asks.items() if qty}


@settings(max_examples=60)
@given(events=book_events())
def test_the_book_is_the_one_that_the_source_tells(events: list[Event]) -> None:
    board, plain = a_board(), PlainBook()
    for event in events:
        board.on_event(event)
        plain.take(event)
        bids, asks = of(board).book.top(100)
        assert bids == tuple(sorted(plain.bids.items(), reverse=True))
        assert asks == tuple(sorted(plain.asks.items()))


@settings(max_examples=60)
@given(events=book_events())
def test_changes_carry_rising_ids_in_an_unbroken_chain(events: list[Event]) -> None:
    board = a_board()
    changes = [change for event in events if (change := board.on_event(event)) is not None]
    assert all(change.first_id <= change.last_id for change in changes)
    assert all(change.previous_id < change.last_id for change in changes)
    assert all(after.previous_id == before.last_id for before, after in pairwise(changes))
    if changes:
        assert of(board).depth_id == changes[-1].last_id


@settings(max_examples=60)
@given(events=book_events())
def test_changes_alone_rebuild_the_book(events: list[Event]) -> None:
    board = a_board()
    bids: dict[Decimal, Decimal] = {}
    asks: dict[Decimal, Decimal] = {}
    for event in events:
        change = board.on_event(event)
        if change is not None:
            bids |= dict(change.bids)
            asks |= dict(change.asks)
    shown_bids, shown_asks = of(board).book.top(100)
    assert shown_bids == tuple(sorted(((p, q) for p, q in bids.items() if q), reverse=True))
    assert shown_asks == tuple(sorted((p, q) for p, q in asks.items() if q))


@given(numbers=st.lists(st.one_of(st.none(), st.integers(0, 40)), min_size=1, max_size=30))
def test_ids_of_quotes_rise_whatever_the_source_says(numbers: list[int | None]) -> None:
    board, shown = a_board(), [0]
    for number in numbers:
        board.on_event(quote(update_id=number))
        shown.append(of(board).quote_id)
        if number is not None and number > shown[-2]:
            assert shown[-1] == number
    assert all(before < after for before, after in pairwise(shown))


def test_ids_of_the_source_are_shown_as_they_are() -> None:
    board = a_board()
    board.on_event(book(700, ((D(100), D(1)),), ((D(101), D(1)),)))
    change = board.on_event(diff(698, 705, 690, ((D(99), D(2)),)))
    assert change is not None
    assert (change.first_id, change.last_id, change.previous_id) == (698, 705, 700)
    board.on_event(quote(update_id=704))
    assert of(board).quote_id == 704


def test_a_recording_that_begins_anew_goes_on_counting() -> None:
    board = a_board()
    board.on_event(book(700, ((D(100), D(1)),), ((D(101), D(1)),)))
    board.on_event(quote(update_id=720))
    again = board.on_event(book(10, ((D(99), D(1)),), ((D(101), D(1)),)))
    assert again is not None
    assert (again.first_id, again.last_id, again.previous_id) == (701, 721, 700)
    following = board.on_event(diff(11, 12, 10, ((D(99), D(0)),)))
    assert following is not None
    assert (following.first_id, following.last_id, following.previous_id) == (722, 722, 721)


def test_the_same_book_again_is_no_change() -> None:
    board = a_board()
    levels = ((D(100), D(1)),), ((D(101), D(1)),)
    assert board.on_event(book(5, *levels)) is not None
    assert board.on_event(book(9, *levels)) is None
    assert of(board).depth_id == 5


def test_a_change_that_the_book_holds_already_is_dropped() -> None:
    board = a_board()
    board.on_event(book(5, ((D(100), D(1)),), ((D(101), D(1)),)))
    assert board.on_event(diff(4, 5, 3, ((D(100), D(7)),))) is None
    assert of(board).book.best_bid == (D(100), D(1))


def test_with_quotes_only_the_book_is_their_one_level() -> None:
    board = a_board()
    board.on_event(quote(bid="100", ask="101", update_id=5))
    change = board.on_event(quote(bid="99", ask="101", update_id=8))
    assert change is not None
    assert (change.first_id, change.last_id, change.previous_id) == (6, 8, 5)
    assert set(change.bids) == {(D(100), D(0)), (D(99), D(1))}
    assert not change.asks
    assert board.on_event(quote(bid="99", ask="101", update_id=9)) is None


def test_with_depth_only_the_quote_is_the_top_of_the_book() -> None:
    board = a_board()
    board.on_event(book(5, ((D(100), D(1)),), ((D(101), D(3)),)))
    shown = of(board).quote
    assert shown is not None
    assert (shown.bid_price, shown.bid_qty, shown.ask_price, shown.ask_qty) == (100, 1, 101, 3)
    assert of(board).quote_id == 5
    board.on_event(diff(6, 7, 5, ((D(90), D(4)),)))
    assert of(board).quote_id == 5
    board.on_event(diff(8, 9, 7, ((D(100), D(4)),)))
    assert of(board).quote_id == 9
    board.on_event(diff(10, 11, 9, ((D(100), D(0)), (D(90), D(0)))))
    assert of(board).quote_id == 9  # a book with one side only shows no quote


def test_depth_does_not_replace_quotes_that_the_source_has() -> None:
    board = a_board()
    board.on_event(quote(bid="98", update_id=3))
    board.on_event(book(5, ((D(100), D(1)),), ((D(101), D(3)),)))
    shown = of(board).quote
    assert shown is not None
    assert shown.bid_price == 98


# -- klines ----------------------------------------------------------------------------------------


def calendar_open(name: str, ts: int) -> int:
    """Opening time of a kline by the calendar."""
    moment = datetime.fromtimestamp(ts / 1000, UTC)
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    number, unit = int(name[:-1]), name[-1]
    if unit == "m":
        minutes = (moment.hour * 60 + moment.minute) // number * number
        opened = day + timedelta(minutes=minutes)
    elif unit == "h":
        opened = day + timedelta(hours=moment.hour // number * number)
    elif unit == "d":
        since = (day - datetime(1970, 1, 1, tzinfo=UTC)).days
        opened = day - timedelta(days=since % number)
    elif unit == "w":
        opened = day - timedelta(days=day.weekday())
    else:
        opened = day.replace(day=1)
    return int(opened.timestamp()) * 1000


Print = tuple[int, int, int, bool]  # ms after T0, price, quantity, buyer is maker


@st.composite
def prints(draw: st.DrawFn) -> list[Print]:
    ts, made = 0, []
    for _ in range(draw(st.integers(1, 25))):
        ts += draw(
            st.sampled_from((0, 1, 900, 59_000, 60_000, 181_000, 7 * HOUR, 2 * DAY, 33 * DAY))
        )
        made.append((ts, draw(st.integers(90, 110)), draw(st.integers(1, 9)), draw(st.booleans())))
    return made


def plain_klines(name: str, made: Sequence[Print], now: int) -> dict[int, list[object]]:
    """Klines straight from the prints; missing ones are flat and left out."""
    rows: dict[int, list[Print]] = {}
    for row in made:
        rows.setdefault(calendar_open(name, T0 + row[0]), []).append(row)
    return {
        opened: [
            inside[0][1],
            max(row[1] for row in inside),
            min(row[1] for row in inside),
            inside[-1][1],
            sum(row[2] for row in inside),
            sum(row[1] * row[2] for row in inside),
            len(inside),
            sum(row[2] for row in inside if not row[3]),
            sum(row[1] * row[2] for row in inside if not row[3]),
        ]
        for opened, inside in rows.items()
    }


def values(candle: Candle) -> list[object]:
    return [
        candle.open,
        candle.high,
        candle.low,
        candle.close,
        candle.volume,
        candle.quote_volume,
        candle.count,
        candle.taker_volume,
        candle.taker_quote_volume,
    ]


@settings(max_examples=40)
@given(made=prints(), later=st.sampled_from((0, 1, 61_000, 5 * HOUR, 40 * DAY)))
def test_klines_equal_a_plain_recomputation(made: list[Print], later: int) -> None:
    board = a_board()
    for number, (ts, price, qty, maker) in enumerate(made, 1):
        board.on_event(trade(number, str(price), str(qty), T0 + ts, maker=maker))
    now = T0 + made[-1][0] + later
    for name in INTERVALS:
        rows = of(board).candles.upto(name, now)
        plain = plain_klines(name, made, now)
        opened = [row.open_ms for row in rows]
        assert len(rows) <= 1500
        assert opened[-1] == calendar_open(name, now)
        assert all(calendar_open(name, ms - 1) == before for before, ms in pairwise(opened))
        if len(rows) < 1500:
            assert opened[0] == min(plain)
        for before, row in pairwise(rows):
            if row.open_ms not in plain:
                assert values(row) == [before.close] * 4 + [0] * 5
        for row in rows:
            if row.open_ms in plain:
                assert values(row) == plain[row.open_ms]
        assert {ms for ms in plain if ms >= opened[0]} <= set(opened)


def test_reading_klines_changes_nothing() -> None:
    board = a_board()
    for number in range(1, 4):
        board.on_event(trade(number, str(99 + number), ts=T0 + number * 40_000))
    first = [values(row) for row in of(board).candles.upto("1h", T0 + HOUR)]
    assert [values(row) for row in of(board).candles.upto("1h", T0 + HOUR)] == first


def test_klines_name_the_first_and_the_last_print() -> None:
    board = a_board()
    for number in (7, 8, 9):
        board.on_event(trade(number, ts=T0 + (number - 7) * 60_000))
    hour = of(board).candles.upto("1h", T0 + HOUR)
    assert (hour[0].first_id, hour[0].last_id) == (7, 9)
    assert (hour[1].first_id, hour[1].last_id) == (-1, -1)


@given(
    st.lists(st.decimals("-9e9", "9e9", places=8), min_size=8, max_size=8),
    st.lists(st.integers(1, 2**63), min_size=3, max_size=3),
    st.booleans(),
)
def test_a_kline_that_is_kept_as_text_is_read_digit_by_digit(
    numbers: list[Decimal], counts: list[int], has_prints: bool
) -> None:
    made = Candle(T0, *numbers[:4])
    if has_prints:
        made.volume, made.quote_volume, made.taker_volume, made.taker_quote_volume = numbers[4:]
        made.count, made.first_id, made.last_id = counts
    read = Candle.from_line(made.to_line())
    assert read == made
    assert repr(read) == repr(made)


def test_klines_of_hours_ago_are_what_they_were() -> None:
    board = a_board()
    for number in range(1, 1502):
        board.on_event(trade(number, str(number), "0.5", ts=T0 + number * 60_000))
    rows = of(board).candles.upto("1m", T0 + 1501 * 60_000)
    assert [(row.first_id, row.close, row.volume) for row in rows] == [
        (number, number, D("0.5")) for number in range(2, 1502)
    ]
    newest = of(board).candles.upto("1m", T0 + 1501 * 60_000, 100)
    assert list(newest) == list(rows)[-100:]


def test_quotes_move_klines_until_the_first_print() -> None:
    board = a_board()
    board.on_event(quote(bid="100", ask="102"))
    board.on_event(quote(bid="100", ask="102", last_price=D(105), last_qty=D(1)))
    board.on_event(trade(1, "100"))
    board.on_event(quote(bid="70", ask="72"))
    row = of(board).candles.upto("1m", T0)[-1]
    assert (row.open, row.high, row.low, row.close) == (101, 105, 100, 100)
    assert (row.volume, row.count) == (1, 1)


def test_a_print_dated_before_the_open_minute_counts_for_it() -> None:
    board = a_board()
    board.on_event(trade(1, "100", ts=T0 + 60_000))
    board.on_event(trade(2, "90", ts=T0 + 59_999))
    rows = of(board).candles.upto("1m", T0 + 60_000)
    assert [row.open_ms for row in rows] == [T0 + 60_000]
    assert rows[0].low == 90


# -- the last 24 hours -----------------------------------------------------------------------------


@settings(max_examples=60)
@given(
    made=prints(), reads=st.lists(st.sampled_from((0, 1, 59_000, HOUR, DAY, 26 * HOUR)), max_size=4)
)
def test_the_last_24_hours_equal_a_plain_recomputation(made: list[Print], reads: list[int]) -> None:
    board, taken = a_board(), list[Print]()
    for number, row in enumerate(made, 1):
        board.on_event(trade(number, str(row[1]), str(row[2]), T0 + row[0], maker=row[3]))
        taken.append(row)
        for later in reads:
            now = T0 + row[0] + later
            since = now - now % 60_000 - 1439 * 60_000
            inside = [p for p in taken if T0 + p[0] >= since]
            day = of(board).day(now)
            volume = sum(p[2] for p in inside)
            assert day.total.volume == volume
            assert day.total.quote_volume == sum(p[1] * p[2] for p in inside)
            assert day.total.count == len(inside)
            assert day.total.close == taken[-1][1]
            assert day.total.open_ms == max(since, T0 + taken[0][0] - (taken[0][0] % 60_000))
            held = [p for p in taken if T0 + p[0] < since]
            seen = [p[1] for p in inside] or [taken[-1][1]]
            opening = seen[0]
            if held and (not inside or T0 + inside[0][0] >= since + 60_000):
                opening = held[-1][1]  # the window opens in a silence
                seen.append(opening)
            assert (day.total.open, day.total.high, day.total.low) == (
                opening,
                max(seen),
                min(seen),
            )
            if volume:
                exact_average = Fraction(sum(p[1] * p[2] for p in inside), volume)
                assert abs(Fraction(day.average_price) - exact_average) <= Fraction(1, 2 * 10**8)
            exact_percent = Fraction((taken[-1][1] - opening) * 100, opening)
            assert abs(Fraction(day.change_percent) - exact_percent) <= Fraction(1, 2000)


def test_nothing_is_known_before_the_first_price() -> None:
    symbol = of(a_board())
    assert symbol.last_price is None
    assert symbol.mark_price is None
    assert symbol.day(T0).total.count == 0
    assert symbol.day(T0).change_percent == 0
    assert symbol.open_interest == 0


def test_what_the_source_says_about_24_hours_wins_over_its_prints() -> None:
    board = a_board()
    board.on_event(trade(1, "100", "3"))
    day = of(board).day(T0)
    assert of(board).day_volumes(day) == (3, 300)
    stats = MarketStats(ts=T0, symbol=SYMBOL, vol_24h_usd=D(1000), oi_usd=D(500))
    board.on_event(Event(T0, stats))
    assert of(board).day_volumes(day) == (10, 1000)


# -- mark, funding, open interest ------------------------------------------------------------------


def test_the_mark_is_the_mid_until_the_source_has_one() -> None:
    board = a_board()
    board.on_event(quote(bid="100", ask="101"))
    assert (of(board).mark_price, of(board).index_price) == (D("100.5"), D("100.5"))
    board.on_event(mark("103"))
    board.on_event(quote(bid="90", ask="91"))
    assert (of(board).mark_price, of(board).index_price) == (103, 103)
    board.on_event(mark("103", index_price=D(102)))
    assert of(board).index_price == 102


def test_mark_klines_are_of_marks_and_premium_klines_of_their_distance() -> None:
    board = a_board()
    board.on_event(mark("103", index_price=D(100)))
    board.on_event(mark("99", T0 + 1000, index_price=D(100)))
    symbol = of(board)
    marks, index, premium = (
        candles.upto("1m", T0 + 1000)[-1]
        for candles in (symbol.mark_candles, symbol.index_candles, symbol.premium_candles)
    )
    assert (marks.open, marks.close) == (103, 99)
    assert (index.open, index.close) == (100, 100)
    assert (premium.high, premium.low) == (D("0.03"), D("-0.01"))


def test_mids_are_sampled_as_marks_once_a_second() -> None:
    board = a_board()
    for ms, bid in ((0, "100"), (999, "50"), (1000, "100.5")):
        board.on_event(quote(T0 + ms, bid, "101"))
    row = of(board).mark_candles.upto("1m", T0)[-1]
    assert (row.open, row.low, row.close) == (D("100.5"), D("100.5"), D("100.75"))


def test_funding_is_paid_when_the_source_says_else_every_8_hours() -> None:
    board = a_board()
    assert of(board).next_funding(T0 + 1) == T0 + 8 * HOUR
    assert of(board).next_funding(T0 + 8 * HOUR) == T0 + 16 * HOUR
    board.on_event(mark("100", funding_rate=D("0.0001"), next_funding_ts=T0 + HOUR))
    assert of(board).next_funding(T0) == T0 + HOUR
    assert of(board).next_funding(T0 + HOUR) == T0 + 8 * HOUR
    assert of(board).funding_rate == D("0.0001")


def test_the_interval_of_funding_follows_the_last_two_settlements() -> None:
    board = a_board()
    board.on_event(quote(bid="100", ask="100"))
    for hours, late in ((0, 0), (8, 3), (12, 5)):
        settlement = Funding(ts=T0 + hours * HOUR + late, symbol=SYMBOL, rate=D("0.0002"))
        board.on_event(Event(T0, settlement))
    assert of(board).funding_interval_ms == 4 * HOUR
    assert of(board).next_funding(T0 + 13 * HOUR) == T0 + 16 * HOUR
    assert of(board).funding_rate == D("0.0002")
    assert [row.mark_price for row in of(board).fundings] == [100, 100, 100]


def test_open_interest_is_in_base_asset_at_the_mark() -> None:
    board = a_board()
    stats = MarketStats(ts=T0, symbol=SYMBOL, vol_24h_usd=D(0), oi_usd=D(1000))
    board.on_event(Event(T0, stats))
    assert of(board).open_interest == 0
    board.on_event(mark("300"))
    assert of(board).open_interest == D("3.33333333")


# -- the board -------------------------------------------------------------------------------------


def test_ids_of_prints_that_start_again_are_shown_behind_the_last() -> None:
    board = a_board()
    for number in (5, 9, 2, 3):
        board.on_event(trade(number))
    assert [shown.trade_id for shown in of(board).prints] == [5, 9, 10, 11]


def test_memory_is_bounded() -> None:
    board = a_board()
    for number in range(1, 1102):
        board.on_event(trade(number, ts=T0 + number * 120_000))
        board.on_event(Event(T0, Funding(ts=T0 + number, symbol=SYMBOL, rate=D(0))))
    symbol = of(board)
    assert [shown.trade_id for shown in symbol.prints] == list(range(102, 1102))
    assert len(symbol.fundings) == 1000
    assert len(symbol.candles.rows["1m"]) == 1500


@pytest.mark.parametrize("event", [quote(symbol="NOUSDT"), Event(T0, Timer())])
def test_other_symbols_and_kinds_change_nothing(event: Event) -> None:
    assert a_board().on_event(event) is None


def test_listing_a_symbol_again_changes_its_rules_and_keeps_its_market() -> None:
    board = a_board()
    board.on_event(trade(1, "100"))
    board.list_symbol(evolve(of(board).instrument, status=SymbolStatus.SETTLING))
    assert of(board).instrument.status is SymbolStatus.SETTLING
    assert of(board).last_price == 100
    only = MarketBoard(LOCAL_SYMBOLS[:1])
    only.list_symbol(LOCAL_SYMBOLS[1])
    assert only.instruments == list(LOCAL_SYMBOLS[:2])


@given(context=hostile_contexts())
def test_the_callers_decimal_context_does_not_matter(context: Context) -> None:
    board = a_board()
    with localcontext(context):
        board.on_event(quote(bid="123456.7", ask="123456.8"))
        board.on_event(trade(1, "123456.78", "0.123"))
        board.on_event(mark("123456.78", index_price=D("123450.1")))
    symbol = of(board)
    assert symbol.candles.minute is not None
    assert symbol.candles.minute.quote_volume == D("15185.18394")
    assert symbol.candles.minute.open == D("123456.75")
    assert symbol.premium_candles.minute is not None
    assert symbol.premium_candles.minute.close == D("0.00005411")
