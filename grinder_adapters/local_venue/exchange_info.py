"""The venue's ``exchangeInfo``: written for our instruments, and read from any body of the venue.

Source: the venue's page on exchange information (reference section 4). Leverage brackets are no
part of it: what is read gets those given, or one bracket without bounds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from attrs import evolve, frozen

from grinder_core.contracts.limits import LeverageBracket
from grinder_core.errors import ContractError
from grinder_core.numbers import ONE, canonical, exact, parse_decimal
from grinder_core.venue.exchange.instrument import Instrument
from grinder_core.venue.exchange.vocabulary import OrderType, SymbolStatus, TimeInForce

PERPETUAL: Final = "PERPETUAL"
DELIVERY_MS: Final = 4_133_404_800_000  # the venue's word for never
_MISSING: Final = "is missing"


@frozen(kw_only=True)
class RateLimit:
    """One row of ``rateLimits``: so many of a kind in so many intervals."""

    kind: str
    interval: str
    intervals: int
    limit: int


RATE_LIMITS: Final = (
    RateLimit(kind="REQUEST_WEIGHT", interval="MINUTE", intervals=1, limit=2400),
    RateLimit(kind="ORDERS", interval="MINUTE", intervals=1, limit=1200),
    RateLimit(kind="ORDERS", interval="SECOND", intervals=10, limit=300),
)


def render(
    instruments: Iterable[Instrument], now: int, limits: Sequence[RateLimit] = RATE_LIMITS
) -> dict[str, Any]:
    """Return the body of ``GET /fapi/v1/exchangeInfo``.

    Args:
        now: Venue's clock, Unix milliseconds.
    """
    listed = list(instruments)
    quote_assets = dict.fromkeys(instrument.quote_asset for instrument in listed)
    return {
        "timezone": "UTC",
        "serverTime": now,
        "futuresType": "U_MARGINED",
        "rateLimits": [
            {
                "rateLimitType": limit.kind,
                "interval": limit.interval,
                "intervalNum": limit.intervals,
                "limit": limit.limit,
            }
            for limit in limits
        ],
        "exchangeFilters": [],
        "assets": [
            {"asset": asset, "marginAvailable": True, "autoAssetExchange": "-10000"}
            for asset in quote_assets
        ],
        "symbols": [_symbol(instrument) for instrument in listed],
    }


def _symbol(instrument: Instrument) -> dict[str, Any]:
    return {
        "symbol": instrument.symbol,
        "pair": instrument.symbol,
        "contractType": PERPETUAL,
        "deliveryDate": DELIVERY_MS,
        "onboardDate": instrument.onboard_ms,
        "status": instrument.status.value,
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": instrument.base_asset,
        "quoteAsset": instrument.quote_asset,
        "marginAsset": instrument.quote_asset,
        "pricePrecision": instrument.price_precision,
        "quantityPrecision": instrument.qty_precision,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": [],
        "settlePlan": 0,
        "triggerProtect": canonical(instrument.trigger_protect),
        "liquidationFee": canonical(instrument.liquidation_fee),
        "marketTakeBound": canonical(instrument.market_take_bound),
        "maxMoveOrderLimit": 10_000,
        "orderTypes": [kind.value for kind in OrderType if kind is not OrderType.LIQUIDATION],
        "timeInForce": [kind.value for kind in TimeInForce],
        "permissionSets": ["GRID", "COPY", "DCA", "RPI"],
        "filters": _filters(instrument),
    }


def _filters(instrument: Instrument) -> list[dict[str, Any]]:
    texts: dict[str, dict[str, Decimal]] = {
        "PRICE_FILTER": {
            "minPrice": instrument.min_price,
            "maxPrice": instrument.max_price,
            "tickSize": instrument.tick,
        },
        "LOT_SIZE": {
            "minQty": instrument.min_qty,
            "maxQty": instrument.max_qty,
            "stepSize": instrument.step,
        },
        "MARKET_LOT_SIZE": {
            "minQty": instrument.market_min_qty,
            "maxQty": instrument.market_max_qty,
            "stepSize": instrument.market_step,
        },
        "MIN_NOTIONAL": {"notional": instrument.min_notional},
        "PERCENT_PRICE": {
            "multiplierUp": instrument.multiplier_up,
            "multiplierDown": instrument.multiplier_down,
        },
    }
    filters: list[dict[str, Any]] = [
        {"filterType": kind, **{name: canonical(value) for name, value in values.items()}}
        for kind, values in texts.items()
    ]
    filters[-1]["multiplierDecimal"] = "4"
    filters.insert(3, {"filterType": "MAX_NUM_ORDERS", "limit": instrument.max_orders})
    return filters


def read(
    document: object, brackets: Mapping[str, Sequence[LeverageBracket]] | None = None
) -> tuple[tuple[Instrument, ...], tuple[str, ...]]:
    """Read the perpetuals of an ``exchangeInfo`` body.

    Args:
        document: The parsed body. Decimals are text; whole numbers may be text too, as in lists of
            markets that other clients saved.
        brackets: Leverage brackets by symbol.

    Returns:
        Instruments in the order of the body, and one warning for each symbol skipped: no
        perpetual, a status that no order is taken in, or a malformed field.

    Raises:
        ContractError: It is no object with a list ``symbols``.
    """
    entries = document.get("symbols") if isinstance(document, Mapping) else None
    if not isinstance(entries, list):
        raise ContractError("must be an object with a list of symbols", field="exchangeInfo")
    found: dict[str, Instrument] = {}
    warnings: list[str] = []
    for index, entry in enumerate(entries):
        name = entry.get("symbol") if isinstance(entry, Mapping) else None
        try:
            if not isinstance(name, str):
                raise ContractError(_MISSING, field="symbol")
            if name in found:
                raise ContractError("is listed twice", field="symbol", value=name)
            instrument = _instrument(name, entry)
        except ContractError as error:
            warnings.append(f"{name or f'symbols[{index}]'} skipped: {error}")
        else:
            own = (brackets or {}).get(name)
            found[name] = evolve(instrument, brackets=own) if own else instrument
    return tuple(found.values()), tuple(warnings)


def _instrument(name: str, entry: Mapping[str, Any]) -> Instrument:
    if entry.get("contractType") != PERPETUAL:
        raise ContractError(
            f"must be {PERPETUAL}", field="contractType", value=entry.get("contractType")
        )
    filters = _by_type(entry)
    price, lot = _filter(filters, "PRICE_FILTER"), _filter(filters, "LOT_SIZE")
    market_lot = filters.get("MARKET_LOT_SIZE", lot)
    orders, notional = filters.get("MAX_NUM_ORDERS"), filters.get("MIN_NOTIONAL")
    percent = filters.get("PERCENT_PRICE")
    known: dict[str, Any] = {}
    if orders is not None:
        known["max_orders"] = _whole(orders, "limit")
    if notional is not None:
        known["min_notional"] = _decimal(notional, "notional")
    if percent is not None:
        known["multiplier_up"] = _decimal(percent, "multiplierUp")
        known["multiplier_down"] = _decimal(percent, "multiplierDown")
    for attribute, key, reader in _OPTIONAL:
        if key in entry:
            known[attribute] = reader(entry, key)
    return Instrument(
        symbol=name,
        base_asset=_text(entry, "baseAsset"),
        quote_asset=_text(entry, "quoteAsset"),
        status=_status(entry),
        tick=_decimal(price, "tickSize"),
        min_price=_decimal(price, "minPrice"),
        max_price=_decimal(price, "maxPrice"),
        step=_decimal(lot, "stepSize"),
        min_qty=_decimal(lot, "minQty"),
        max_qty=_decimal(lot, "maxQty"),
        market_step=_decimal(market_lot, "stepSize"),
        market_min_qty=_decimal(market_lot, "minQty"),
        market_max_qty=_decimal(market_lot, "maxQty"),
        **known,
    )


def _by_type(entry: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    filters = entry.get("filters")
    if not isinstance(filters, list) or not all(isinstance(item, Mapping) for item in filters):
        raise ContractError("must be a list of objects", field="filters")
    return {str(item.get("filterType")): item for item in filters}


def _filter(filters: Mapping[str, Mapping[str, Any]], kind: str) -> Mapping[str, Any]:
    if kind not in filters:
        raise ContractError(_MISSING, field=kind)
    return filters[kind]


def _status(entry: Mapping[str, Any]) -> SymbolStatus:
    text = _text(entry, "status")
    if text not in set(SymbolStatus):
        raise ContractError(f"must be one of {', '.join(SymbolStatus)}", field="status", value=text)
    return SymbolStatus(text)


def _text(item: Mapping[str, Any], key: str) -> str:
    value = item.get(key)
    if not isinstance(value, str) or not value:
        raise ContractError("must be text", field=key, value=value)
    return value


def _decimal(item: Mapping[str, Any], key: str) -> Decimal:
    number = parse_decimal(item.get(key), key)
    if number < 0:
        raise ContractError("must be >= 0", field=key, value=number)
    return number


def _whole(item: Mapping[str, Any], key: str) -> int:
    value = item.get(key)
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value)
    if type(value) is not int or value < 0:
        raise ContractError("must be a whole number >= 0", field=key, value=value)
    return value


# attribute, key, how it is read; older bodies leave some of them out
_OPTIONAL: Final = (
    ("price_precision", "pricePrecision", _whole),
    ("qty_precision", "quantityPrecision", _whole),
    ("onboard_ms", "onboardDate", _whole),
    ("liquidation_fee", "liquidationFee", _decimal),
    ("market_take_bound", "marketTakeBound", _decimal),
    ("trigger_protect", "triggerProtect", _decimal),
)


def _listed(
    base: str,
    *,
    price: tuple[str, str, str],
    lot: tuple[str, str, str],
    min_notional: int,
    digits: tuple[int, int],
    band: str = "0.05",
) -> Instrument:
    """A perpetual by its filters.

    Args:
        price: Tick, lowest and highest price, quote currency.
        lot: Step and least quantity, most of a limit order, most of a market order, base asset.
        digits: Precision of prices and of quantities.
        band: PERCENT_PRICE, distance from the mark.
    """
    tick, min_price, max_price = map(Decimal, price)
    step, max_qty, market_max_qty = map(Decimal, lot)
    price_precision, qty_precision = digits
    with exact():
        multiplier_up, multiplier_down = ONE + Decimal(band), ONE - Decimal(band)
    return Instrument(
        symbol=f"{base}USDT",
        base_asset=base,
        tick=tick,
        min_price=min_price,
        max_price=max_price,
        step=step,
        min_qty=step,
        max_qty=max_qty,
        market_step=step,
        market_min_qty=step,
        market_max_qty=market_max_qty,
        min_notional=Decimal(min_notional),
        multiplier_up=multiplier_up,
        multiplier_down=multiplier_down,
        price_precision=price_precision,
        qty_precision=qty_precision,
        market_take_bound=Decimal(band),
    )


LOCAL_SYMBOLS: Final = (
    _listed(
        "BTC",
        price=("0.1", "556.8", "4529764"),
        lot=("0.001", "1000", "120"),
        min_notional=50,
        digits=(2, 3),
    ),
    _listed(
        "ETH",
        price=("0.01", "39.86", "306177"),
        lot=("0.001", "10000", "2000"),
        min_notional=20,
        digits=(2, 3),
    ),
    _listed(
        "DOGE",
        price=("0.00001", "0.00244", "30"),
        lot=("1", "50000000", "30000000"),
        min_notional=5,
        digits=(6, 0),
        band="0.1",
    ),
    _listed(
        "XRP",
        price=("0.0001", "0.0143", "100000"),
        lot=("0.1", "10000000", "2000000"),
        min_notional=5,
        digits=(4, 1),
    ),
)
