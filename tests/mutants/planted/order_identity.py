"""Known ways to mistake whose an order is, or to make one id twice."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutant import Mutant

IDENTITY: Final = "grinder_core/orders/identity.py"
BY_IDENTITY: Final = ("tests/core/live/test_identity.py",)

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "orders_of_every_strategy_are_ours",
        IDENTITY,
        "return not self.require_strategy_allowlist or parsed.strategy_id in self.strategies",
        "return True",
        BY_IDENTITY,
    ),
    Mutant(
        "legacy_orders_are_ours_unasked",
        IDENTITY,
        "            return self.allow_legacy_format\n",
        "            return not self.require_strategy_allowlist or self.allow_legacy_format\n",
        BY_IDENTITY,
    ),
    Mutant(
        "orders_without_our_prefix_are_ours",
        IDENTITY,
        "if parsed is None or parsed.prefix != self.prefix:",
        "if parsed is None:",
        BY_IDENTITY,
    ),
    Mutant(
        "the_count_never_wraps",
        IDENTITY,
        "            if self.seq == SEQ_LIMIT:\n",
        "            if self.seq > SEQ_LIMIT:\n",
        BY_IDENTITY,
    ),
    Mutant(
        "a_wrapped_count_keeps_its_millisecond",
        IDENTITY,
        "self.ts_ms, self.seq = self.ts_ms + 1, 0",
        "self.ts_ms, self.seq = self.ts_ms, 0",
        BY_IDENTITY,
    ),
    Mutant(
        "levels_have_leading_zeros",
        IDENTITY,
        '_LEVEL: Final = r"(0|[1-9][0-9]{0,2})"',
        '_LEVEL: Final = r"([0-9]{1,3})"',
        BY_IDENTITY,
    ),
    Mutant(
        "any_number_of_digits_is_read",
        IDENTITY,
        '_NUMBER: Final = r"(0|[1-9][0-9]{0,14})"',
        '_NUMBER: Final = r"(0|[1-9][0-9]*)"',
        BY_IDENTITY,
    ),
    Mutant(
        "the_venue_takes_one_character_more",
        IDENTITY,
        "ID_LENGTH_MAX: Final = 36",
        "ID_LENGTH_MAX: Final = 37",
        BY_IDENTITY,
    ),
    Mutant(
        "legacy_is_read_before_the_first_version",
        IDENTITY,
        "        found = _V1_REST.fullmatch(client_order_id, len(prefix))\n",
        "        found = not _LEGACY.fullmatch(client_order_id) and _V1_REST.fullmatch(\n"
        "            client_order_id, len(prefix)\n        )\n",
        BY_IDENTITY,
    ),
    Mutant(
        "our_own_orders_may_be_foreign",
        IDENTITY,
        "if self.require_strategy_allowlist and self.strategy_id not in self.strategies:",
        "if self.require_strategy_allowlist and not self.strategies:",
        BY_IDENTITY,
    ),
    Mutant(
        "long_symbols_are_found_out_at_the_venue",
        IDENTITY,
        "            self.config.check_length(len(symbol))\n",
        "            self.config.check_length(2)\n",
        BY_IDENTITY,
    ),
    Mutant(
        "the_adapter_trusts_every_id",
        "grinder_adapters/binance/spec.py",
        "return self.identity.is_ours(client_order_id)",
        "return client_order_id.startswith(self.identity.prefix)",
        ("tests/adapters/binance/test_spec.py",),
    ),
)
