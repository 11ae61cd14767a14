"""A made-up market of any number of symbols, for as long as wanted (LIVE-40).

Each symbol has a book, and a fair price that walks through calm, trending and volatile times.
People take from the touch or change what they quote, so often that the symbol tells of
``events_per_s``; the book's change comes each 100 ms, mark and index each second, funding at each
boundary. The same settings and instruments give the same events, also in another process: all
draws are functions of the seed and the symbol's name.

Before what else happens at its time, a settlement comes, at the rate told before. A book is told
whole at the start, and again when the market is about to leave what was told of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final

from attrs import NOTHING, define, frozen

from grinder_adapters.feeds import construct
from grinder_adapters.local_venue.markets.regimes import PricePath, Touch
from grinder_adapters.local_venue.markets.scale import MICRO, ROOM, Scale
from grinder_adapters.local_venue.markets.slots import HOUR_MS, SECOND_MS, START_MS, run
from grinder_adapters.local_venue.markets.tape import (
    LEVELS,
    RATE_UNIT,
    MarketRow,
    Tape,
)
from grinder_core.contracts.event import Event
from grinder_core.draws import NORMAL_UNIT, draw, normal, stream_seed
from grinder_core.errors import ConfigError
from grinder_core.numbers import BPS, exact
from grinder_core.settings import register_record, setting
from grinder_core.venue.exchange.instrument import Instrument
from grinder_core.venue.funding import boundary_after

_REACH_BPS_MIN: Final = 100  # a book covers that, and the wilder the market the more
_REACH_VOLATILITIES: Final = 4
_THROUGH_ONE_IN: Final = 32  # prints that take more than the best level
_RATE_MEAN: Final = 10_000  # hundred-millionths: 0.01 %
_RATE_DEVIATION: Final = 15_000
_RATE_MAX: Final = 75_000
_HALF_WORD: Final = 32
_HALF_MASK: Final = (1 << 32) - 1


@register_record
@frozen(kw_only=True)
class GeneratedSymbol:
    """What one made-up market is like.

    Attributes:
        start_price: Quote currency, on the tick.
    """

    start_price: Decimal = setting(NOTHING, "First mid price, quote currency.", gt=0)
    volatility_bps: int = setting(
        5, "Standard deviation of the price in a calm minute.", ge=0, le=500
    )
    events_per_s: int = setting(50, "Events a second, about.", ge=20, le=100_000)
    level_notional: Decimal = setting(
        Decimal(25_000), "Usual notional at one price of the book, quote currency.", gt=0
    )


@frozen(kw_only=True)
class GeneratorSettings:
    """What is generated."""

    seed: int = setting(0, "Root of all draws.", ge=0, spec="LIVE-40")
    start_ms: int = setting(START_MS, "Time of the first events, Unix ms.", ge=0)
    duration_ms: int = setting(0, "Length of the stream; 0 goes on for ever.", ge=0)
    funding_interval_hours: int = setting(8, "Hours between settlements.", ge=1, le=24)
    symbols: Mapping[str, GeneratedSymbol] = setting({}, "The markets, by symbol.")


@frozen
class GeneratedMarket:
    """A source of made-up events; every pass makes the same ones anew.

    Attributes:
        instruments: Rules of at least the symbols in the settings.

    Raises:
        ConfigError: No symbol, one without an instrument, or one whose rules or start price fit
            no book.
    """

    settings: GeneratorSettings
    instruments: Sequence[Instrument]

    def __attrs_post_init__(self) -> None:
        if not self.settings.symbols:
            raise ConfigError("must name at least one symbol", field="symbols")
        self._markets()

    @property
    def name(self) -> str:
        """What a report calls the data."""
        return f"generated (seed {self.settings.seed}): {', '.join(self.settings.symbols)}"

    def __iter__(self) -> Iterator[Event]:
        begin, length = self.settings.start_ms, self.settings.duration_ms
        rows = run(self._markets(), begin, begin + length if length else None)
        for seq, (ts, payload, update_id) in enumerate(rows):
            yield construct.event(ts, payload, seq, None, update_id)

    def _markets(self) -> list[_Market]:
        known = {instrument.symbol: instrument for instrument in self.instruments}
        markets = []
        for symbol, what in self.settings.symbols.items():
            if symbol not in known:
                raise ConfigError("is no instrument of the venue", field="symbols", value=symbol)
            markets.append(_Market.of(known[symbol], what, self.settings))
        return markets


@define
class _Lots:
    """Draws the quantity of each new level of a book."""

    seed: int
    least: int
    span: int
    drawn: int = 0

    def __call__(self) -> int:
        word = draw(self.seed, self.drawn)
        self.drawn += 1
        return self.least + ((word >> _HALF_WORD) * (word & _HALF_MASK) * self.span >> 64)


@define
class _Market:
    """One symbol under way."""

    tape: Tape
    path: PricePath
    touch: Touch
    events_per_s: int
    start_ms: int
    funding_ms: int
    next_funding_ts: int
    least: int
    turn_seed: int
    rate_seed: int
    rate: int
    is_open: bool = False
    told: int = 0
    turns: int = 0

    @classmethod
    def of(
        cls, instrument: Instrument, what: GeneratedSymbol, settings: GeneratorSettings
    ) -> _Market:
        symbol, scale, price = instrument.symbol, Scale.of(instrument), what.start_price

        def seed(stream: str) -> int:
            return stream_seed(settings.seed, f"generator/{symbol}/{stream}")

        with exact():
            usual = int(what.level_notional // (price * scale.step))
        span = min(4 * max(usual, scale.lots_min), scale.lots_max - scale.lots_min)
        mid = scale.start(price, f"{symbol}.start_price")
        reach_bps = _REACH_BPS_MIN + _REACH_VOLATILITIES * what.volatility_bps
        tape = Tape.of(
            symbol,
            scale,
            mid,
            spread=1,
            gap=max(1, mid * reach_bps // (BPS * LEVELS)),
            least=scale.lots_min,
            lots=_Lots(seed("sizes"), scale.lots_min, span + 1),
        )
        path = PricePath(
            seeds=(seed("steps"), seed("spreads"), seed("regimes")),
            start=mid * MICRO,
            low=max(mid // 2, scale.tick_min + ROOM) * MICRO,
            high=min(mid * 2, scale.tick_max - ROOM) * MICRO,
            volatility_bps=what.volatility_bps,
            mid=mid * MICRO,
        )
        funding_ms = settings.funding_interval_hours * HOUR_MS
        return cls(
            tape=tape,
            path=path,
            touch=Touch(mid=path.mid, spread=1),
            events_per_s=what.events_per_s,
            start_ms=settings.start_ms,
            funding_ms=funding_ms,
            next_funding_ts=boundary_after(settings.start_ms, funding_ms),
            least=scale.lots_min,
            turn_seed=seed("turns"),
            rate_seed=seed("rates"),
            rate=_RATE_MEAN,
        )

    def slot(self, begin_ms: int, end_ms: int, rows: list[MarketRow]) -> None:
        before = len(rows)
        if not self.is_open:
            self.is_open = True
            self.tape.open(begin_ms, rows)
            rows.append(self._mark(begin_ms))
        self._trade(begin_ms, end_ms, rows, self.told + len(rows) - before)
        self._close(end_ms, rows)
        self.told += len(rows) - before

    def _trade(self, begin: int, end: int, rows: list[MarketRow], told: int) -> None:
        """Let people act: the fair price goes straight from its last to its next place."""
        start, target, tape = self.touch, self.path.advance(begin), self.tape
        quota = (end - self.start_ms) * self.events_per_s // SECOND_MS - told - 1
        first, made = len(rows), 0
        while made < quota:
            word = draw(self.turn_seed, self.turns)
            self.turns += 1
            share = (made << 8) + (word & 0xFF)
            ts = begin + (end - begin) * share // (quota << 8)
            if word >> 62:
                mid = start.mid + (target.mid - start.mid) * share // (quota << 8)
                self._requote(word, mid, target.spread)
                rows.append(tape.quote(ts))
            else:
                self._take(word, ts, rows)
            made = len(rows) - first
        self.touch = target

    def _requote(self, word: int, mid: int, spread: int) -> None:
        side = self.tape.bids if word & 0x100 else self.tape.asks
        side.renew(side.best)
        self.tape.place(mid, spread)

    def _take(self, word: int, ts: int, rows: list[MarketRow]) -> None:
        buys = bool(word & 0x100)
        side = self.tape.asks if buys else self.tape.bids
        best = side.levels[side.best]
        size = self.least + ((word >> 16 & 0xFFFF) * (word >> 32 & 0xFFFF) * best >> 33)
        if (word >> 9) % _THROUGH_ONE_IN == 0:
            size += 2 * best
        self.tape.aggress(ts, size, rows, buys=buys)

    def _close(self, end: int, rows: list[MarketRow]) -> None:
        """End the slot: settlement, change of the book, mark price."""
        if end == self.next_funding_ts:
            rows.append(self.tape.funding(end, self.rate))
            self._settled(end)
        for side in (self.tape.bids, self.tape.asks):
            side.renew_behind(draw(self.turn_seed, self.turns))
            self.turns += 1
        self.tape.tell_changes(end, rows)
        if end % SECOND_MS == 0:
            rows.append(self._mark(end))

    def _settled(self, now: int) -> None:
        self.next_funding_ts = now + self.funding_ms
        deviation = normal(self.rate_seed, now // self.funding_ms) * _RATE_DEVIATION // NORMAL_UNIT
        self.rate = min(max(_RATE_MEAN + deviation, -_RATE_MAX), _RATE_MAX)

    def _mark(self, ts: int) -> MarketRow:
        mark = self.touch.mid // MICRO
        index = mark - mark * self.rate // RATE_UNIT
        return self.tape.mark(ts, mark, index, self.rate, self.next_funding_ts)
