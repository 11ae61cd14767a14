"""Nothing may be missing, and all that is missing is named at once (LIVE-07, I-07.1)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_adapters.binance.hosts import VenueClass
from grinder_adapters.binance.permission import (
    REAL_PORT_ACK,
    Credentials,
    Permission,
    PortKind,
    SafeMode,
    assert_mode,
)
from grinder_core.errors import ConfigError, ConnectorNonRetryableError, ContractError
from tests.support.binance_port import a_permission

PERMISSIONS = st.builds(
    Permission,
    venue_class=st.sampled_from(VenueClass),
    armed=st.booleans(),
    mode=st.sampled_from(SafeMode),
    port=st.sampled_from(PortKind),
    allow_testnet_trade=st.booleans(),
    allow_mainnet_trade=st.booleans(),
    real_port_ack=st.sampled_from(["", "1", REAL_PORT_ACK.lower(), REAL_PORT_ACK]),
    allow_mainnet=st.booleans(),
    symbol_whitelist=st.sampled_from([(), ("BTCUSDT",)]),
    max_notional_per_order=st.sampled_from([None, Decimal(10)]),
    credentials=st.sampled_from(Credentials),
    has_constraints=st.booleans(),
    simulator_is_identified=st.booleans(),
)
CLASS = VenueClass


def expected(p: Permission) -> set[str]:
    """LIVE-07's table, line by line."""
    absent = set()
    if not p.armed:
        absent.add("armed")
    if p.mode != "live_trade":
        absent.add("mode")
    if not p.has_constraints:
        absent.add("constraints")
    if p.venue_class is CLASS.SIM:
        if p.port not in ("sim", "futures", "spot"):
            absent.add("port")
        if p.credentials != "local":
            absent.add("credentials")
        if not p.simulator_is_identified:
            absent.add("simulator")
        return absent
    if p.port not in ("futures", "spot"):
        absent.add("port")
    if p.credentials != "venue":
        absent.add("credentials")
    if p.venue_class is CLASS.TESTNET:
        return absent | (set() if p.allow_testnet_trade else {"acknowledgement"})
    if not p.allow_mainnet_trade:
        absent.add("acknowledgement")
    if p.real_port_ack != "I_UNDERSTAND_THIS_PLACES_REAL_ORDERS":
        absent.add("second acknowledgement")
    if not p.allow_mainnet:
        absent.add("allow_mainnet")
    if not p.symbol_whitelist:
        absent.add("symbol_whitelist")
    if p.max_notional_per_order is None:
        absent.add("max_notional_per_order")
    return absent


@given(PERMISSIONS)
def test_every_missing_guard_is_named_and_no_other(permission: Permission) -> None:
    named = [text.split(":")[0] for text in permission.missing()]
    assert set(named) == expected(permission)
    assert len(named) == len(set(named))
    assert all(text.split(": ", 1)[1] for text in permission.missing())


@given(PERMISSIONS)
def test_it_is_given_only_when_nothing_is_missing(permission: Permission) -> None:
    if permission.missing():
        with pytest.raises(ConnectorNonRetryableError) as caught:
            permission.require()
        assert all(text in str(caught.value) for text in permission.missing())
    else:
        permission.require()


@pytest.mark.parametrize("venue_class", VenueClass)
def test_the_defaults_permit_nothing(venue_class: VenueClass) -> None:
    missing = Permission(venue_class=venue_class).missing()
    first = ["armed", "mode"]
    if venue_class is not VenueClass.SIM:
        first.append("acknowledgement")
    assert [text.split(":")[0] for text in missing[: len(first)]] == first


ONE_LESS: list[tuple[str, Any]] = [
    ("armed", False),
    ("mode", SafeMode.PAPER),
    ("port", PortKind.SIM),
    ("allow_mainnet_trade", False),
    ("real_port_ack", "yes"),
    ("allow_mainnet", False),
    ("symbol_whitelist", ()),
    ("max_notional_per_order", None),
    ("credentials", Credentials.LOCAL),
    ("has_constraints", False),
]


def test_a_whole_permission_lacks_nothing() -> None:
    for venue_class in VenueClass:
        assert a_permission(venue_class).missing() == ()


@pytest.mark.parametrize(("name", "value"), ONE_LESS)
def test_on_mainnet_each_guard_alone_is_enough_to_stop(name: str, value: Any) -> None:
    assert len(a_permission(VenueClass.MAINNET, **{name: value}).missing()) == 1


def test_nobody_sets_the_mainnet_flag_for_a_simulator() -> None:
    assert not a_permission(VenueClass.SIM, allow_mainnet_trade=False).missing()
    assert not a_permission(VenueClass.TESTNET, allow_mainnet_trade=False).missing()
    only_mainnet = a_permission(VenueClass.TESTNET, allow_testnet_trade=False)
    assert only_mainnet.missing() == ("acknowledgement: set ALLOW_TESTNET_TRADE=1",)


def test_a_real_key_is_not_used_on_loopback() -> None:
    missing = a_permission(VenueClass.SIM, credentials=Credentials.VENUE).missing()
    assert [text.split(":")[0] for text in missing] == ["credentials"]


@given(st.sampled_from(SafeMode), st.sampled_from(SafeMode))
def test_a_mode_includes_those_before_it(mode: SafeMode, required: SafeMode) -> None:
    rank = {"read_only": 0, "paper": 1, "live_trade": 2}
    assert mode.includes(required) == (rank[mode] >= rank[required])
    if mode.includes(required):
        assert_mode(mode, required)
    else:
        with pytest.raises(ConnectorNonRetryableError, match="mode"):
            assert_mode(mode, required)


def test_senseless_limits_are_refused() -> None:
    with pytest.raises(ConfigError, match="max_notional_per_order"):
        a_permission(max_notional_per_order=Decimal(0))
    with pytest.raises(ContractError, match="symbol"):
        a_permission(symbol_whitelist=("btc",))
