"""Idempotent writes: one key per intent, and what is known of it (LIVE-04, ADR-026).

The same intent has the same key at any time, so that a retry, a duplicate call and a restarted
process all meet the one entry; a new intent has a new key, because ``generation`` and ``amend_no``
count what its values alone would confuse. Never put a time, a nonce or a random value into a key.

Order of a write: ``breaker.before_call``; ``put_if_absent``, where a cached answer or a conflict
gives the breaker's ticket back unused; ``mark_sent`` right before the bytes leave; execute;
``mark_done`` or ``mark_failed``. Whoever claimed a key names it by the entry it got, so a call
that lost its claim to expiry can neither send nor mark over the call that took it.

Everything runs on the one event loop and no method awaits: that is the thread safety the
specification asks for. Times are Unix milliseconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from itertools import islice
from typing import Final, Literal

from attrs import Factory, define, evolve, field, frozen

from grinder_core.codec import canonical_json, sha256_hex
from grinder_core.contracts.checks import check_int, check_symbol
from grinder_core.contracts.enums import Side
from grinder_core.errors import ContractError, IdempotencyConflictError
from grinder_core.settings import setting

KEY_DIGITS: Final = 32


class Write(StrEnum):
    """Operations that change something at the venue; reads never meet the store."""

    PLACE = "place"
    CANCEL = "cancel"
    REPLACE = "replace"
    AMEND = "amend"


class Status(StrEnum):
    """What is known of a write."""

    INFLIGHT = "INFLIGHT"
    DONE = "DONE"
    FAILED = "FAILED"  # surely without effect, or harmless to repeat: may be claimed again


@frozen
class WriteIntent:
    """One wanted effect at the venue; made once, before the first attempt.

    Attributes:
        scope: The venue's id.
        components: What tells this intent from all others; ``None`` is left out.
        client_order_id: Belongs to the fingerprint: an intent keeps its id over all attempts.
    """

    scope: str
    op: Write
    components: Mapping[str, object]
    client_order_id: str
    key: str = field(init=False)
    fingerprint: str = field(init=False)

    def __attrs_post_init__(self) -> None:
        if not self.client_order_id:
            raise ContractError("must not be empty", field="client_order_id", value="")

    @key.default
    def _key(self) -> str:
        return f"{self.scope}:{self.op}:{_digest(self.components)}"

    @fingerprint.default
    def _fingerprint(self) -> str:
        return sha256_hex(f"{self.key} {self.client_order_id}".encode("ascii"))[:KEY_DIGITS]

    @classmethod
    def place(
        cls,
        scope: str,
        client_order_id: str,
        *,
        symbol: str,
        side: Side,
        price: Decimal | None,
        qty: Decimal | None,
        level_id: int,
        generation: int,
        condition: Mapping[str, object] | None = None,
    ) -> WriteIntent:
        """Place an order.

        Args:
            scope, client_order_id: See the attributes.
            symbol, side: Of the order.
            price: ``None`` for a market order.
            qty: ``None`` for one that closes whatever is held.
            level_id: 0 outside a plan.
            generation: Orders of this symbol, side and level that have become terminal.
            condition: What a conditional order waits for, by name; ``None``: it waits for nothing.
        """
        check_symbol(symbol)
        check_int("level_id", level_id)
        check_int("generation", generation)
        components = {
            "symbol": symbol,
            "side": side,
            "price": price,
            "quantity": qty,
            "level_id": level_id,
            "generation": generation,
            **(condition or {}),
        }
        return cls(scope, Write.PLACE, components, client_order_id)

    @classmethod
    def cancel(
        cls, scope: str, client_order_id: str, *, symbol: str, order_id: str | None
    ) -> WriteIntent:
        """Cancel an order; ``order_id`` is ``None`` while the venue's id is not known."""
        return cls(scope, Write.CANCEL, _named(symbol, order_id, client_order_id), client_order_id)

    @classmethod
    def amend(
        cls,
        scope: str,
        client_order_id: str,
        *,
        symbol: str,
        order_id: str | None,
        price: Decimal | None,
        qty: Decimal | None,
        amend_no: int,
        op: Literal[Write.AMEND, Write.REPLACE] = Write.AMEND,
    ) -> WriteIntent:
        """Amend or (``op``) replace an order; ``None`` leaves price or quantity as it is.

        Args:
            scope, client_order_id: See the attributes.
            symbol, order_id: As for ``cancel``.
            price, qty: The new values.
            amend_no: Intents of this operation that the order has had before.
            op: Whether the order itself changes, or another takes its place.
        """
        check_int("amend_no", amend_no)
        components = {
            **_named(symbol, order_id, client_order_id),
            "price": price,
            "quantity": qty,
            "amend_no": amend_no,
        }
        return cls(scope, op, components, client_order_id)


def _named(symbol: str, order_id: str | None, client_order_id: str) -> dict[str, object]:
    # venue ids are unique only per symbol
    check_symbol(symbol)
    if order_id is None:
        return {"symbol": symbol, "client_order_id": client_order_id}
    return {"symbol": symbol, "order_id": order_id}


def _digest(components: Mapping[str, object]) -> str:
    given = {name: item for name, item in components.items() if item is not None}
    return sha256_hex(canonical_json(given).encode("ascii"))[:KEY_DIGITS]


@frozen(kw_only=True)
class Entry:
    """What the store knows of one key.

    Attributes:
        expires_at: From then on it counts as absent; ``None``: never.
        result: The venue's answer, when DONE.
        error_code: Why it failed, when FAILED.
    """

    key: str
    status: Status
    op_name: Write
    request_fingerprint: str
    created_at: int
    expires_at: int | None
    result: dict[str, str | int] | None = None
    error_code: str | None = None

    @property
    def was_sent(self) -> bool:
        """Whether the request is under way and may have left; nobody knows its outcome yet."""
        return self.status is Status.INFLIGHT and self.expires_at is None


