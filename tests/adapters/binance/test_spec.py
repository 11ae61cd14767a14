"""What the venue is, and which ids are ours (LIVE-21, LIVE-39)."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_adapters.binance.hosts import VenueClass
from grinder_adapters.binance.permission import PortKind
from grinder_adapters.binance.spec import SPOT, USDM, CancelAll, IdentityCodec, IdScope, Product
from grinder_core.errors import ConfigError, ContractError
from grinder_core.orders.identity import OrderIds
from grinder_core.resilience.budget import BudgetSettings, BudgetWindow

STRATEGIES = st.from_regex(r"[a-z0-9-]{1,11}", fullmatch=True)
CODEC = IdentityCodec(["test"])


@given(STRATEGIES, st.integers(0, 999), st.integers(0, 36**9 - 2))
def test_every_id_we_make_is_one_the_venue_takes_and_ours(
    strategy: str, level: int, now: int
) -> None:
    name = OrderIds(strategy).next_id(level, now)
    assert re.fullmatch(r"^[\.A-Z\:/a-z0-9_-]{1,36}$", name)
    IdentityCodec([strategy]).check(name)
    assert IdentityCodec([strategy]).is_ours(name)
    assert CODEC.is_ours(name) == (strategy == "test")


@given(st.text(max_size=40))
def test_no_id_without_our_prefix_is_ours(name: str) -> None:
    if not name.startswith("grinder_"):
        assert not CODEC.is_ours(name)


@given(st.text(max_size=40) | st.text(max_size=30).map(lambda rest: f"grinder_test_{rest}"))
def test_what_is_accepted_is_ours_and_fits_the_venue(name: str) -> None:
    try:
        CODEC.check(name)
    except ContractError:
        return
    assert CODEC.is_ours(name)
    assert re.fullmatch(r"[\.A-Z\:/a-z0-9_-]{1,36}", name)


@pytest.mark.parametrize(
    "name", ["autoclose-1", "adl_autoclose", "settlement_autoclose-7", "x", "", "a" * 37]
)
def test_foreign_and_venue_ids_are_refused(name: str) -> None:
    assert not CODEC.is_ours(name)
    with pytest.raises(ContractError, match="client_order_id"):
        CODEC.check(name)


@pytest.mark.parametrize("strategies", [[], ["Upper"], ["a_b"], ["x" * 12], [""]])
def test_a_strategy_that_no_id_can_carry_is_refused(strategies: list[str]) -> None:
    with pytest.raises(ConfigError, match="strategies"):
        IdentityCodec(strategies)


def test_the_facts_are_those_of_the_reference() -> None:
    assert (USDM.venue_id, USDM.product) == ("binance_usdm", Product.LINEAR)
    assert {c: urls.venue_class for c, urls in USDM.urls.items()} == {
        VenueClass.TESTNET: VenueClass.TESTNET,
        VenueClass.MAINNET: VenueClass.MAINNET,
    }
    assert USDM.urls[VenueClass.MAINNET].rest == "https://fapi.binance.com"
    assert USDM.position_modes == ("one_way",)
    assert USDM.acknowledgements[VenueClass.SIM] == ()
    can = USDM.capabilities
    assert can.supports_amend
    assert not can.amend_keeps_priority
    assert not can.amend_is_async
    assert (can.max_amends, can.post_only_flag, can.cancel_batch_max) == (10_000, "GTX", 10)
    assert can.reduce_only
    assert can.cancel_all is CancelAll.SYMBOL_WITH_FOREIGN_ORDERS
    assert can.client_id_scope is IdScope.OPEN_ORDERS


def test_the_facts_of_spot_are_those_of_the_venues_pages() -> None:
    assert (SPOT.venue_id, SPOT.product) == ("binance_spot", Product.SPOT)
    assert {c: urls.venue_class for c, urls in SPOT.urls.items()} == {
        VenueClass.TESTNET: VenueClass.TESTNET,
        VenueClass.MAINNET: VenueClass.MAINNET,
    }
    assert SPOT.urls[VenueClass.TESTNET].rest == "https://testnet.binance.vision"
    assert SPOT.urls[VenueClass.MAINNET].rest == "https://api.binance.com"
    assert SPOT.acknowledgements == USDM.acknowledgements
    assert SPOT.position_modes == ()
    can = SPOT.capabilities
    assert not can.supports_amend
    assert not can.reduce_only
    assert can.max_amends == 0
    assert (can.post_only_flag, can.cancel_batch_max) == ("LIMIT_MAKER", 1)
    assert can.cancel_all is CancelAll.SYMBOL_WITH_FOREIGN_ORDERS
    assert can.client_id_scope is IdScope.OPEN_ORDERS


def test_no_two_products_share_a_name_a_port_or_a_host() -> None:
    assert len({spec.venue_id for spec in (USDM, SPOT)}) == 2
    assert (USDM.port, SPOT.port) == (PortKind.FUTURES, PortKind.SPOT)
    hosts = [urls.rest for spec in (USDM, SPOT) for urls in spec.urls.values()]
    assert len(set(hosts)) == len(hosts)


def test_the_budget_begins_with_the_venues_limits() -> None:
    settings = BudgetSettings()
    assert USDM.rate_limits == {window: settings.limit(window) for window in BudgetWindow}
