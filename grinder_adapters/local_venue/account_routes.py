"""Account requests: balances, positions, income, brackets, and what an account may set."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from grinder_adapters.local_venue.answers import Call, Handler, refused, wrong
from grinder_adapters.local_venue.order_texts import QUOTE
from grinder_adapters.local_venue.position_texts import account_position, position_v2, position_v3
from grinder_core.numbers import canonical, exact
from grinder_core.venue.exchange import reading
from grinder_core.venue.exchange.reading import Balance, PositionReport
from grinder_core.venue.exchange.refusals import refuse
from grinder_core.venue.exchange.vocabulary import IncomeType, MarginType, PositionSide

SUCCESS: Final = {"code": 200, "msg": "success"}
FEE_UNITS: Final = 10**6
ADD, REMOVE = 1, 2


def balance(call: Call) -> list[dict[str, Any]]:
    """GET /v2/balance and /v3/balance."""
    held = _balance(call)
    rows = [
        {
            "accountAlias": call.account,
            "asset": QUOTE,
            "balance": canonical(held.wallet),
            "crossWalletBalance": canonical(held.cross_wallet),
            "crossUnPnl": canonical(held.cross_unrealized),
            "availableBalance": canonical(held.available),
            "maxWithdrawAmount": canonical(held.available),
            "marginAvailable": True,
            "updateTime": call.now,
        }
    ]
    fees = call.exchange.floor.account(call.account).fee_wallet
    if fees is not None:
        amount = canonical(fees.balance)
        free = {"availableBalance": amount, "maxWithdrawAmount": amount, "marginAvailable": False}
        names = {"asset": fees.asset, "balance": amount, "crossWalletBalance": amount}
        rows.append({**rows[0], "crossUnPnl": "0", **names, **free})
    return rows


def account_v2(call: Call) -> dict[str, Any]:
    """GET /v2/account: every symbol's position."""
    flags = {
        "feeTier": 0,
        "canTrade": True,
        "canDeposit": True,
        "canWithdraw": False,
        "updateTime": 0,
        "multiAssetsMargin": False,
        "tradeGroupId": -1,
    }
    return {**flags, **_account(call, all_symbols=True)}


def account_v3(call: Call) -> dict[str, Any]:
    """GET /v3/account: symbols with a position or orders only."""
    return _account(call, all_symbols=False)


def positions_v2(call: Call) -> list[dict[str, Any]]:
    """GET /v2/positionRisk: every symbol, with leverage and margin type."""
    reports = _reports(call, _named(call), all_symbols=True)
    return [position_v2(report) for report in reports]


def positions_v3(call: Call) -> list[dict[str, Any]]:
    """GET /v3/positionRisk: symbols with a position or orders only."""
    reports = _reports(call, _named(call), all_symbols=False)
    return [position_v3(report) for report in reports]


def symbol_config(call: Call) -> list[dict[str, Any]]:
    """GET /symbolConfig."""
    floor, account = call.exchange.floor, call.exchange.floor.account(call.account)
    rows = []
    for symbol in _symbols(call):
        terms = account.terms_of(symbol)
        rows.append(
            {
                "symbol": symbol,
                "marginType": terms.margin_type.value,
                "isAutoAddMargin": "false",
                "leverage": terms.leverage,
                "maxNotionalValue": canonical(floor.instruments[symbol].cap_at(terms.leverage)),
            }
        )
    return rows


def account_config(call: Call) -> dict[str, Any]:
    """GET /accountConfig."""
    account = call.exchange.floor.account(call.account)
    return {
        "feeTier": 0,
        "canTrade": True,
        "canDeposit": True,
        "canWithdraw": False,
        "dualSidePosition": account.is_hedged,
        "updateTime": 0,
        "multiAssetsMargin": account.is_multi_assets,
        "tradeGroupId": -1,
    }


def brackets(call: Call) -> Any:
    """GET /leverageBracket: an object where a symbol was named."""
    rows = []
    for symbol in _symbols(call):
        steps = call.exchange.floor.instruments[symbol].brackets
        rows.append(
            {
                "symbol": symbol,
                "notionalCoef": 1,
                "brackets": [
                    {
                        "bracket": number,
                        "initialLeverage": step.max_leverage,
                        "notionalCap": _number(step.notional_cap),
                        "notionalFloor": _number(step.notional_floor),
                        "maintMarginRatio": _number(step.maint_margin_ratio),
                        "cum": _number(step.cum),
                    }
                    for number, step in enumerate(steps, 1)
                ],
            }
        )
    return rows[0] if call.values.get("symbol") else rows