@frozen(kw_only=True)
class IdempotencySettings:
    """How long entries live."""

    inflight_ttl_ms: int = setting(
        300_000, "A claim whose request has not left.", ge=1, spec="LIVE-04"
    )
    done_ttl_ms: int = setting(86_400_000, "A write that took effect.", ge=1, spec="LIVE-04")
    failed_ttl_ms: int = setting(300_000, "A write that did not.", ge=1, spec="LIVE-04")


@define
class IdempotencyStore:
    """Entries by key, and totals by operation: calls = cached + executed + conflicts."""

    settings: IdempotencySettings
    entries: dict[str, Entry] = Factory(dict)
    stats: dict[str, int] = Factory(
        lambda: {
            f"{op}_{what}": 0
            for op in Write
            for what in ("calls", "cached", "executed", "conflicts")
        }
    )

    def get(self, key: str, now: int) -> Entry | None:
        """Return the entry; an expired one is absent."""
        entry = self._find(key)
        if entry is None or (entry.expires_at is not None and now >= entry.expires_at):
            return None
        return entry

    def put_if_absent(self, intent: WriteIntent, now: int) -> Entry:
        """Claim the key, or find out that the write is done.

        Returns:
            A DONE entry, whose ``result`` is the answer; else a fresh INFLIGHT entry, and the
            caller executes the write.

        Raises:
            IdempotencyConflictError: The same write is under way, or the key belongs to another.
        """
        self._count(intent.op, "calls")
        self._tidy(now)
        try:
            entry = self._met(intent, now)
        except IdempotencyConflictError:
            self._count(intent.op, "conflicts")
            raise
        if entry is not None and entry.status is Status.DONE:
            self._count(intent.op, "cached")
            return entry
        self._count(intent.op, "executed")
        return self._put(
            Entry(
                key=intent.key,
                status=Status.INFLIGHT,
                op_name=intent.op,
                request_fingerprint=intent.fingerprint,
                created_at=now,
                expires_at=now + self.settings.inflight_ttl_ms,
            )
        )

    def mark_sent(self, claim: Entry, now: int) -> Entry:
        """Note, right before it happens, that the request may leave; the claim never expires now.

        Raises:
            IdempotencyConflictError: The claim is no longer the caller's: do not send.
        """
        held = self._held(claim, now)
        if held.was_sent:
            raise IdempotencyConflictError("was sent before", field=claim.key)
        return self._put(
            Entry(
                key=held.key,
                status=held.status,
                op_name=held.op_name,
                request_fingerprint=held.request_fingerprint,
                created_at=held.created_at,
                expires_at=None,
            )
        )

    def mark_done(self, claim: Entry, result: Mapping[str, str | int], now: int) -> Entry:
        """Note that the write took effect.

        Raises:
            IdempotencyConflictError: The claim is no longer the caller's.
        """
        held = self._held(claim, now)
        expires_at = now + self.settings.done_ttl_ms
        return self._put(
            evolve(held, status=Status.DONE, expires_at=expires_at, result=dict(result))
        )

    def mark_failed(self, claim: Entry, error_code: str, now: int) -> Entry:
        """Note that the write surely had no effect, or that it is a cancel: it may be sent again.

        Raises:
            IdempotencyConflictError: The claim is no longer the caller's.
        """
        held = self._held(claim, now)
        expires_at = now + self.settings.failed_ttl_ms
        return self._put(
            evolve(held, status=Status.FAILED, expires_at=expires_at, error_code=error_code)
        )

    def forget(self, claim: Entry, now: int) -> None:
        """Take back a claim of which nothing was sent: as if it had never been made.

        Raises:
            IdempotencyConflictError: The claim is no longer the caller's.
        """
        del self.entries[self._held(claim, now).key]

    def purge_expired(self, now: int) -> int:
        """Forget what is absent anyway; return how many entries that were."""
        kept = {key: entry for key, entry in self.entries.items() if self.get(key, now)}
        purged = len(self.entries) - len(kept)
        self.entries = kept
        return purged

    def _tidy(self, now: int) -> None:
        """Look at the two oldest entries: what expired leaves at least as fast as others come."""
        for key in list(islice(self.entries, 2)):
            entry = self.entries[key]
            if entry.expires_at is None:  # it may stay for long, and must not hold up the others
                self.entries[key] = self.entries.pop(key)
            elif now >= entry.expires_at:
                del self.entries[key]

    def _held(self, claim: Entry, now: int) -> Entry:
        entry = self.get(claim.key, now)
        if (
            entry is None
            or entry.status is not Status.INFLIGHT
            or entry.created_at != claim.created_at
        ):
            raise IdempotencyConflictError("is no longer held by this call", field=claim.key)
        return entry

    def _met(self, intent: WriteIntent, now: int) -> Entry | None:
        """Return what an intent meets and may go on with."""
        entry = self.get(intent.key, now)
        if entry is not None and entry.request_fingerprint != intent.fingerprint:
            raise IdempotencyConflictError("belongs to another write", field=intent.key)
        if entry is not None and entry.status is Status.INFLIGHT:
            raise IdempotencyConflictError("the same write is under way", field=intent.key)
        return entry

    def _find(self, key: str) -> Entry | None:
        return self.entries.get(key)

    def _put(self, entry: Entry) -> Entry:
        self.entries[entry.key] = entry
        return entry

    def _count(self, op: Write, what: str) -> None:
        self.stats[f"{op}_{what}"] += 1
