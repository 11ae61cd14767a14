"""Mistakes in the streams of the venue: placement, connections, queues, books, own orders."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

ROOM = "grinder_adapters/binance"
PLACEMENT = ("tests/adapters/binance/test_placement.py",)
CONNECTION = ("tests/adapters/binance/test_connection.py",)
STREAMS = ("tests/adapters/binance/test_streams.py",)
ROUTER = ("tests/adapters/binance/test_router.py",)
BOOKS = ("tests/adapters/binance/test_book_sync.py",)
USER = ("tests/adapters/binance/test_user_stream.py",)
ARCHIVE = ("tests/adapters/test_write_archive.py",)
FEED = ("tests/adapters/binance/test_feed.py",)

MUTANTS: tuple[Mutant, ...] = (
    # -- where streams sit
    Mutant(
        "a_shard_takes_one_symbol_too_many",
        f"{ROOM}/placement.py",
        "len(shard.symbols) < places",
        "len(shard.symbols) <= places",
        PLACEMENT,
    ),
    Mutant(
        "a_shard_that_was_filled_again_closes_as_empty",
        f"{ROOM}/placement.py",
        "                shard.empty_since_ms = None\n",
        "",
        PLACEMENT,
    ),
    # -- one connection
    Mutant(
        "a_refused_subscription_is_asked_for_for_ever",
        f"{ROOM}/subscriber.py",
        "if streams and not request.is_retry:",
        "if streams:",
        CONNECTION,
    ),
    Mutant(
        "a_silent_stream_is_asked_for_again_without_pause",
        f"{ROOM}/subscriber.py",
        "now - last >= self.settings.resubscribe_ms",
        "now - last >= 0",
        CONNECTION,
    ),
    Mutant(
        "waiting_for_our_reader_counts_as_silence_of_the_venue",
        f"{ROOM}/link.py",
        "            self._is_reading = False\n",
        "",
        CONNECTION,
    ),
    Mutant(
        "a_missing_pong_is_noticed_only_after_another_timeout",
        f"{ROOM}/link.py",
        "if self._network.now_ms() - last_ms >= timeout_ms:",
        "if self._network.now_ms() - last_ms >= 2 * timeout_ms:",
        CONNECTION,
    ),
    Mutant(
        "the_limiter_is_asked_but_not_told",
        f"{ROOM}/connection.py",
        "        network.limiter.record_reconnect(self.name, network.now_ms())\n",
        "",
        CONNECTION,
    ),
    Mutant(
        "backoff_never_starts_anew",
        f"{ROOM}/connection.py",
        "                    self._attempt = 0\n",
        "                    pass\n",
        CONNECTION,
    ),
    Mutant(
        "a_new_socket_that_died_replaces_the_old_one",
        f"{ROOM}/connection.py",
        "            if link.settled.done():\n                return link\n",
        "            return link\n",
        CONNECTION,
    ),
    Mutant(
        "the_old_socket_does_not_wait_for_the_new_subscriptions",
        f"{ROOM}/link.py",
        "if self._subscriber.is_settled and not self.settled.done():",
        "if not self.settled.done():",
        CONNECTION,
    ),
    Mutant(
        "a_task_that_ignores_its_end_lives_on",
        f"{ROOM}/tasks.py",
        "            work.close()\n",
        "            pass\n",
        CONNECTION,
    ),
    # -- many connections
    Mutant(
        "a_full_queue_takes_more_frames",
        f"{ROOM}/frame_queue.py",
        "while len(self._items) >= self._items_max and not self._is_ended:",
        "while len(self._items) > self._items_max and not self._is_ended:",
        STREAMS,
    ),
    Mutant(
        "a_connection_given_up_is_not_told_to_the_reader",
        f"{ROOM}/streams.py",
        "            self._queue.end(self.error)\n",
        "",
        STREAMS,
    ),
    # -- events
    Mutant(
        "changes_of_a_book_are_joined_over_a_gap",
        f"{ROOM}/event_queue.py",
        "or before.last_update_id != payload.prev_update_id",
        "or before.last_update_id > payload.last_update_id",
        ROUTER,
    ),
    Mutant(
        "of_joined_changes_the_earlier_quantity_holds",
        f"{ROOM}/event_queue.py",
        "    levels: dict[Decimal, Decimal] = dict(one)\n    levels.update(other)\n",
        "    levels: dict[Decimal, Decimal] = dict(other)\n    levels.update(one)\n",
        ROUTER,
    ),
    Mutant(
        "a_trade_taken_out_leaves_its_room_taken",
        f"{ROOM}/event_queue.py",
        "            self._trades -= 1\n",
        "            pass\n",
        ROUTER,
    ),
    Mutant(
        "a_quote_before_any_trade_has_no_last_price",
        f"{ROOM}/router.py",
        "    if not last_price:\n",
        "    if last_price:\n",
        ROUTER,
    ),
    # -- books
    Mutant(
        "a_snapshot_older_than_the_buffer_serves",
        f"{ROOM}/book_sync.py",
        "diff.first_update_id <= taken_at or diff.prev_update_id == taken_at",
        "diff.first_update_id <= taken_at + 2 or diff.prev_update_id == taken_at",
        BOOKS,
    ),
    Mutant(
        "a_gap_among_waiting_changes_is_overlooked",
        f"{ROOM}/book_sync.py",
        "            self.buffer.clear()\n        self.buffer.append(event)\n",
        "            pass\n        self.buffer.append(event)\n",
        BOOKS,
    ),
    Mutant(
        "a_book_that_was_given_up_is_not_taken_back",
        f"{ROOM}/book_sync.py",
        "return [self._lose(event.ts_ms, Loss.GAP if self.book.gaps > gaps else Loss.CROSSED)]",
        "return [self._lose(event.ts_ms, Loss.GAP if self.book.gaps > gaps else Loss.CROSSED)][1:]",
        BOOKS,
    ),
    Mutant(
        "agreeing_again_does_not_count",
        f"{ROOM}/book_sync.py",
        "        if self._shows(quote):\n            self._disagrees_since = None\n",
        "        if self._shows(quote):\n            pass\n",
        BOOKS,
    ),
    Mutant(
        "snapshots_of_a_symbol_are_asked_for_without_pause",
        f"{ROOM}/books.py",
        "wait_ms = book.next_fetch_ms - network.now_ms()",
        "wait_ms = book.next_fetch_ms - network.now_ms() - 4_000",
        BOOKS,
    ),
    # -- own orders
    Mutant(
        "executed_quantity_follows_the_newest_event_down",
        f"{ROOM}/user_fold.py",
        "more = event if event.executed_qty >= before.executed_qty else before",
        "more = event",
        USER,
    ),
    Mutant(
        "a_final_state_gives_way_to_a_later_event",
        f"{ROOM}/user_fold.py",
        "    if before.status in FINAL:\n        status = before.status\n    elif",
        "    if",
        USER,
    ),
    Mutant(
        "a_known_fill_comes_with_its_fee_again",
        f"{ROOM}/user_fold.py",
        "return _without_fill(after) if event.trade_id or after.trade_id else after",
        "return after",
        USER,
    ),
    Mutant(
        "orders_that_ended_push_out_those_that_rest",
        f"{ROOM}/user_fold.py",
        "            self._open.pop(key, None)\n            _remember(self._final, key,",
        "            _remember(self._open, key,",
        USER,
    ),
    Mutant(
        "the_trade_cursor_goes_back",
        f"{ROOM}/user_fold.py",
        "cursor = max(trade_id, self.cursors.get(symbol, 0))",
        "cursor = trade_id",
        USER,
    ),
    Mutant(
        "an_older_merge_closes_a_newer_gap",
        f"{ROOM}/user_stream.py",
        "self.state is State.CONNECTED and self._merged == self._generation",
        "self.state is State.CONNECTED and self._merged > 0",
        USER,
    ),
    Mutant(
        "news_of_an_old_key_drop_the_new_one",
        f"{ROOM}/user_stream.py",
        "            if item.listen_key == self._key:\n                self._renew_key()\n",
        "            self._renew_key()\n",
        USER,
    ),
    # -- the feed
    Mutant(
        "the_feed_is_connected_as_soon_as_one_shard_is",
        f"{ROOM}/feed.py",
        "all(one is State.CONNECTED for one in states)",
        "any(one is State.CONNECTED for one in states)",
        FEED,
    ),
    Mutant(
        "changes_that_waited_carry_their_old_time",
        f"{ROOM}/feed.py",
        "            if now != event.ts_ms:  # it waited for a snapshot that came later\n",
        "            if now < event.ts_ms:\n",
        FEED,
    ),
    Mutant(
        "a_burst_is_taken_whole_in_one_turn",
        f"{ROOM}/feed.py",
        "self._at_once is None or self._has_taken or self._queue",
        "self._at_once is None or self._queue",
        FEED,
    ),
    Mutant(
        "what_a_taker_raises_costs_the_connection",
        f"{ROOM}/feed.py",
        "            self._failed(error)\n",
        "            raise\n",
        FEED,
    ),
    Mutant(
        "a_taker_goes_on_after_its_iteration",
        f"{ROOM}/feed.py",
        "        finally:\n            self._at_once = None\n",
        "        finally:\n            pass\n",
        FEED,
    ),
    Mutant(
        "an_archive_forgets_at_its_opening_what_it_holds",
        "grinder_adapters/write_archive.py",
        "                self._known.add(key)\n",
        "                pass\n",
        ARCHIVE,
    ),
    Mutant(
        "a_key_that_is_put_away_is_not_known",
        "grinder_adapters/write_archive.py",
        "        self._known.add(entry.key)\n",
        "",
        ARCHIVE,
    ),
)
