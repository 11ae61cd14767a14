"""Constraints from memory, a cache file or the venue, in that order (CORE-34)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import structlog
from attrs import define, field, frozen

from grinder_adapters.clock import Clock, SystemClock
from grinder_adapters.exchange_info.cache import Cached, read_cache, write_cache
from grinder_adapters.exchange_info.fetch import EXCHANGE_INFO_URL, Fetch, ask
from grinder_core.contracts.limits import SymbolConstraints
from grinder_core.errors import ConfigError, ConnectorError, InputError
from grinder_core.orders.exchange_info import (
    CacheState,
    Outcome,
    choose,
    judge_cache,
    needs_fetch,
)

Constraints = Mapping[str, SymbolConstraints]

_NOTHING: Final[Constraints] = MappingProxyType({})


@frozen(kw_only=True)
class ProviderConfig:
    """Where constraints may come from.

    Attributes:
        cache_dir, cache_file: Folder and name of the cache.
        cache_ttl_seconds: Age up to which the cache needs no request.
        allow_fetch: Whether the venue may be asked at all.
        exchange_info_url: What to ask.
    """

    cache_dir: Path = Path("var/cache")
    cache_file: str = "exchange_info_futures.json"
    cache_ttl_seconds: int = 86_400
    allow_fetch: bool = True
    exchange_info_url: str = EXCHANGE_INFO_URL

    def __attrs_post_init__(self) -> None:
        if type(self.cache_ttl_seconds) is not int or self.cache_ttl_seconds < 0:
            raise ConfigError(
                "must be an integer >= 0", field="cache_ttl_seconds", value=self.cache_ttl_seconds
            )
        if not self.exchange_info_url.startswith(("https://", "http://")):
            raise ConfigError(
                "must be an https or http address",
                field="exchange_info_url",
                value=self.exchange_info_url,
            )

    @property
    def cache_path(self) -> Path:
        """The cache file."""
        return self.cache_dir / self.cache_file


@define(eq=False)
class ConstraintProvider:
    """Gives the lot rules of all symbols; asks the venue at most once a call.

    Nothing is read or asked before the first ``get_constraints``. What it found holds until a
    refresh is forced; finding nothing is not remembered, so that the next call tries again.

    Attributes:
        fetch: Asks the venue, raising ``ConnectorError`` where it cannot; ``None``: no client.
        log: Where each outcome is told, under the key of CORE-34.
        outcome: Where the last answer came from; ``None`` before the first.
        failure: Why the last request gave nothing; empty where none was made or it succeeded.
        warnings: One for each symbol of the last answer that had to be skipped.
    """

    config: ProviderConfig = field(factory=ProviderConfig)
    fetch: Fetch | None = None
    clock: Clock = field(factory=SystemClock, kw_only=True)
    log: Any = field(factory=structlog.get_logger, kw_only=True)
    outcome: Outcome | None = field(default=None, init=False)
    failure: str = field(default="", init=False)
    warnings: tuple[str, ...] = field(default=(), init=False)
    _known: Constraints | None = field(default=None, init=False)
    _one_at_a_time: asyncio.Lock = field(factory=asyncio.Lock, init=False)

    @classmethod
    def from_cache(cls, path: Path, **options: Any) -> ConstraintProvider:
        """Return a provider that reads one file and never asks the venue."""
        config = ProviderConfig(cache_dir=path.parent, cache_file=path.name, allow_fetch=False)
        return cls(config, **options)

    async def get_constraints(self, force_refresh: bool = False) -> Constraints:
        """Return constraints by symbol; empty where there are none. A failure never raises.

        Args:
            force_refresh: Ask the venue, if that is allowed, whatever is known already.
        """
        async with self._one_at_a_time:
            if self._known is not None and not force_refresh:
                return self._known
            return await self._renew(force_refresh)

    async def _renew(self, force_refresh: bool) -> Constraints:
        cached = await asyncio.to_thread(read_cache, self.config.cache_path)
        age_ms = None if cached is None else self.clock.now_ms() - cached.modified_ms
        state = judge_cache(age_ms, self.config.cache_ttl_seconds)
        fetched: Constraints | None = None
        self.failure, self.warnings = "", () if cached is None else cached.warnings
        allow = self.config.allow_fetch and self.fetch is not None
        asks = needs_fetch(state, allow_fetch=allow, force_refresh=force_refresh)
        if asks:
            fetched = await self._ask()
        self.outcome = choose(state, fetched=fetched is not None if asks else None)
        found = _pick(self.outcome, cached, fetched)
        self._tell(state, len(found))
        if found:
            self._known = found
        return found

    async def _ask(self) -> Constraints | None:
        assert self.fetch is not None
        try:
            answer = await ask(self.fetch, self.config.exchange_info_url)
        except ConnectorError as error:
            self.failure = str(error)
            return None
        self.warnings = answer.warnings
        await self._keep(answer.body)
        return answer.constraints

    async def _keep(self, body: bytes) -> None:
        try:
            await asyncio.to_thread(write_cache, self.config.cache_path, body)
        except InputError as error:  # the answer is good without it; the next start asks again
            self.log.warning("cache_not_written", error=str(error))

    def _tell(self, state: CacheState, symbols: int) -> None:
        assert self.outcome is not None
        for warning in self.warnings:
            self.log.warning("symbol_skipped", rule=warning)
        is_good = self.outcome in {Outcome.CACHE_HIT_FRESH, Outcome.CACHE_STALE_API_SUCCESS}
        facts: dict[str, Any] = {"cache": state.value, "symbols": symbols}
        if self.failure:
            facts["failure"] = self.failure
        tell = self.log.info if is_good else self.log.warning
        tell(self.outcome.value, path=str(self.config.cache_path), **facts)


def _pick(outcome: Outcome, cached: Cached | None, fetched: Constraints | None) -> Constraints:
    if outcome is Outcome.CACHE_STALE_API_SUCCESS:
        return MappingProxyType(dict(fetched or {}))
    return _NOTHING if cached is None else MappingProxyType(cached.constraints)