def commission(call: Call) -> dict[str, Any]:
    """GET /commissionRate."""
    symbol = call.text("symbol")
    _symbols(call)
    fills = call.exchange.floor.fills
    return {
        "symbol": symbol,
        "makerCommissionRate": _rate(fills.maker_fee_bps_x100),
        "takerCommissionRate": _rate(fills.taker_fee_bps_x100),
        "rpiCommissionRate": _rate(fills.maker_fee_bps_x100),
    }


def income(call: Call) -> list[dict[str, Any]]:
    """GET /income, oldest first."""
    start, end, _ = call.window()
    limit = min(max(call.integer("limit", 100), 1), 1000)
    symbol, kind = call.values.get("symbol") or None, call.values.get("incomeType") or None
    if kind is not None and kind not in set(IncomeType):
        raise wrong(-1130, "Data sent for parameter 'incomeType' is not valid.")
    rows = [
        {
            "symbol": row.symbol,
            "incomeType": row.kind.value,
            "income": canonical(row.amount),
            "asset": row.asset or QUOTE,
            "info": row.kind.value,
            "time": row.ts,
            "tranId": row.tran_id,
            "tradeId": str(row.trade_id) if row.trade_id else "",
        }
        for row in reading.income_of(call.exchange.floor, call.account)
        if start <= row.ts <= end and symbol in {None, row.symbol} and kind in {None, row.kind}
    ]
    return rows[:limit] if call.values.get("startTime") else rows[-limit:]


def adl(call: Call) -> list[dict[str, Any]]:
    """GET /adlQuantile: nobody is deleveraged here, so every rank is 0."""
    reports = _reports(call, _named(call), all_symbols=False)
    held = {report.position.symbol for report in reports if report.position.ledger.qty}
    return [
        {"symbol": symbol, "adlQuantile": {"LONG": 0, "SHORT": 0, "BOTH": 0}}
        for symbol in sorted(held)
    ]


def order_limits(call: Call) -> list[dict[str, Any]]:
    """GET /rateLimit/order."""
    limits = call.limits
    ten = {"interval": "SECOND", "intervalNum": 10, "limit": limits.orders_per_10s}
    minute = {"interval": "MINUTE", "intervalNum": 1, "limit": limits.orders_per_minute}
    return [{"rateLimitType": "ORDERS", **row} for row in (ten, minute)]


def trading_status(call: Call) -> dict[str, Any]:
    """GET /apiTradingStatus: nothing is locked."""
    return {"indicators": {}, "updateTime": call.now}


# -- settings ----------------------------------------------------------------------------------


def set_leverage(call: Call) -> dict[str, Any]:
    """POST /leverage."""
    symbol, leverage = call.text("symbol"), call.integer("leverage")
    answer = call.exchange.set_leverage(call.account, symbol, leverage, call.now)
    if answer is not None:
        raise refused(answer)
    cap = call.exchange.floor.instruments[symbol].cap_at(leverage)
    return {"symbol": symbol, "leverage": leverage, "maxNotionalValue": canonical(cap)}


def set_margin_type(call: Call) -> dict[str, Any]:
    """POST /marginType."""
    kind = call.choice("marginType", MarginType, -1130)
    answer = call.exchange.set_margin_type(call.account, call.text("symbol"), kind, call.now)
    if answer is not None:
        raise refused(answer)
    return SUCCESS


def position_mode(call: Call) -> dict[str, Any]:
    """GET /positionSide/dual."""
    return {"dualSidePosition": call.exchange.floor.account(call.account).is_hedged}


def set_position_mode(call: Call) -> dict[str, Any]:
    """POST /positionSide/dual."""
    call.text("dualSidePosition")
    hedged = bool(call.flag("dualSidePosition"))
    answer = call.exchange.set_position_mode(call.account, hedged=hedged, now=call.now)
    if answer is not None:
        raise refused(answer)
    return SUCCESS


def multi_assets(call: Call) -> dict[str, Any]:
    """GET /multiAssetsMargin."""
    return {"multiAssetsMargin": call.exchange.floor.account(call.account).is_multi_assets}


def set_multi_assets(call: Call) -> dict[str, Any]:
    """POST /multiAssetsMargin: the exchange has one asset, so only one mode can be set."""
    call.text("multiAssetsMargin")
    if call.flag("multiAssetsMargin"):
        raise wrong(-4167, "Unable to adjust to Multi-Assets mode: there is one margin asset.")
    raise wrong(-4171, "No need to change position side.")


def move_margin(call: Call) -> dict[str, Any]:
    """POST /positionMargin: add (1) or take out (2)."""
    kind, amount = call.integer("type"), call.decimal("amount")
    if kind not in {ADD, REMOVE} or amount <= 0:
        raise wrong(-1130, "Data sent for parameter 'type' is not valid.")
    side = call.choice("positionSide", PositionSide, -4060, PositionSide.BOTH)
    signed = amount if kind == ADD else amount.copy_negate()
    answer = call.exchange.move_margin(call.account, call.text("symbol"), side, signed, call.now)
    if answer is not None:
        raise refused(answer)
    text = "Successfully modify position margin."
    return {"amount": float(amount), "code": 200, "msg": text, "type": kind}


