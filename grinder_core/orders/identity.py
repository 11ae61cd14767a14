"""Which orders are ours and whose: client order ids (LIVE-21).

Three shapes are read, in this order where two fit; new orders get the second version, which alone
fits the venue's 36 characters with the usual names:

- v2: ``{prefix}{strategy_id}_{level_id}_{stamp}``, the stamp nine base-36 digits of ``ts`` and
  three of ``seq``; its symbol is on the order's record;
- v1: ``{prefix}{strategy_id}_{symbol}_{level_id}_{ts}_{seq}``;
- legacy: ``grinder_{symbol}_{level_id}_{ts}_{seq}``, of no strategy.

The pair (``ts``, ``seq``) strictly increases, even when time stands still and over restarts, so no
id is made twice.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from attrs import define, field, frozen

from grinder_core.contracts.checks import check_int, check_symbol
from grinder_core.errors import ConfigError, ContractError

PREFIX: Final = "grinder_"
LEGACY_STRATEGY: Final = "__legacy__"
ID_LENGTH_MAX: Final = 36
LEVEL_ID_MAX: Final = 999
SEQ_LIMIT: Final = 36**3
TS_LIMIT: Final = 36**9  # what nine digits of a stamp hold: the year 5188
V1_TS_LIMIT: Final = 10**13  # thirteen decimal digits: the year 2286

_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
_STRATEGY: Final = re.compile(r"[a-z0-9-]{1,11}")
_PREFIX: Final = re.compile(r"[.A-Z:/a-z0-9_-]+")
_LEVEL: Final = r"(0|[1-9][0-9]{0,2})"
_NUMBER: Final = r"(0|[1-9][0-9]{0,14})"
_SYMBOL: Final = r"([A-Z0-9_]{2,40})"
_V2_REST: Final = re.compile(rf"([a-z0-9-]{{1,11}})_{_LEVEL}_([0-9a-z]{{9}})([0-9a-z]{{3}})")
_V1_REST: Final = re.compile(rf"([a-z0-9-]{{1,11}})_{_SYMBOL}_{_LEVEL}_{_NUMBER}_{_NUMBER}")
_LEGACY: Final = re.compile(rf"{PREFIX}{_SYMBOL}_{_LEVEL}_{_NUMBER}_{_NUMBER}")

_V2_TAIL: Final = len("_999_") + 9 + 3
_V1_TAIL: Final = len("_999_") + len(str(V1_TS_LIMIT - 1)) + len("_") + len(str(SEQ_LIMIT - 1))
_STRATEGY_LENGTH_MAX: Final = 11
_SYMBOL_LENGTH_MIN: Final = 2


@frozen
class ParsedOrderId:
    """What a client order id says.

    Attributes:
        prefix: What it starts with; ``grinder_`` for the legacy shape.
        strategy_id: ``__legacy__`` for the legacy shape.
        symbol: ``None`` in v2, which does not carry it.
        level_id: 0 means outside a plan.
        ts: Unix milliseconds when it was made.
        seq: Counts the ids of one millisecond, from 0.
    """

    prefix: str
    strategy_id: str
    symbol: str | None
    level_id: int
    ts: int
    seq: int
    is_legacy: bool


@define
class OrderIds:
    """Generator of client order ids in v2; part of the checkpoint."""

    strategy_id: str
    ts_ms: int = 0
    seq: int = -1

    def next_id(self, level_id: int, now: int) -> str:
        """Return a fresh id for an order of ``level_id`` (0: outside a plan)."""
        self.advance(now)
        return _v2(PREFIX, self.strategy_id, level_id, self.ts_ms, self.seq)

    def advance(self, now: int) -> None:
        """Move on to the next pair of time and count, which was never used before."""
        if now > self.ts_ms:
            self.ts_ms, self.seq = now, 0
        else:
            self.seq += 1
            if self.seq == SEQ_LIMIT:
                self.ts_ms, self.seq = self.ts_ms + 1, 0


def _names(names: Collection[str]) -> frozenset[str]:
    # a lone text is a collection of its letters
    return frozenset([names] if isinstance(names, str) else names)


@frozen(kw_only=True)
class OrderIdentityConfig:
    """How our orders are named, and which orders are ours.

    Attributes:
        prefix: What every id of ours starts with, 1 to 8 characters of the venue's alphabet.
        strategy_id: Whose orders we make, 1 to 11 of a-z, 0-9 and hyphen.
        allowed_strategies: Whose orders are ours; none given means ``strategy_id`` alone.
        require_strategy_allowlist: If not, the orders of every strategy with the prefix are ours.
        allow_legacy_format: Whether ids that name no strategy are ours.
        identity_format_version: Of new ids, 2 or 1.

    Raises:
        ConfigError: An id that it describes cannot exist, or our own orders would not be ours.
    """

    prefix: str = PREFIX
    strategy_id: str = "default"
    allowed_strategies: frozenset[str] = field(default=frozenset(), converter=_names)
    require_strategy_allowlist: bool = True
    allow_legacy_format: bool = False
    identity_format_version: int = 2

    def __attrs_post_init__(self) -> None:
        for name in sorted(self.allowed_strategies):
            _check_strategy("allowed_strategies", name)
        _check_strategy("strategy_id", self.strategy_id)
        if not _PREFIX.fullmatch(self.prefix):
            raise ConfigError(
                "must be of the characters .A-Z:/a-z0-9_-", field="prefix", value=self.prefix
            )
        longest = len(self.prefix) + _STRATEGY_LENGTH_MAX + _V2_TAIL
        if longest > ID_LENGTH_MAX:
            raise ConfigError(
                f"makes ids of {longest} characters, and the venue takes {ID_LENGTH_MAX}",
                field="prefix",
                value=self.prefix,
                remedy=f"leave out {longest - ID_LENGTH_MAX}",
            )
        if self.require_strategy_allowlist and self.strategy_id not in self.strategies:
            raise ConfigError(
                f"must hold strategy_id {self.strategy_id}, or our own orders are not ours",
                field="allowed_strategies",
                value=sorted(self.allowed_strategies),
            )
        if self.identity_format_version not in (1, 2):
            raise ConfigError(
                "must be 1 or 2",
                field="identity_format_version",
                value=self.identity_format_version,
            )
        if self.identity_format_version == 1:
            self.check_length(_SYMBOL_LENGTH_MIN)

    @property
    def strategies(self) -> Collection[str]:
        """Whose orders are ours, where that is asked."""
        return self.allowed_strategies or (self.strategy_id,)

    def check_length(self, symbol_length: int) -> None:
        """Insist that new ids fit the venue with symbols of that many characters.

        Raises:
            ConfigError: They do not; in v2 they always do.
        """
        longest = len(self.prefix) + len(self.strategy_id) + len("_") + symbol_length + _V1_TAIL
        if self.identity_format_version == 1 and longest > ID_LENGTH_MAX:
            raise ConfigError(
                f"makes ids of up to {longest} characters with symbols of {symbol_length}, and "
                f"the venue takes {ID_LENGTH_MAX}",
                field="identity_format_version",
                value=1,
                remedy="use 2, or a shorter prefix and strategy_id",
            )

    def is_ours(self, client_order_id: str) -> bool:
        """Whether an order with this id is ours; never raises."""
        parsed = parse_client_order_id(client_order_id, self.prefix)
        if parsed is None or parsed.prefix != self.prefix:
            return False
        if parsed.is_legacy:
            return self.allow_legacy_format
        return not self.require_strategy_allowlist or parsed.strategy_id in self.strategies


@frozen
class OrderIdMaker:
    """Makes the ids that a configuration describes, for the symbols of a run.

    Raises:
        ConfigError: The longest id cannot fit the venue.
    """

    config: OrderIdentityConfig
    symbols: frozenset[str] = field(converter=_names)

    def __attrs_post_init__(self) -> None:
        for symbol in sorted(self.symbols):
            check_symbol(symbol)
            self.config.check_length(len(symbol))

    def next_id(self, ids: OrderIds, symbol: str, level_id: int, now: int) -> str:
        """Return a fresh id, counted in ``ids``.

        Args:
            ids: The state that makes ids unique; its strategy must be the configuration's.
            symbol: One of those given at the start.
            level_id: 0 to 999; 0 means outside a plan.
            now: Unix milliseconds.

        Raises:
            ContractError: No id can carry one of these.
        """
        if symbol not in self.symbols:
            raise ContractError("must be a symbol of the run", field="symbol", value=symbol)
        if ids.strategy_id != self.config.strategy_id:
            raise ContractError(
                f"must be {self.config.strategy_id}", field="strategy_id", value=ids.strategy_id
            )
        check_int("level_id", level_id)
        check_int("now", now)
        if level_id > LEVEL_ID_MAX:
            raise ContractError(f"must be <= {LEVEL_ID_MAX}", field="level_id", value=level_id)
        is_v1 = self.config.identity_format_version == 1
        limit = V1_TS_LIMIT if is_v1 else TS_LIMIT
        if max(now, ids.ts_ms + 1) >= limit:  # the count may take it one further
            raise ContractError(f"must be < {limit - 1}", field="now", value=now)
        ids.advance(now)
        prefix, strategy = self.config.prefix, self.config.strategy_id
        if is_v1:
            return f"{prefix}{strategy}_{symbol}_{level_id}_{ids.ts_ms}_{ids.seq}"
        return _v2(prefix, strategy, level_id, ids.ts_ms, ids.seq)


def parse_client_order_id(client_order_id: str, prefix: str = PREFIX) -> ParsedOrderId | None:
    """Read an id of one of the three shapes; ``None`` for anything else, never an exception.

    Args:
        prefix: Of v2 and v1; the legacy shape has its own.

    Example:
        >>> parsed = parse_client_order_id("grinder_momentum_BTCUSDT_1_1704067200000_1")
        >>> parsed.strategy_id, parsed.symbol, parsed.level_id
        ('momentum', 'BTCUSDT', 1)
    """
    if client_order_id.startswith(prefix):
        found = _V2_REST.fullmatch(client_order_id, len(prefix))
        if found:
            strategy, level, ts, seq = found.groups()
            return ParsedOrderId(
                prefix, strategy, None, int(level), int(ts, 36), int(seq, 36), is_legacy=False
            )
        found = _V1_REST.fullmatch(client_order_id, len(prefix))
        if found:
            strategy, symbol, level, ts, seq = found.groups()
            return ParsedOrderId(
                prefix, strategy, symbol, int(level), int(ts), int(seq), is_legacy=False
            )
    found = _LEGACY.fullmatch(client_order_id)
    if found:
        symbol, level, ts, seq = found.groups()
        return ParsedOrderId(
            PREFIX, LEGACY_STRATEGY, symbol, int(level), int(ts), int(seq), is_legacy=True
        )
    return None


def _check_strategy(field_name: str, name: str) -> None:
    if not _STRATEGY.fullmatch(name):
        raise ConfigError("must match [a-z0-9-]{1,11}", field=field_name, value=name)


def _v2(prefix: str, strategy_id: str, level_id: int, ts_ms: int, seq: int) -> str:
    return f"{prefix}{strategy_id}_{level_id}_{_base36(ts_ms, 9)}{_base36(seq, 3)}"


def _base36(number: int, width: int) -> str:
    digits = ""
    for _ in range(width):
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return digits
