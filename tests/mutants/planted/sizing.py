"""Ways to break sizing, lot rules, the sources of lot rules, and how both become settings."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

_SIZER = "grinder_core/sizing/auto_sizer.py"
_ALLOCATOR = "grinder_core/sizing/allocator.py"
_LOTS = "grinder_core/orders/constraints.py"
_INFO = "grinder_core/orders/exchange_info.py"
_FILES = "grinder_adapters/exchange_info"
_CONFIG = "grinder_app/config"

_SIZER_TESTS = ("tests/core/test_auto_sizer.py",)
_ALLOCATOR_TESTS = ("tests/core/test_allocator.py",)
_LOTS_TESTS = ("tests/core/test_constraints.py",)
_INFO_TESTS = ("tests/core/test_exchange_info.py",)
_PROVIDER_TESTS = ("tests/adapters/test_constraint_provider.py",)
_FILES_TESTS = ("tests/adapters/test_venue_rule_files.py",)
_CONFIG_TESTS = ("tests/app/test_config_venue_files.py", "tests/app/test_config_records.py")

MUTANTS: tuple[Mutant, ...] = (
    # -- CORE-25
    Mutant(
        "pyramid_upside_down",
        _SIZER,
        "return range(1, n_levels + 1)",
        "return range(n_levels, 0, -1)",
        _SIZER_TESTS,
    ),
    Mutant(
        "budget_spent_on_each_level",
        _SIZER,
        "per_weight = loss_per_unit * sum(weights)",
        "per_weight = loss_per_unit * max(weights)",
        _SIZER_TESTS,
    ),
    Mutant(
        "adverse_move_forgotten_in_the_size",
        _SIZER,
        "per_weight = loss_per_unit * sum(weights)",
        "per_weight = price * sum(weights)",
        _SIZER_TESTS,
    ),
    Mutant(
        "level_size_rounded_up",
        _SIZER,
        "w: dec_down(budget * w, qty_precision, per_weight)",
        "w: dec_down(budget * w, qty_precision, per_weight) + Decimal(1).scaleb(-qty_precision)",
        _SIZER_TESTS,
    ),
    Mutant(
        "level_at_the_least_size_left_out",
        _SIZER,
        "if quantities[w] < min_qty",
        "if quantities[w] <= min_qty",
        _SIZER_TESTS,
    ),
    Mutant(
        "levels_too_small_still_count_as_loss",
        _SIZER,
        "worst = sum(levels, ZERO) * loss_per_unit",
        "worst = sum((quantities[w] for w in weights), ZERO) * loss_per_unit",
        _SIZER_TESTS,
    ),
    Mutant(
        "share_above_one_accepted",
        _SIZER,
        "not 0 < value <= 1",
        "not 0 < value",
        _SIZER_TESTS,
    ),
    # -- CORE-26
    Mutant(
        "riskier_tier_gets_more",
        _ALLOCATOR,
        "candidate.weight * multipliers[candidate.tier]",
        "candidate.weight * factors[candidate.tier]",
        _ALLOCATOR_TESTS,
    ),
    Mutant(
        "weight_forgotten",
        _ALLOCATOR,
        "candidate.weight * multipliers[candidate.tier]",
        "multipliers[candidate.tier]",
        _ALLOCATOR_TESTS,
    ),
    Mutant(
        "share_rounded_before_the_budget",
        _ALLOCATOR,
        "dec_down(total * weight, budget_precision, sum_of_weights)",
        "dec_down(total * dec_down(weight, 8, sum_of_weights), budget_precision)",
        _ALLOCATOR_TESTS,
    ),
    Mutant(
        "budget_at_the_least_is_none",
        _ALLOCATOR,
        "if share < min_budget_usd",
        "if share <= min_budget_usd",
        _ALLOCATOR_TESTS,
    ),
    Mutant(
        "dropped_budgets_vanish",
        _ALLOCATOR,
        "residual_usd=total - sum(budgets.values(), ZERO)",
        "residual_usd=total - sum(shares.values(), ZERO)",
        _ALLOCATOR_TESTS,
    ),
    Mutant(
        "disabled_symbol_takes_a_share",
        _ALLOCATOR,
        "if candidate.enabled:",
        "if candidate.symbol:",
        _ALLOCATOR_TESTS,
    ),
    Mutant(
        "duplicate_symbol_counts_once",
        _ALLOCATOR,
        "if candidate.symbol in seen:",
        "if candidate.symbol in weights and False:",
        _ALLOCATOR_TESTS,
    ),
    Mutant(
        "weights_of_settings_ignored",
        _ALLOCATOR,
        "settings.symbol_weights.get(symbol, ONE)",
        "ONE",
        _ALLOCATOR_TESTS,
    ),
    Mutant(
        "factors_of_settings_swapped",
        _ALLOCATOR,
        "RiskTier.HIGH: settings.tier_factor_high",
        "RiskTier.HIGH: settings.tier_factor_med",
        _ALLOCATOR_TESTS,
    ),
    # -- CORE-33
    Mutant(
        "lot_rounded_up",
        _LOTS,
        "return step * floor_div(qty, step)",
        "return step * -floor_div(-qty, step)",
        _LOTS_TESTS,
    ),
    Mutant(
        "least_quantity_judged_before_rounding",
        _LOTS,
        "rounded < limits.min_qty)",
        "qty < limits.min_qty)",
        _LOTS_TESTS,
    ),
    Mutant(
        "order_of_the_least_quantity_refused",
        _LOTS,
        "rounded < limits.min_qty)",
        "rounded <= limits.min_qty)",
        _LOTS_TESTS,
    ),
    Mutant(
        "order_of_nothing_sent",
        _LOTS,
        "if rounded == 0 or (",
        "if (",
        _LOTS_TESTS,
    ),
    Mutant(
        "least_notional_is_exclusive",
        _LOTS,
        "price * rounded < limits.min_notional",
        "price * rounded <= limits.min_notional",
        _LOTS_TESTS,
    ),
    Mutant(
        "least_notional_judged_before_rounding",
        _LOTS,
        "price * rounded < limits.min_notional",
        "price * qty < limits.min_notional",
        _LOTS_TESTS,
    ),
    Mutant(
        "exit_blocked_by_the_least_notional",
        _LOTS,
        "limits is not None and not reduce_only and price",
        "limits is not None and price",
        _LOTS_TESTS,
    ),
    Mutant(
        "digits_of_the_contract_forgotten",
        _LOTS,
        "rounded = dec_down(qty, QTY_DIGITS)",
        "rounded = qty",
        _LOTS_TESTS,
    ),
    # -- CORE-34
    Mutant(
        "lots_of_market_orders_taken",
        _INFO,
        'filters.get("LOT_SIZE")',
        'filters.get("MARKET_LOT_SIZE")',
        _INFO_TESTS,
    ),
    Mutant(
        "cache_fresh_a_millisecond_too_long",
        _INFO,
        "0 <= age_ms <= ttl_seconds * 1000",
        "0 <= age_ms <= ttl_seconds * 1000 + 1",
        _INFO_TESTS,
    ),
    Mutant(
        "cache_of_the_future_is_fresh",
        _INFO,
        "0 <= age_ms <= ttl_seconds * 1000",
        "age_ms <= ttl_seconds * 1000",
        _INFO_TESTS,
    ),
    Mutant(
        "fetch_without_permission",
        _INFO,
        "return allow_fetch and (",
        "return (allow_fetch or force_refresh) and (",
        _INFO_TESTS,
    ),
    Mutant(
        "forced_refresh_stops_at_a_fresh_cache",
        _INFO,
        "(force_refresh or cache is not CacheState.FRESH)",
        "(cache is not CacheState.FRESH)",
        _INFO_TESTS,
    ),
    Mutant(
        "stale_cache_thrown_away",
        _INFO,
        "if cache is CacheState.MISSING:",
        "if cache is not CacheState.FRESH:",
        _INFO_TESTS,
    ),
    Mutant(
        "symbol_listed_twice_keeps_one",
        _INFO,
        "found.pop(name, None)",
        "found.get(name, None)",
        _INFO_TESTS,
    ),
    Mutant(
        "answer_not_cached",
        _FILES,
        "await self._keep(answer.body)",
        "await asyncio.sleep(0)",
        _PROVIDER_TESTS,
    ),
    Mutant(
        "answer_without_rules_replaces_the_cache",
        _FILES,
        "if not constraints:\n        raise ConnectorError",
        "if constraints is None:\n        raise ConnectorError",
        _PROVIDER_TESTS,
    ),
    Mutant(
        "memory_forgets",
        _FILES,
        "self._known = found",
        "self._known = None",
        _PROVIDER_TESTS,
    ),
    Mutant(
        "redirects_followed",
        _FILES,
        "allow_redirects=False",
        "allow_redirects=True",
        _PROVIDER_TESTS,
    ),
    Mutant(
        "first_uses_ask_each_for_itself",
        _FILES,
        "async with self._one_at_a_time:",
        "async with asyncio.Lock():",
        _PROVIDER_TESTS,
    ),
    # -- files of rules
    Mutant(
        "brackets_with_a_hole_accepted",
        _FILES,
        "if bracket.notional_floor != floor:",
        "if bracket.notional_floor < floor:",
        _FILES_TESTS,
    ),
    Mutant(
        "fractions_of_brackets_become_floats",
        _FILES,
        "json.loads(content, parse_float=Decimal, ",
        "json.loads(content, parse_float=lambda t: Decimal(float(t)), ",
        _FILES_TESTS,
    ),
    Mutant(
        "expiry_of_a_future_lost",
        _FILES,
        "{f'_{expiry}' if expiry else ''}",
        "",
        _FILES_TESTS,
    ),
    Mutant(
        "file_of_rules_beats_the_hand",
        _CONFIG,
        "{**unchosen, **from_files, **chosen}",
        "{**unchosen, **chosen, **from_files}",
        _CONFIG_TESTS,
    ),
    Mutant(
        "first_run_beats_the_file_of_rules",
        _CONFIG,
        "{**unchosen, **from_files, **chosen}",
        "{**from_files, **unchosen, **chosen}",
        _CONFIG_TESTS,
    ),
    Mutant(
        "tick_set_by_hand_lost",
        _CONFIG,
        "tick = in_file.tick_size if by_hand is None else by_hand.value.tick_size",
        "tick = in_file.tick_size",
        _CONFIG_TESTS,
    ),
    Mutant(
        "floats_inside_records_accepted",
        _CONFIG,
        'def _refuse_floats(name: str, value: object, key: Key) -> None:\n    """Find',
        'def _refuse_floats(name: str, value: object, key: Key) -> None:\n    return\n    """Find',
        _CONFIG_TESTS,
    ),
)
