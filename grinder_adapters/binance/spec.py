"""Binance's products as we see them: facts of each venue and identity of orders (LIVE-39)."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Final

from attrs import field, frozen

from grinder_adapters.binance.hosts import VenueClass, VenueUrls
from grinder_adapters.binance.order_api import OrderApi
from grinder_adapters.binance.permission import PortKind
from grinder_adapters.binance.spot_orders import SPOT_ORDERS
from grinder_adapters.binance.usdm_orders import USDM_ORDERS
from grinder_core.errors import ConfigError, ContractError
from grinder_core.orders.identity import OrderIdentityConfig
from grinder_core.resilience.budget import BudgetWindow


class Product(StrEnum):
    """What a contract pays."""

    LINEAR = "linear"
    INVERSE = "inverse"
    SPOT = "spot"


class IdScope(StrEnum):
    """Among which orders the venue insists on unique client ids."""

    OPEN_ORDERS = "open_orders"
    ALL_ORDERS = "all_orders"


class CancelAll(StrEnum):
    """What one call of the venue's own cancel-all hits."""

    SYMBOL_WITH_FOREIGN_ORDERS = "symbol_with_foreign_orders"


@frozen(kw_only=True)
class Capabilities:
    """What the venue can do with orders.

    Attributes:
        max_amends: Amends that one order may have.
        post_only_flag: The time in force, or on spot the type, of an order that never takes.
        reduce_only: Whether an order can be held to shrinking a position.
        cancel_batch_max: Orders of one symbol in one cancel request.
    """

    supports_amend: bool
    amend_keeps_priority: bool
    amend_is_async: bool
    max_amends: int
    post_only_flag: str
    reduce_only: bool
    cancel_all: CancelAll
    cancel_batch_max: int
    client_id_scope: IdScope


def _identity(ours: OrderIdentityConfig | Collection[str]) -> OrderIdentityConfig:
    if isinstance(ours, OrderIdentityConfig):
        return ours
    if not ours:
        raise ConfigError("must name at least one", field="strategies", value=sorted(ours))
    return OrderIdentityConfig(strategy_id=min(ours), allowed_strategies=frozenset(ours))


@frozen
class IdentityCodec:
    """Client ids within the venue's length and alphabet, and which of them are ours (LIVE-21).

    Attributes:
        identity: Says which; the names of strategies stand for one that allows these.

    Raises:
        ConfigError: There is no strategy, or a name is none.
    """

    identity: OrderIdentityConfig = field(converter=_identity)
    pattern: re.Pattern[str] = re.compile(r"[.A-Z:/a-z0-9_-]{1,36}")

    def check(self, client_order_id: str) -> None:
        """Insist that an id is one the venue takes and one that we recognise again.

        Raises:
            ContractError: It is not.
        """
        if not self.pattern.fullmatch(client_order_id):
            raise ContractError(
                f"must match {self.pattern.pattern}", field="client_order_id", value=client_order_id
            )
        if not self.is_ours(client_order_id):
            raise ContractError(
                f"must be an id of the strategies {', '.join(sorted(self.identity.strategies))}",
                field="client_order_id",
                value=client_order_id,
            )

    def is_ours(self, client_order_id: str) -> bool:
        """Whether an order with this id belongs to one of our strategies; never raises."""
        return self.identity.is_ours(client_order_id)


@frozen(kw_only=True)
class VenueSpec:
    """The venue's fixed facts; limits are defaults until its exchange information is read.

    Attributes:
        port: What the permission must name to write here, unless it names the simulator's.
        orders: How it is told about orders.
        urls: Of each class; the simulator's are given at start.
        acknowledgements: Environment variables that permit writing, by class.
        position_modes: Those in which we write.
    """

    product: Product
    port: PortKind
    orders: OrderApi
    urls: Mapping[VenueClass, VenueUrls]
    acknowledgements: Mapping[VenueClass, tuple[str, ...]]
    position_modes: tuple[str, ...]
    rate_limits: Mapping[BudgetWindow, int]
    capabilities: Capabilities

    @property
    def venue_id(self) -> str:
        """Its name in keys, journals and messages."""
        return self.orders.venue_id


_ACKNOWLEDGEMENTS: Final = {
    VenueClass.SIM: (),
    VenueClass.TESTNET: ("ALLOW_TESTNET_TRADE",),
    VenueClass.MAINNET: ("ALLOW_MAINNET_TRADE", "GRINDER_REAL_PORT_ACK"),
}

USDM: Final = VenueSpec(
    product=Product.LINEAR,
    port=PortKind.FUTURES,
    orders=USDM_ORDERS,
    urls={
        VenueClass.TESTNET: VenueUrls(
            "https://demo-fapi.binance.com", "wss://fstream.binancefuture.com"
        ),
        VenueClass.MAINNET: VenueUrls("https://fapi.binance.com", "wss://fstream.binance.com"),
    },
    acknowledgements=_ACKNOWLEDGEMENTS,
    position_modes=("one_way",),
    rate_limits={
        BudgetWindow.ORDERS_10S: 300,
        BudgetWindow.ORDERS_1M: 1_200,
        BudgetWindow.WEIGHT_1M: 2_400,
    },
    capabilities=Capabilities(
        supports_amend=True,
        amend_keeps_priority=False,
        amend_is_async=False,
        max_amends=10_000,
        post_only_flag="GTX",
        reduce_only=True,
        cancel_all=CancelAll.SYMBOL_WITH_FOREIGN_ORDERS,
        cancel_batch_max=10,
        client_id_scope=IdScope.OPEN_ORDERS,
    ),
)

SPOT: Final = VenueSpec(
    product=Product.SPOT,
    port=PortKind.SPOT,
    orders=SPOT_ORDERS,
    urls={
        VenueClass.TESTNET: VenueUrls(
            "https://testnet.binance.vision", "wss://stream.testnet.binance.vision"
        ),
        VenueClass.MAINNET: VenueUrls("https://api.binance.com", "wss://stream.binance.com"),
    },
    acknowledgements=_ACKNOWLEDGEMENTS,
    position_modes=(),
    # a day's orders are limited too, which no window of ours counts
    rate_limits={BudgetWindow.ORDERS_10S: 100, BudgetWindow.WEIGHT_1M: 6_000},
    capabilities=Capabilities(
        supports_amend=False,
        amend_keeps_priority=False,
        amend_is_async=False,
        max_amends=0,
        post_only_flag="LIMIT_MAKER",
        reduce_only=False,
        cancel_all=CancelAll.SYMBOL_WITH_FOREIGN_ORDERS,
        cancel_batch_max=1,
        client_id_scope=IdScope.OPEN_ORDERS,
    ),
)
