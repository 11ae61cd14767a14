"""Mistakes in planning a live run that could cost money, or hide that they would."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

PLAN, ENVIRONMENT = ("tests/app/test_live_plan.py",), ("tests/app/test_live_environment.py",)
DOCTOR = ("tests/app/test_doctor.py",)

_PLAN = "grinder_app/config/live_plan.py"
_PROTECTION = "grinder_app/config/live_protection.py"
_VENUE = "grinder_app/config/live_venue.py"
_READING = "grinder_app/config/live_environment.py"
_KEYS = "grinder_app/config/live_keys.py"
_LOAD = "grinder_app/config/load.py"
_VENUE_CHECKS = "grinder_app/runner/doctor_venue.py"
_SIZES = "grinder_app/runner/doctor_sizes.py"
_MACHINE = "grinder_app/runner/doctor_machine.py"
_RIGHTS = "grinder_adapters/binance/key_rights.py"

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "the_flag_arms_what_the_environment_forbids",
        _PLAN,
        "environment.armed is not False and (flags.armed or environment.armed is True)",
        "(flags.armed or environment.armed is True)",
        PLAN,
    ),
    Mutant(
        "an_armed_start_goes_on_without_its_guards",
        _PLAN,
        "if plan.armed and plan.mode is not SafeMode.PAPER and plan.missing:",
        "if plan.armed and plan.mode is SafeMode.LIVE_TRADE and plan.missing:",
        PLAN,
    ),
    Mutant(
        "loopback_gets_the_venues_keys",
        _PLAN,
        "keys = local_pair() if kind is VenueClass.SIM else environment.keys",
        "keys = environment.keys or (local_pair() if kind is VenueClass.SIM else None)",
        PLAN,
    ),
    Mutant(
        "a_plan_claims_lot_rules_it_has_not_seen",
        _PLAN,
        "            credentials=Credentials.NONE if keys is None else keys.kind,\n",
        "            credentials=Credentials.NONE if keys is None else keys.kind,\n"
        "            has_constraints=True,\n",
        PLAN,
    ),
    Mutant(
        "a_variable_wins_over_a_flag",
        _PLAN,
        "        changes[name], origins[dotted] = value, FLAG",
        "        if origins[dotted].startswith('environment'):\n"
        "            continue\n"
        "        changes[name], origins[dotted] = value, FLAG",
        PLAN,
    ),
    Mutant(
        "absent_features_are_asked_for_in_vain",
        _PLAN,
        "    refuse_absent(environ)\n",
        "",
        PLAN,
    ),
    Mutant(
        "spot_writes_without_protections",
        _PROTECTION,
        "frozenset({PortKind.SIM, PortKind.FUTURES, PortKind.SPOT})",
        "frozenset({PortKind.SIM, PortKind.FUTURES})",
        PLAN,
    ),
    Mutant(
        "constraints_may_be_off_where_orders_are_written",
        _PROTECTION,
        '    "orders.constraints_enabled",\n',
        "",
        PLAN,
    ),
    Mutant(
        "the_guard_waits_for_a_fifth_of_the_capital",
        _PROTECTION,
        "        changes[GUARD_LIMIT] = GUARD_DEFAULT\n",
        "        pass\n",
        PLAN,
    ),
    Mutant(
        "the_guard_may_act_with_the_kill_switch",
        _PROTECTION,
        "if guard_pct >= risk.max_drawdown_pct:",
        "if guard_pct > risk.max_drawdown_pct:",
        PLAN,
    ),
    Mutant(
        "the_controller_may_act_after_the_guard",
        _PROTECTION,
        "if acts and controller_pct >= guard_pct:",
        "if acts and controller_pct > guard_pct:",
        PLAN,
    ),
    Mutant(
        "a_sim_port_reaches_a_venue",
        _VENUE,
        "if port is PortKind.SIM and urls.venue_class is not VenueClass.SIM:",
        "if port is PortKind.SIM and urls.venue_class is VenueClass.TESTNET:",
        PLAN,
    ),
    Mutant(
        "an_empty_armed_says_nothing",
        _READING,
        "armed=None if armed is None else parse_bool(names.ARMED, armed)",
        "armed=None if not armed else parse_bool(names.ARMED, armed)",
        ENVIRONMENT,
    ),
    Mutant(
        "the_phrase_is_trimmed",
        _READING,
        'text = environ.get(names.ACKNOWLEDGEMENT, "")',
        'text = environ.get(names.ACKNOWLEDGEMENT, "").strip()',
        ENVIRONMENT,
    ),
    Mutant(
        "a_key_is_enough_without_its_secret",
        _KEYS,
        "    if key is None and secret is None:\n",
        "    if key is None or secret is None:\n",
        ENVIRONMENT,
    ),
    Mutant(
        "a_group_may_read_the_secret",
        _KEYS,
        "_FOR_OTHERS: Final = 0o077",
        "_FOR_OTHERS: Final = 0o007",
        ENVIRONMENT,
    ),
    Mutant(
        "a_later_yes_beats_a_no",
        _LOAD,
        '            chosen[f"{LIVE}.{name}"] = refusals[-1]\n',
        "            pass\n",
        ENVIRONMENT,
    ),
    # -- the check-up
    Mutant(
        "a_key_that_withdraws_only_worries",
        _VENUE_CHECKS,
        "    if rights.can_withdraw:\n        return failed(",
        "    if rights.can_withdraw:\n        return warned(",
        DOCTOR,
    ),
    Mutant(
        "a_key_goes_to_a_host_that_nobody_named",
        _VENUE_CHECKS,
        "    if urls.rest not in _REAL_HOSTS:\n",
        "    if not urls.rest:\n",
        DOCTOR,
    ),
    Mutant(
        "rights_that_cannot_be_had_are_good",
        _VENUE_CHECKS,
        'return failed(name, f"not known: {error}", by_hand)',
        'return fine(name, f"not known: {error}")',
        DOCTOR,
    ),
    Mutant(
        "anything_on_loopback_is_the_local_exchange",
        _VENUE_CHECKS,
        "urls.venue_class is VenueClass.SIM and not guard.simulator_is_identified",
        "urls.venue_class is VenueClass.TESTNET and not guard.simulator_is_identified",
        DOCTOR,
    ),
    Mutant(
        "a_clock_may_only_be_late",
        _VENUE_CHECKS,
        "    if abs(reading.offset_ms) > SKEW_MAX_MS:\n",
        "    if reading.offset_ms > SKEW_MAX_MS:\n",
        DOCTOR,
    ),
    Mutant(
        "universal_transfers_are_no_transfers",
        _RIGHTS,
        "can_transfer=any(transfers)",
        "can_transfer=transfers[0]",
        DOCTOR,
    ),
    Mutant(
        "a_level_is_judged_at_the_mid_alone",
        _SIZES,
        "lot = constrain(qty, lowest, rules, reduce_only=False)",
        "lot = constrain(qty, mid, rules, reduce_only=False)",
        DOCTOR,
    ),
    Mutant(
        "a_group_may_write_the_state",
        _MACHINE,
        "_OF_OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH",
        "_OF_OTHERS: Final = stat.S_IWOTH",
        DOCTOR,
    ),
)
