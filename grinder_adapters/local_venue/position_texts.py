"""Positions as the venue's answers show them."""

from __future__ import annotations

from typing import Any

from grinder_adapters.local_venue.order_texts import QUOTE
from grinder_core.numbers import canonical, exact
from grinder_core.venue.exchange.reading import PositionReport
from grinder_core.venue.exchange.vocabulary import MarginType


def account_position(report: PositionReport, *, all_symbols: bool) -> dict[str, Any]:
    """One row of /account; version 2, which lists all symbols, says more."""
    needs, position = report.needs, report.position
    with exact():
        initial = canonical(needs.position + needs.orders)
    row = {
        "symbol": position.symbol,
        "positionSide": position.side.value,
        "positionAmt": canonical(position.ledger.qty),
        "unrealizedProfit": canonical(needs.unrealized),
        "isolatedMargin": _isolated_margin(report),
        "notional": canonical(report.notional),
        "isolatedWallet": canonical(position.isolated_wallet),
        "initialMargin": initial,
        "maintMargin": canonical(needs.maintenance),
        "updateTime": position.updated_at,
    }
    if all_symbols:
        row |= {
            "positionInitialMargin": canonical(needs.position),
            "openOrderInitialMargin": canonical(needs.orders),
            "leverage": str(report.terms.leverage),
            "isolated": report.terms.margin_type is MarginType.ISOLATED,
            "entryPrice": canonical(report.entry),
            "breakEvenPrice": canonical(report.break_even),
            "maxNotional": canonical(report.max_notional),
            "bidNotional": canonical(position.bids),
            "askNotional": canonical(position.asks),
        }
    return row


def position_v2(report: PositionReport) -> dict[str, Any]:
    """One row of /v2/positionRisk."""
    position = report.position
    isolated = report.terms.margin_type is MarginType.ISOLATED
    return {
        "symbol": position.symbol,
        "positionAmt": canonical(position.ledger.qty),
        "entryPrice": canonical(report.entry),
        "breakEvenPrice": canonical(report.break_even),
        "markPrice": canonical(report.mark),
        "unRealizedProfit": canonical(report.needs.unrealized),
        "liquidationPrice": canonical(report.liquidation),
        "leverage": str(report.terms.leverage),
        "maxNotionalValue": canonical(report.max_notional),
        "marginType": "isolated" if isolated else "cross",
        "isolatedMargin": _isolated_margin(report),
        "isAutoAddMargin": "false",
        "positionSide": position.side.value,
        "notional": canonical(report.notional),
        "isolatedWallet": canonical(position.isolated_wallet),
        "updateTime": position.updated_at,
    }


def position_v3(report: PositionReport) -> dict[str, Any]:
    """One row of /v3/positionRisk."""
    position, needs = report.position, report.needs
    with exact():
        initial = canonical(needs.position + needs.orders)
    return {
        "symbol": position.symbol,
        "positionSide": position.side.value,
        "positionAmt": canonical(position.ledger.qty),
        "entryPrice": canonical(report.entry),
        "breakEvenPrice": canonical(report.break_even),
        "markPrice": canonical(report.mark),
        "unRealizedProfit": canonical(needs.unrealized),
        "liquidationPrice": canonical(report.liquidation),
        "isolatedMargin": _isolated_margin(report),
        "notional": canonical(report.notional),
        "marginAsset": QUOTE,
        "isolatedWallet": canonical(position.isolated_wallet),
        "initialMargin": initial,
        "maintMargin": canonical(needs.maintenance),
        "positionInitialMargin": canonical(needs.position),
        "openOrderInitialMargin": canonical(needs.orders),
        "adl": 0,
        "bidNotional": canonical(position.bids),
        "askNotional": canonical(position.asks),
        "updateTime": position.updated_at,
    }


def _isolated_margin(report: PositionReport) -> str:
    if report.terms.margin_type is not MarginType.ISOLATED:
        return "0"
    with exact():
        return canonical(report.position.isolated_wallet + report.needs.unrealized)