# -- inside ------------------------------------------------------------------------------------


def _symbols(call: Call) -> list[str]:
    listed = call.exchange.floor.instruments
    symbol = call.values.get("symbol")
    if not symbol:
        return sorted(listed)
    if symbol not in listed:
        raise refused(refuse(-1121))
    return [symbol]


def _balance(call: Call) -> Balance:
    with exact():
        return reading.balance_of(call.exchange.floor, call.account)


def _named(call: Call) -> str | None:
    """The symbol that is asked for; ``None``: all."""
    return _symbols(call)[0] if call.values.get("symbol") else None


def _reports(call: Call, symbol: str | None, *, all_symbols: bool) -> list[PositionReport]:
    with exact():
        reports = reading.positions_of(call.exchange.floor, call.account, symbol)
    return [report for report in reports if all_symbols or not report.position.is_idle]


def _account(call: Call, *, all_symbols: bool) -> dict[str, Any]:
    held = _balance(call)
    with exact():
        initial = canonical(held.position_margin + held.order_margin)
        margin = canonical(held.margin_balance)
    wallet, free = canonical(held.wallet), canonical(held.available)
    asset = {
        "asset": QUOTE,
        "walletBalance": wallet,
        "unrealizedProfit": canonical(held.unrealized),
        "marginBalance": margin,
        "maintMargin": canonical(held.maintenance),
        "initialMargin": initial,
        "positionInitialMargin": canonical(held.position_margin),
        "openOrderInitialMargin": canonical(held.order_margin),
        "crossWalletBalance": canonical(held.cross_wallet),
        "crossUnPnl": canonical(held.cross_unrealized),
        "availableBalance": free,
        "maxWithdrawAmount": free,
        "marginAvailable": True,
        "updateTime": call.now,
    }
    return {
        "totalInitialMargin": initial,
        "totalMaintMargin": asset["maintMargin"],
        "totalWalletBalance": wallet,
        "totalUnrealizedProfit": asset["unrealizedProfit"],
        "totalMarginBalance": margin,
        "totalPositionInitialMargin": asset["positionInitialMargin"],
        "totalOpenOrderInitialMargin": asset["openOrderInitialMargin"],
        "totalCrossWalletBalance": asset["crossWalletBalance"],
        "totalCrossUnPnl": asset["crossUnPnl"],
        "availableBalance": free,
        "maxWithdrawAmount": free,
        "assets": [asset],
        "positions": [
            account_position(report, all_symbols=all_symbols)
            for report in _reports(call, None, all_symbols=all_symbols)
        ],
    }


def _number(amount: Decimal) -> int | float:
    """A JSON number, as this answer alone has them."""
    return int(amount) if amount == amount.to_integral_value() else float(amount)


def _rate(bps_x100: int) -> str:
    with exact():
        return canonical(Decimal(bps_x100) / FEE_UNITS)


ROUTES: Final[dict[tuple[str, str], Handler]] = {
    ("GET", "/fapi/v2/balance"): balance,
    ("GET", "/fapi/v3/balance"): balance,
    ("GET", "/fapi/v2/account"): account_v2,
    ("GET", "/fapi/v3/account"): account_v3,
    ("GET", "/fapi/v2/positionRisk"): positions_v2,
    ("GET", "/fapi/v3/positionRisk"): positions_v3,
    ("GET", "/fapi/v1/symbolConfig"): symbol_config,
    ("GET", "/fapi/v1/accountConfig"): account_config,
    ("GET", "/fapi/v1/leverageBracket"): brackets,
    ("GET", "/fapi/v1/commissionRate"): commission,
    ("GET", "/fapi/v1/income"): income,
    ("GET", "/fapi/v1/adlQuantile"): adl,
    ("GET", "/fapi/v1/rateLimit/order"): order_limits,
    ("GET", "/fapi/v1/apiTradingStatus"): trading_status,
    ("POST", "/fapi/v1/leverage"): set_leverage,
    ("POST", "/fapi/v1/marginType"): set_margin_type,
    ("GET", "/fapi/v1/positionSide/dual"): position_mode,
    ("POST", "/fapi/v1/positionSide/dual"): set_position_mode,
    ("GET", "/fapi/v1/multiAssetsMargin"): multi_assets,
    ("POST", "/fapi/v1/multiAssetsMargin"): set_multi_assets,
    ("POST", "/fapi/v1/positionMargin"): move_margin,
}
