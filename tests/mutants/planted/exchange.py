"""Mistakes in the exchange: filters, entry, amends, ends, conditionals, margin, liquidation."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutant import Mutant

FILTERS: Final = ("tests/core/exchange/test_filters.py",)
ENTRY: Final = ("tests/core/exchange/test_entry.py",)
AMEND: Final = ("tests/core/exchange/test_amend.py",)
CANCELS: Final = ("tests/core/exchange/test_cancels.py",)
CONDITIONAL: Final = ("tests/core/exchange/test_conditional.py",)
REDUCING: Final = ("tests/core/exchange/test_reduce_only.py",)
MARGIN: Final = ("tests/core/exchange/test_margin.py",)
MARKET: Final = ("tests/core/exchange/test_exchange_market.py",)
ANY: Final = ("tests/core/exchange/test_exchange_any.py",)
EXCHANGE: Final = "grinder_core/venue/exchange"

MUTANTS: tuple[Mutant, ...] = (
    # -- filters
    Mutant(
        "the_grid_of_prices_starts_at_nothing",
        EXCHANGE,
        "if (price - self.min_price) % self.tick:",
        "if price % self.tick:",
        FILTERS,
    ),
    # -- entry
    Mutant(
        "a_client_id_may_have_trailing_junk",
        EXCHANGE,
        "    if CLIENT_ID.fullmatch(order.client_order_id) is None:",
        "    if CLIENT_ID.match(order.client_order_id) is None:",
        ENTRY,
    ),
    Mutant(
        "the_venues_own_name_is_not_checked",
        EXCHANGE,
        "return refuse(-4116) if order.name in book.by_client_id else None",
        "own = f'web_{order.number:012d}' == order.client_order_id\n"
        "    return refuse(-4116) if order.name in book.by_client_id and not own else None",
        ENTRY,
    ),
    Mutant(
        "fill_or_kill_fills_a_part",
        EXCHANGE,
        "if sum((qty for _, qty in got), ZERO) < order.qty:",
        "if not got:",
        ENTRY,
    ),
    Mutant(
        "self_trade_prevention_spares_the_maker",
        EXCHANGE,
        "if order.self_trade is not SelfTrade.EXPIRE_TAKER:",
        "if order.self_trade is SelfTrade.EXPIRE_MAKER:",
        ENTRY,
    ),
    Mutant(
        "any_closing_order_is_taken_where_others_close_all",
        EXCHANGE,
        "return refuse(-2022) if sum(better, ZERO) >= room else None",
        "return None",
        REDUCING,
    ),
    Mutant(
        "what_is_sold_more_is_margined_as_bought",
        EXCHANGE,
        "            asks += more\n",
        "            bids += more\n",
        ENTRY,
    ),
    Mutant(
        "money_for_all_but_one_is_enough_at_any_leverage",
        EXCHANGE,
        "if free >= after + ONE:",
        "if free >= after - ONE:",
        ENTRY,
    ),
    Mutant(
        "the_profit_of_a_position_does_not_carry_more_of_it",
        EXCHANGE,
        "(position is without and not position.ledger.qty)",
        "position is without",
        ENTRY,
    ),
    # -- taking
    Mutant(
        "what_is_taken_is_shown_again",
        EXCHANGE,
        "    displayed.take_levels(side, ((price, qty),))\n",
        "",
        MARKET,
    ),
    Mutant(
        "a_resting_fill_leaves_the_depth_untouched",
        EXCHANGE,
        "            book.displayed.take_levels(order.side, ((best, qty),))\n",
        "            pass\n",
        MARKET,
    ),
    Mutant(
        "an_emptied_quote_is_taken_backwards",
        EXCHANGE,
        "return ((best, qty),) if qty > 0 else ()",
        "return ((best, qty),) if qty else ()",
        MARKET,
    ),
    # -- amends
    Mutant(
        "an_amended_order_keeps_its_place",
        EXCHANGE,
        "    meet(floor, book, order)\n    return order\n",
        "    ahead = order.queue_ahead\n    meet(floor, book, order)\n"
        "    order.queue_ahead = ahead\n    return order\n",
        AMEND,
    ),
    Mutant(
        "an_old_book_moves_an_amended_order_forward",
        EXCHANGE,
        "    order.placed_ts = floor.now  # a book from before this cannot know who came first\n",
        "",
        AMEND,
    ),
    Mutant(
        "an_amend_to_what_has_filled_leaves_the_order",
        EXCHANGE,
        "if request.qty <= order.filled or takes:",
        "if request.qty < order.filled or takes:",
        AMEND,
    ),
    Mutant(
        "an_amend_counts_the_new_notional_only",
        EXCHANGE,
        "        position.add_open(order.side, -order.price * order.remaining)\n"
        "        position.add_open(order.side, price",
        "        position.add_open(order.side, price",
        AMEND,
    ),
    # -- ends
    Mutant(
        "a_countdown_overtakes_a_date",
        EXCHANGE,
        "        _expire(floor, time)\n        del",
        "        del",
        CANCELS,
    ),
    Mutant(
        "a_name_is_forgotten_with_its_older_order",
        EXCHANGE,
        "if self.names.get(name) == oldest.number:",
        "if name in self.names:",
        CANCELS,
    ),
    # -- reduce-only
    Mutant(
        "the_nearest_closing_order_is_pushed_out_first",
        EXCHANGE,
        "left.sort(key=lambda order: (order.side.sign * order.price, -order.number))",
        "left.sort(key=lambda order: (-order.side.sign * order.price, -order.number))",
        REDUCING,
    ),
    Mutant(
        "a_better_closing_order_pushes_nobody_out",
        EXCHANGE,
        "        if order.reduce_only:\n"
        "            floor.trim(order.account, floor.clearing.position_of(order))\n",
        "",
        REDUCING,
    ),
    # -- conditional orders
    Mutant(
        "a_stop_waits_for_one_tick_more",
        EXCHANGE,
        "return price >= order.trigger_price",
        "return price > order.trigger_price",
        CONDITIONAL,
    ),
    Mutant(
        "a_trailing_stop_forgets_its_best_price",
        EXCHANGE,
        "order.best = max(order.best, price) if sells else min(order.best, price)",
        "order.best = price",
        CONDITIONAL,
    ),
    Mutant(
        "the_oldest_number_is_forgotten_instead_of_the_first_finished",
        EXCHANGE,
        "next(iter(floor.finished_conditionals))",
        "min(floor.finished_conditionals)",
        CONDITIONAL,
    ),
    Mutant(
        "close_position_may_open_in_hedge_mode",
        EXCHANGE,
        "return refuse(-1128) if _opens(order) else None",
        "return None",
        CONDITIONAL,
    ),
    # -- margin
    Mutant(
        "open_orders_need_the_margin_of_one_side_only",
        EXCHANGE,
        "return max(abs(worth + bids), abs(worth - asks), abs(worth))",
        "return max(abs(worth + bids), abs(worth))",
        MARGIN,
    ),
    Mutant(
        "a_kept_margin_outlives_its_leverage",
        EXCHANGE,
        "if kept[0] == exposure and kept[1] == leverage:",
        "if kept[0] == exposure:",
        MARGIN,
    ),
    Mutant(
        "the_liquidation_price_forgets_the_bracket_amount",
        EXCHANGE,
        "wallet + bracket.cum - cost_basis",
        "wallet - cost_basis",
        MARGIN,
    ),
    Mutant(
        "an_isolated_position_survives_at_its_limit",
        EXCHANGE,
        "return balance <= maintenance_margin(instrument.brackets, abs(worth))",
        "return balance < maintenance_margin(instrument.brackets, abs(worth))",
        MARGIN,
    ),
    Mutant(
        "a_cross_account_survives_at_its_limit",
        EXCHANGE,
        "    return balance <= keep",
        "    return balance < keep",
        MARGIN,
    ),
    Mutant(
        "nobody_pays_what_an_isolated_position_lost_beyond_its_margin",
        EXCHANGE,
        "    if loss > 0:\n",
        "    if loss > loss + 1:\n",
        MARGIN,
    ),
    Mutant(
        "a_part_closed_frees_the_whole_margin",
        EXCHANGE,
        "whole = closed == abs(before)",
        "whole = bool(closed)",
        MARGIN,
    ),
    Mutant(
        "a_refused_leverage_stays",
        EXCHANGE,
        "        account.terms = kept\n",
        "",
        MARGIN,
    ),
    # -- money, stored and told
    Mutant(
        "isolated_funding_is_paid_by_all",
        EXCHANGE,
        "            position.isolated_wallet -= amount\n        else:\n",
        "            self.cross_wallet -= amount\n        else:\n",
        MARKET,
    ),
    Mutant(
        "an_insured_loss_is_not_told",
        EXCHANGE,
        "        floor.tell_account(account.name, AccountReason.INSURANCE_CLEAR, change=loss)\n",
        "",
        ANY,
    ),
    Mutant(
        "a_fill_keeps_its_margin_at_the_venue",
        EXCHANGE,
        "            position.add_open(order.side, -order.price * qty)\n",
        "            position.add_open(order.side, -price * qty)\n",
        ANY,
    ),
    Mutant(
        "a_loaded_book_has_orders_of_its_own",
        EXCHANGE,
        "{name: self.orders[int(name)] for name in book.orders}",
        "dict(book.orders)",
        ANY,
    ),
    Mutant(
        "what_was_loaded_has_no_bound",
        EXCHANGE,
        "self.income = deque(self.income, MONEY_HISTORY)",
        "self.income = deque(self.income)",
        ANY,
    ),
)
