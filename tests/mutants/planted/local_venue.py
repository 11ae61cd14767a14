"""Known ways to break the local exchange as a whole: requests, streams, faults, sockets, state."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutant import Mutant

ROOM: Final = "grinder_adapters/local_venue"
TESTS: Final = "tests/adapters/local_venue"
SESSION: Final = f"{ROOM}/session.py"
VENUE: Final = f"{ROOM}/venue.py"
ORDERS: Final = f"{ROOM}/order_routes.py"
ACCOUNT: Final = f"{ROOM}/account_routes.py"
USER: Final = f"{ROOM}/user_texts.py"
MEMORY: Final = f"{ROOM}/memory.py"
SERVER: Final = f"{ROOM}/server.py"
ASSEMBLY: Final = f"{ROOM}/assembly.py"
TRANSPORT: Final = "grinder_adapters/aiohttp_transport.py"
BY_SESSIONS: Final = (f"{TESTS}/test_sessions.py",)
BY_ORDERS: Final = (f"{TESTS}/test_orders_over_rest.py",)
BY_ACCOUNT: Final = (f"{TESTS}/test_account_over_rest.py",)
BY_USER: Final = (f"{TESTS}/test_user_stream.py",)
BY_DELIVERY: Final = (f"{TESTS}/test_delivery.py",)
BY_FAULTS: Final = (f"{TESTS}/test_faults_at_the_venue.py",)
BY_MISHAPS: Final = (f"{TESTS}/test_mishaps.py",)
BY_FUZZ: Final = (f"{TESTS}/test_fuzz.py",)
BY_FEED: Final = (f"{TESTS}/test_market_feed.py",)
BY_LOCKSTEP: Final = (f"{TESTS}/test_lockstep.py",)
BY_MEMORY: Final = (f"{TESTS}/test_memory.py",)
BY_ASSEMBLY: Final = (f"{TESTS}/test_assembly.py",)
BY_SERVER: Final = (f"{TESTS}/test_server.py",)
BY_OPENAPI: Final = (f"{TESTS}/test_openapi.py",)
BY_TRANSPORT: Final = ("tests/adapters/test_aiohttp_transport.py",)
BY_COMMANDS: Final = ("tests/app/test_venue_commands.py",)

MUTANTS: tuple[Mutant, ...] = (
    # -- requests
    Mutant(
        "a_batch_takes_a_sixth_order",
        ORDERS,
        "BATCH_MAX: Final = 5",
        "BATCH_MAX: Final = 6",
        BY_ORDERS,
    ),
    Mutant(
        "an_acknowledgement_shows_what_became_of_the_order",
        ORDERS,
        'if call.values.get("newOrderRespType") == "RESULT":',
        'if call.values.get("newOrderRespType") != "ACK":',
        BY_ORDERS,
    ),
    Mutant(
        "the_client_id_wins_over_the_id",
        ORDERS,
        'return number, "" if number else name',
        "return 0 if name else number, name",
        BY_ORDERS,
    ),
    Mutant(
        "a_closed_order_is_found_as_open",
        ORDERS,
        "if not order.status.is_open:",
        "if order is None:",
        BY_ORDERS,
    ),
    Mutant(
        "a_page_from_an_id_shows_the_newest",
        ORDERS,
        "(found[:limit] if first else found[-limit:])",
        "found[-limit:]",
        BY_ORDERS,
    ),
    Mutant(
        "a_rate_is_computed_in_the_ambient_context",
        f"{ROOM}/conditional_routes.py",
        "    with exact():\n        if rate * 10",
        "    if True:\n        if rate * 10",
        BY_ORDERS,
    ),
    Mutant(
        "the_limits_told_are_not_those_enforced",
        ACCOUNT,
        "limits = call.limits",
        "limits = type(call.limits)()",
        BY_ACCOUNT,
    ),
    Mutant(
        "margin_is_added_where_it_should_be_taken_out",
        ACCOUNT,
        "amount.copy_negate()",
        "amount",
        BY_ACCOUNT,
    ),
    Mutant(
        "an_undocumented_parameter_is_read",
        ACCOUNT,
        "    symbol, leverage = call.text(",
        '    call.values.get("x")\n    symbol, leverage = call.text(',
        BY_OPENAPI,
    ),
    # -- user stream
    Mutant(
        "a_fill_is_told_before_its_light_form",
        USER,
        'return [("TRADE_LITE", orjson.dumps(_lite(push))), full]',
        'return [full, ("TRADE_LITE", orjson.dumps(_lite(push)))]',
        BY_USER,
    ),
    Mutant(
        "open_notional_stands_on_the_other_side",
        USER,
        "(rest, ZERO) if order.side is Side.BUY else",
        "(rest, ZERO) if order.side is Side.SELL else",
        BY_USER,
    ),
    Mutant(
        "a_fill_that_nobody_hears_counts_as_one_event",
        USER,
        "    return 2 if isinstance(push, OrderPush)",
        "    return 1 if isinstance(push, OrderPush)",
        BY_USER,
    ),
    Mutant(
        "user_events_are_not_counted_where_nobody_listens",
        VENUE,
        "        counts[account] = counts.get(account, 0) + 1\n"
        "        held = self.listen_keys.live.get(account)",
        "        held = self.listen_keys.live.get(account)\n"
        "        counts[account] = counts.get(account, 0) + (held is not None)",
        BY_USER,
    ),
    # -- connections
    Mutant(
        "the_old_url_still_serves_market_streams",
        SESSION,
        "    Category.UNROUTED: frozenset(Category) - {Category.MARKET},",
        "    Category.UNROUTED: frozenset(Category),",
        BY_SESSIONS,
    ),
    Mutant(
        "a_frame_wakes_whoever_sends_only_once_another_follows",
        SESSION,
        "        if len(outbox) == 1:  # whoever",
        "        if len(outbox) == 2:  # whoever",
        BY_MEMORY,
    ),
    Mutant(
        "an_eleventh_message_in_a_second_is_taken",
        SESSION,
        "if len(self.received) > MESSAGES_PER_SECOND:",
        "if len(self.received) > MESSAGES_PER_SECOND + 1:",
        BY_SESSIONS,
    ),
    Mutant(
        "a_method_that_is_a_list_ends_the_exchange",
        SESSION,
        'if method not in ("SUBSCRIBE", "UNSUBSCRIBE"):',
        'if method not in {"SUBSCRIBE", "UNSUBSCRIBE"}:',
        BY_FUZZ,
    ),
    Mutant(
        "a_connection_opens_with_too_many_streams",
        f"{ROOM}/hub.py",
        "if len(names) > STREAMS_MAX:",
        "if len(names) > STREAMS_MAX + 1:",
        BY_SESSIONS,
    ),
    Mutant(
        "a_connection_lives_a_moment_longer_than_a_day",
        SESSION,
        "if now - self.opened_at >= LIFE_MS:",
        "if now - self.opened_at > LIFE_MS:",
        BY_SESSIONS,
    ),
    Mutant(
        "unsubscribed_streams_stay_in_the_index",
        f"{ROOM}/hub.py",
        "            if not sessions:\n                del self.by_stream[name]",
        "            if sessions:\n                del self.by_stream[name]",
        BY_SESSIONS,
    ),
    # -- frames and faults
    Mutant(
        "a_held_frame_is_sent_before_the_next_one",
        f"{ROOM}/delivery.py",
        "        fate = self.plan.on_frame(name, event, now, symbol)\n",
        "        if frame.stream in self.held:\n"
        "            self._send(self.held.pop(frame.stream))\n"
        "        fate = self.plan.on_frame(name, event, now, symbol)\n",
        BY_DELIVERY,
    ),
    Mutant(
        "a_late_frame_comes_a_moment_later_still",
        f"{ROOM}/delivery.py",
        "self.late[0].due <= now",
        "self.late[0].due < now",
        BY_DELIVERY,
    ),
    Mutant(
        "a_kline_is_not_known_by_its_event",
        f"{ROOM}/delivery.py",
        '.partition("@")[0].partition("_")[0]',
        '.partition("@")[0]',
        BY_DELIVERY,
    ),
    Mutant(
        "an_unexecuted_fault_executes",
        VENUE,
        "        if fault.executes:\n",
        "        if fault.executes or fault.answers:\n",
        BY_FAULTS,
    ),
    Mutant(
        "a_skewed_clock_is_not_told",
        f"{ROOM}/gateway.py",
        "market(self.board, visit.values, now + skew_ms)",
        "market(self.board, visit.values, now)",
        BY_FAULTS,
    ),
    Mutant(
        "a_foreign_order_rests_before_the_market",
        f"{ROOM}/mishaps.py",
        "BPS - offset_bps if side is Side.BUY else BPS + offset_bps",
        "BPS + offset_bps if side is Side.BUY else BPS - offset_bps",
        BY_MISHAPS,
    ),
    Mutant(
        "prices_count_from_a_bound_off_the_new_tick",
        f"{ROOM}/mishaps.py",
        "min_price=tick * ceil_div(instrument.min_price, tick),",
        "min_price=instrument.min_price,",
        BY_MISHAPS,
    ),
    # -- market, lockstep, memory
    Mutant(
        "the_next_funding_keeps_its_recorded_time",
        f"{ROOM}/market_feed.py",
        "now + funding - payload.ts",
        "funding",
        BY_FEED,
    ),
    Mutant(
        "the_market_waits_for_connections_that_ended",
        SESSION,
        "return len(self.outbox) > most and not self.close_code",
        "return len(self.outbox) > most",
        BY_FEED,
    ),
    Mutant(
        "lockstep_lets_keys_run_out_between_events",
        f"{ROOM}/lockstep.py",
        "self.venue.listen_keys.spare(now - self.clock.now)",
        "self.venue.listen_keys.spare(0)",
        BY_LOCKSTEP,
    ),
    Mutant(
        "lockstep_leaves_its_client_waiting_when_the_market_breaks_off",
        f"{ROOM}/lockstep.py",
        'session.close(FAILED, "the market ended early")',
        "session.wake()",
        BY_LOCKSTEP,
    ),
    Mutant(
        "a_lockstep_client_is_too_old_after_a_day_of_market_time",
        SESSION,
        "if self.category is Category.LOCKSTEP:  # its",
        "if False:  # its",
        BY_SESSIONS,
    ),
    Mutant(
        "an_early_acknowledgement_counts",
        f"{ROOM}/lockstep.py",
        "while session.acknowledged < turn:",
        "while session.acknowledged < turn - 1:",
        BY_LOCKSTEP,
    ),
    Mutant(
        "a_late_answer_is_waited_for",
        MEMORY,
        "fault.latency_ms + fault.answer_delay_ms >= timeout_ms",
        "fault.latency_ms + fault.answer_delay_ms > timeout_ms",
        BY_MEMORY,
    ),
    # -- state, sockets, commands
    Mutant(
        "conditional_orders_are_lost_in_the_state",
        ASSEMBLY,
        '"closed", "conditionals", "finished_conditionals")',
        '"closed", "finished_conditionals")',
        BY_ASSEMBLY,
    ),
    Mutant(
        "a_frame_of_126_bytes_has_a_short_head",
        SERVER,
        "if size < 126:",
        "if size < 127:",
        BY_SERVER,
    ),
    Mutant(
        "who_does_not_read_is_kept",
        SERVER,
        "if session.is_behind(OUTBOX_MAX):",
        "if session.is_behind(OUTBOX_MAX * 100):",
        BY_SERVER,
    ),
    Mutant(
        "the_library_sends_an_amend_again",
        TRANSPORT,
        "            middlewares=(_send_once,),\n",
        "",
        BY_TRANSPORT,
    ),
    Mutant(
        "a_broken_connection_passes_for_one_never_made",
        TRANSPORT,
        "raise ConnectorTransientError(text, where=_host(url)) from None\n\n"
        '    async def close(self) -> None:\n        """Close all connections."""',
        "raise ConnectionNotMadeError(text, where=_host(url)) from None\n\n"
        '    async def close(self) -> None:\n        """Close all connections."""',
        BY_TRANSPORT,
    ),
    Mutant(
        "any_duration_is_served",
        "grinder_app/runner/serve.py",
        "if not 0 <= self.duration_s < inf:",
        "if self.duration_s < 0:",
        BY_COMMANDS,
    ),
)
