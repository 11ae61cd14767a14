"""Every switch that makes a session more real is told in a line, on or off."""

from __future__ import annotations

from typing import Any

import pytest

from grinder_app.report.assumptions import FILL_RULES, assumptions_of
from grinder_core.codec import to_dict
from grinder_core.contracts.enums import FillMode
from grinder_core.venue.settings import VenueSettings

NAMES = [
    *("Fills", "Size and price of fills", "Queue", "Delay", "Latency", "Fees"),
    *("Closing at the market", "Funding", "Mark price", "Liquidation"),
]
BRACKET = {
    "notional_floor": "0",
    "notional_cap": "5000",
    "max_leverage": 20,
    "maint_margin_ratio": "0.01",
    "cum": "0",
}


def told(
    name: str,
    origins: dict[str, str] | None = None,
    funding: tuple[str, ...] = (),
    **venue: Any,
) -> str:
    found = assumptions_of("paper", venue, origins=origins, funding=funding)
    return {each.name: each.text for each in found}[name]


@pytest.mark.parametrize("mode", list(FillMode))
@pytest.mark.parametrize("partial", [False, True])
def test_each_switch_has_one_line_whatever_the_mode(mode: FillMode, partial: bool) -> None:
    venue = to_dict(VenueSettings(fill_mode=mode, partial_fills_enabled=partial))
    found = assumptions_of("paper", venue)
    assert [each.name for each in found] == NAMES
    assert found[0].text == FILL_RULES[mode.value]
    for each in found:
        assert each.text[0].isupper() or each.text[0].isdigit()
        assert each.text.endswith(".")
        assert "\n" not in each.line
        assert each.line.isascii()


def test_every_fill_mode_has_its_own_rule() -> None:
    assert set(FILL_RULES) == {mode.value for mode in FillMode}
    assert len(set(FILL_RULES.values())) == len(FILL_RULES)


def test_a_replay_claims_no_result() -> None:
    (only,) = assumptions_of("replay", {})
    assert "accepts every order and fills none" in only.text


@pytest.mark.parametrize(
    ("venue", "name", "said"),
    [
        ({}, "Delay", "on the very quote that placed it, then as taker"),
        ({"fill_after_ticks": 1}, "Delay", "from the next quote"),
        ({"fill_after_ticks": 2}, "Delay", "from the 2nd next quote"),
        ({"fill_after_ticks": 3}, "Delay", "from the 3rd next quote"),
        ({"fill_after_ticks": 11}, "Delay", "from the 11th next quote"),
        ({"delay_bps_per_tick": 20}, "Delay", "for every 20 bps from the mid, 50 at most"),
        ({}, "Latency", "None:"),
        (
            {"order_latency_ms": 40, "cancel_latency_ms": 1_500},
            "Latency",
            "Orders reach the venue 40 ms after the decision, cancels 1,500 ms.",
        ),
        ({"cancel_latency_ms": 5}, "Latency", "Orders reach the venue 0 ms"),
        ({"maker_fee_bps_x100": 200, "taker_fee_bps_x100": 450}, "Fees", "2 bps for orders"),
        ({"maker_fee_bps_x100": 200, "taker_fee_bps_x100": 450}, "Fees", "4.5 bps for those"),
        ({"market_slippage_bps": 7}, "Closing at the market", "7 bps beyond the price"),
        ({}, "Closing at the market", "no slippage"),
        ({}, "Queue", "There is no queue"),
        ({"fill_mode": "queue"}, "Queue", "joins behind everything displayed at its price"),
        ({}, "Size and price of fills", "Whole, at the limit price"),
        (
            {"partial_fills_enabled": True, "participation_bps": 2_500},
            "Size and price of fills",
            "No more in a quote than 25 % of the quantity displayed",
        ),
        ({"fill_mode": "l2"}, "Size and price of fills", "Whole or not at all, out of 100 % of"),
        ({"fill_mode": "l2"}, "Size and price of fills", "older than 1,500 ms fills nothing"),
        (
            {"fill_mode": "instant", "partial_fills_enabled": True},
            "Size and price of fills",
            "Whole",
        ),
        ({}, "Funding", "Not charged"),
        ({"funding_source": "data"}, "Funding", "the FUNDING events of the data"),
        (
            {"funding_source": "constant"},
            "Funding",
            "longs pay 0.01 % of their notional to shorts every 8 h",
        ),
        (
            {
                "funding_source": "constant",
                "funding_rate": "-0.002",
                "funding_interval_ms": 3_600_000,
            },
            "Funding",
            "shorts pay 0.2 % of their notional to longs every 1 h",
        ),
        ({}, "Mark price", "the mid of the last quote"),
        ({"mark_source": "mark_price"}, "Mark price", "the venue's mark price once the data has"),
        ({}, "Liquidation", "None:"),
    ],
)
def test_what_is_set_is_what_is_said(venue: dict[str, Any], name: str, said: str) -> None:
    assert said in told(name, **venue)


def test_funding_files_and_the_source_of_brackets_are_named() -> None:
    files = ("/data/a.csv", "/data/b.json")
    assert "Settlements of a.csv, b.json" in told("Funding", funding=files, funding_source="data")
    origins = {
        "venue.leverage_brackets": "default",
        "venue.leverage_brackets.AAAUSDT": "leverage_brackets_file tiers.json",
        "venue.leverage_brackets.BBBUSDT": "leverage_brackets_file tiers.json",
        "venue.leverage_brackets_of_others": "flag",
    }
    brackets = {"AAAUSDT": [BRACKET], "BBBUSDT": [BRACKET]}
    text = told("Liquidation", origins, liquidation_enabled=True, leverage_brackets=brackets)
    assert "for a fee of 125 bps" in text
    assert text.endswith("Brackets of 2 symbols from leverage_brackets_file tiers.json.")
