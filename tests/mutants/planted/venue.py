"""Known ways to break the simulated venue: fills, queue, latency, funding, margin."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutant import Mutant

BY_PRICE: Final = ("tests/core/test_venue.py",)
BY_DEPTH: Final = ("tests/core/test_venue_depth.py",)
BY_QUEUE: Final = ("tests/core/test_venue_queue.py",)
LATENCY: Final = ("tests/core/test_venue_latency.py",)
ACCOUNT: Final = ("tests/core/test_venue_account.py",)
ANY: Final = ("tests/core/test_venue_any.py",)
VENUE: Final = "grinder_core/venue"

MUTANTS: tuple[Mutant, ...] = (
    # -- fill models
    Mutant(
        "touch_fills_at_the_far_side",
        VENUE,
        "self.buy_trigger, self.sell_trigger = bid, ask\n",
        "self.buy_trigger, self.sell_trigger = ask, bid\n",
        BY_PRICE,
    ),
    Mutant(
        "quote_fills_at_the_near_side",
        VENUE,
        "self.buy_trigger, self.sell_trigger = snapshot.ask_price, snapshot.bid_price",
        "self.buy_trigger, self.sell_trigger = snapshot.bid_price, snapshot.ask_price",
        BY_PRICE,
    ),
    Mutant(
        "an_order_fills_before_any_market",
        VENUE,
        "return self.buy_trigger is not None and self.buy_trigger <= order.price",
        "return self.buy_trigger is None or self.buy_trigger <= order.price",
        BY_PRICE,
    ),
    # -- delay
    Mutant(
        "distance_delay_without_a_cap",
        VENUE,
        "tick += min(extra, settings.max_extra_delay_ticks)",
        "tick += extra",
        BY_PRICE,
    ),
    Mutant(
        "distance_delay_instead_of_the_base_delay",
        VENUE,
        "tick += min(extra",
        "tick = self.tick + min(extra",
        BY_PRICE,
    ),
    # -- partial fills
    Mutant(
        "the_budget_of_the_wrong_side",
        VENUE,
        "return usable(snapshot.ask_qty, participation_bps) - self.asks_taken",
        "return usable(snapshot.bid_qty, participation_bps) - self.asks_taken",
        BY_PRICE,
    ),
    Mutant(
        "each_phase_has_its_own_budget",
        VENUE,
        "            self.asks_taken += qty\n",
        "            self.asks_taken += 0\n",
        BY_PRICE,
    ),
    Mutant(
        "the_budget_outlives_its_snapshot",
        VENUE,
        "            self.asks_taken = self.bids_taken = ZERO\n",
        "",
        BY_PRICE,
    ),
    Mutant(
        "worst_price_served_first",
        VENUE,
        "return False, order.price.copy_negate(), order.order_id",
        "return False, order.price, order.order_id",
        BY_PRICE,
    ),
    Mutant(
        "an_unfinished_order_leaves",
        VENUE,
        "        if state.is_final:\n            book.remove(order.order_id)",
        "        book.remove(order.order_id)",
        BY_PRICE,
    ),
    # -- depth
    Mutant(
        "the_age_limit_is_exclusive",
        VENUE,
        "0 <= now - self.depth_seen_ms <= max_age_ms",
        "0 <= now - self.depth_seen_ms < max_age_ms",
        BY_DEPTH,
    ),
    Mutant(
        "a_book_of_later_fills",
        VENUE,
        "0 <= now - self.depth_seen_ms <= max_age_ms",
        "now - self.depth_seen_ms <= max_age_ms",
        BY_DEPTH,
    ),
    Mutant(
        "a_lost_book_fills",
        VENUE,
        "            if not levels:\n                return None\n",
        "            levels = levels or [(order.price, want)]\n",
        BY_DEPTH,
    ),
    Mutant(
        "levels_are_never_depleted",
        VENUE,
        "        displayed.take_levels(order.side, levels)\n",
        "",
        BY_DEPTH,
    ),
    Mutant(
        "depth_average_rounded_in_our_favour",
        VENUE,
        "(dec_up if side is Side.BUY else dec_down)(cost",
        "(dec_down if side is Side.BUY else dec_up)(cost",
        BY_DEPTH,
    ),
    Mutant(
        "resting_depth_fills_better_than_the_limit",
        VENUE,
        "            if is_new:\n                price = average_price",
        "            if levels:\n                price = average_price",
        BY_DEPTH,
    ),
    Mutant(
        "a_part_fills_where_only_the_whole_may",
        VENUE,
        "if not self.settings.partial_fills_enabled and sum(",
        "if self.settings.partial_fills_enabled and sum(",
        BY_DEPTH,
    ),
    # -- queue
    Mutant(
        "nobody_is_ahead",
        VENUE,
        "    eaten = min(ahead, left)\n    return ahead - eaten, min(want, left - eaten)",
        "    eaten = min(ahead, left)\n    return ahead - eaten, min(want, left)",
        BY_QUEUE,
    ),
    Mutant(
        "an_unknown_queue_is_empty",
        VENUE,
        "    if ahead is None:\n        return None, ZERO\n",
        "    ahead = ahead or ZERO\n",
        BY_QUEUE,
    ),
    Mutant(
        "any_aggressor_eats_the_queue",
        VENUE,
        "trade.price == price and trade.is_buyer_maker is (side is Side.BUY)",
        "trade.price == price",
        BY_QUEUE,
    ),
    Mutant(
        "a_print_at_the_limit_goes_through",
        VENUE,
        "return trade.price < price if side is Side.BUY else trade.price > price",
        "return trade.price <= price if side is Side.BUY else trade.price >= price",
        BY_QUEUE,
    ),
    Mutant(
        "new_quantity_stands_before_us",
        VENUE,
        "    return min(ahead, displayed)\n",
        "    return displayed\n",
        BY_QUEUE,
    ),
    Mutant(
        "an_old_book_says_who_came_first",
        VENUE,
        "if depth.ts_ms >= order.placed_ts:",
        "if depth.ts_ms >= 0:",
        BY_QUEUE,
    ),
    Mutant(
        "one_print_fills_every_order",
        VENUE,
        "            left -= qty\n",
        "            left -= 0\n",
        BY_QUEUE,
    ),
    # -- fees and slippage
    Mutant(
        "resting_pays_the_takers_fee",
        VENUE,
        "settings.taker_fee_bps_x100 if takes else settings.maker_fee_bps_x100",
        "settings.taker_fee_bps_x100",
        BY_PRICE,
    ),
    Mutant(
        "slippage_in_our_favour",
        VENUE,
        "dec_down(price * (BPS - slippage_bps)",
        "dec_down(price * (BPS + slippage_bps)",
        LATENCY,
    ),
    Mutant(
        "flatten_turns_the_position",
        VENUE,
        "qty = min(order.qty, book.reducible(order.side))",
        "qty = order.qty if book.reducible(order.side) else 0 * order.qty",
        LATENCY,
    ),
    # -- latency
    Mutant(
        "an_arrival_is_a_millisecond_late",
        VENUE,
        "if min(due, boundary) > now:",
        "if min(due, boundary) >= now:",
        LATENCY,
    ),
    Mutant(
        "an_arrival_sees_the_market_after",
        VENUE,
        "if order.eligible_tick == book.tick and book.reached(order, self.settings.fill_mode):",
        "if False:",
        LATENCY,
    ),
    Mutant(
        "a_cancel_overtakes_its_order",
        VENUE,
        "                due = max(due, entry.due)\n",
        "                due = min(due, entry.due)\n",
        LATENCY,
    ),
    Mutant(
        "orders_overtake_each_other",
        VENUE,
        "insort(self.entries, arrival, key=_due)",
        "self.entries.insert(0, arrival)",
        LATENCY,
    ),
    # -- funding
    Mutant(
        "shorts_pay_longs",
        VENUE,
        "amount=qty * mark * rate",
        "amount=-qty * mark * rate",
        ACCOUNT,
    ),
    Mutant(
        "funding_never_reaches_the_wallet",
        VENUE,
        "        self.wallet -= amount\n",
        "",
        ACCOUNT,
    ),
    Mutant(
        "passed_settlements_are_skipped",
        VENUE,
        "                self.next_funding += interval\n",
        "                self.next_funding = boundary_after(now, interval)\n",
        ACCOUNT,
    ),
    Mutant(
        "the_venues_mark_is_ignored",
        VENUE,
        "(book.mark_price if marked else None) or book.mid",
        "book.mid",
        ACCOUNT,
    ),
    # -- margin
    Mutant(
        "liquidation_only_below_the_margin",
        VENUE,
        "self.wallet + self.unrealized <= self.maintenance",
        "self.wallet + self.unrealized < self.maintenance",
        ACCOUNT,
    ),
    Mutant(
        "a_cap_belongs_to_the_next_bracket",
        VENUE,
        "if notional <= bracket.notional_cap:",
        "if notional < bracket.notional_cap:",
        ACCOUNT,
    ),
    Mutant(
        "the_bracket_amount_is_forgotten",
        VENUE,
        "return notional * bracket.maint_margin_ratio - bracket.cum",
        "return notional * bracket.maint_margin_ratio",
        ACCOUNT,
    ),
    Mutant(
        "a_replaced_margin_still_counts",
        VENUE,
        "        self.maintenance += maintenance - before[1]\n",
        "        self.maintenance += maintenance\n",
        ACCOUNT,
    ),
    Mutant(
        "orders_rest_on_after_a_liquidation",
        VENUE,
        "        updates = cancel_all(books, ts)\n",
        "        updates: list[OrderUpdate] = []\n",
        ACCOUNT,
    ),
    Mutant(
        "the_venue_forgets_a_fee",
        VENUE,
        "self.wallet += ledger.realized_pnl - realized - fee",
        "self.wallet += ledger.realized_pnl - realized",
        ANY,
    ),
    Mutant(
        "a_loaded_venue_forgets_what_is_due",
        VENUE,
        "self.settings.liquidation_enabled\n        self._set_deadline()\n",
        "self.settings.liquidation_enabled\n"
        "        if not self.inbox.entries:\n            self._set_deadline()\n",
        ANY,
    ),
)
