"""What a result assumes of the venue, one plain line for each switch that makes it more real.

A switch that is off is said too: what a session leaves out matters as much as what it charges.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import PurePath
from typing import Any, Final

from attrs import frozen

from grinder_app.report.wording import basis_points, duration, percent_of_bps, plain, some
from grinder_core.codec import to_dict
from grinder_core.venue.settings import VenueSettings

FILL_RULES: Final[Mapping[str, str]] = {
    "crossing": (
        "A BUY order fills when the mid price of a quote is at or below its limit, a SELL order "
        "when it is at or above."
    ),
    "quote": (
        "A BUY order fills when the best ask of a quote is at or below its limit, a SELL order "
        "when the best bid is at or above."
    ),
    "touch": (
        "A BUY order fills when the best bid of a quote is at or below its limit, a SELL order "
        "when the best ask is at or above: the market need only come to its price, as if nobody "
        "stood before it."
    ),
    "instant": (
        "Every order fills at its own limit as soon as it is eligible, wherever the market is. "
        "This is far too good to be true: use it to test mechanics, never to judge a strategy."
    ),
    "l2": (
        "A BUY order fills against the asks of the depth book at or below its limit, a SELL order "
        "against the bids at or above."
    ),
    "queue": (
        "An order fills by trades at its price once those who stood before it are served, and "
        "when the market trades or quotes through its price."
    ),
}
NO_QUEUE: Final = (
    "There is no queue: reaching the price is enough, whoever else rests there. Real fills are "
    "fewer, and come more often when the price goes on against them."
)
REPLAY: Final = "A replay accepts every order and fills none: it shows decisions, not results."

_FILES_SHOWN: Final = 3


@frozen
class Assumption:
    """One line: which switch, and what holds."""

    name: str
    text: str

    @property
    def line(self) -> str:
        """Both, as one line of text."""
        return f"{self.name}: {self.text}"


def assumptions_of(
    kind: str,
    venue: Mapping[str, Any],
    *,
    origins: Mapping[str, Any] | None = None,
    funding: Sequence[str] = (),
) -> list[Assumption]:
    """Return what a run assumes, in words.

    Args:
        kind: Of the run; in a ``replay`` orders are accepted and never filled.
        venue: The ``venue`` section of the configuration as JSON values; what it leaves out has
            its default.
        origins: Where each setting comes from, by dotted name.
        funding: Names of the funding files that were given.
    """
    if kind == "replay":
        return [Assumption("Fills", REPLAY)]
    settings = {**to_dict(VenueSettings()), **venue}
    return [
        Assumption("Fills", FILL_RULES[settings["fill_mode"]]),
        Assumption("Size and price of fills", _sizes(settings)),
        Assumption("Queue", _queue(settings)),
        Assumption("Delay", _delay(settings)),
        Assumption("Latency", _latency(settings)),
        Assumption("Fees", _fees(settings)),
        Assumption("Closing at the market", _closing(settings)),
        Assumption("Funding", _funding(settings, funding)),
        Assumption("Mark price", _mark(settings)),
        Assumption("Liquidation", _liquidation(settings, origins or {})),
    ]


def _sizes(venue: Mapping[str, Any]) -> str:
    mode, partial = venue["fill_mode"], venue["partial_fills_enabled"]
    share = f"{percent_of_bps(int(venue['participation_bps']))} of"
    if mode == "instant":
        return "Whole, at the limit price, whatever quantity is displayed."
    if mode == "l2":
        age = f"A book older than {plain(venue['l2_fill_max_age_ms'])} ms fills nothing."
        price = "at the limit price for one that rested, at the levels' average for one that takes"
        if partial:
            return f"As far as {share} each level reaches, {price}. {age}"
        return f"Whole or not at all, out of {share} each level, {price}. {age}"
    limited = (
        f"no more in a quote than {share} the quantity displayed at the opposite best price, "
        "shared by all orders of a side, at the limit price."
    )
    rule = limited if partial else "whole, at the limit price, whatever quantity is displayed."
    if mode == "queue":
        return (
            "Of a trade at the price: what is left after those before us. Of a trade through it: "
            f"whole, at the limit price. Of a quote through it: {rule}"
        )
    return rule[0].upper() + rule[1:]


def _queue(venue: Mapping[str, Any]) -> str:
    if venue["fill_mode"] == "queue":
        return (
            "An order joins behind everything displayed at its price; trades there move it "
            "forward, cancels of others never do. Our orders do not move the market."
        )
    return f"{NO_QUEUE} Our orders do not move the market."


def _delay(venue: Mapping[str, Any]) -> str:
    delay, per_tick = int(venue["fill_after_ticks"]), int(venue["delay_bps_per_tick"])
    if delay:
        count = "next" if delay == 1 else f"{_ordinal(delay)} next"
        wait = f"An order may fill from the {count} quote of its symbol on, not before."
    else:
        wait = "An order may fill on the very quote that placed it, then as taker."
    if per_tick:
        most = plain(venue["max_extra_delay_ticks"])
        wait += f" One quote later for every {per_tick:,} bps from the mid, {most} at most."
    return wait


def _latency(venue: Mapping[str, Any]) -> str:
    order, cancel = int(venue["order_latency_ms"]), int(venue["cancel_latency_ms"])
    if not (order or cancel):
        return "None: orders and cancels are at the venue the moment they are decided."
    return f"Orders reach the venue {order:,} ms after the decision, cancels {cancel:,} ms."


def _fees(venue: Mapping[str, Any]) -> str:
    maker = basis_points(int(venue["maker_fee_bps_x100"]))
    taker = basis_points(int(venue["taker_fee_bps_x100"]))
    return (
        f"{maker} bps for orders that rested (maker), {taker} bps for those filled on placement "
        "(taker), rounded up to 8 digits."
    )


def _closing(venue: Mapping[str, Any]) -> str:
    slippage = int(venue["market_slippage_bps"])
    cost = f"{slippage:,} bps beyond the price, and" if slippage else "no slippage;"
    return f"At once and whole: {cost} the taker fee."


def _funding(venue: Mapping[str, Any], files: Sequence[str]) -> str:
    source = venue["funding_source"]
    if source == "data":
        names = [PurePath(file).name for file in files]
        given = some(names, _FILES_SHOWN) if names else "the FUNDING events of the data"
        return f"Settlements of {given}, paid at their time; where there are none, none is paid."
    if source == "constant":
        rate = Decimal(str(venue["funding_rate"]))
        payer, taker = ("longs", "shorts") if rate >= 0 else ("shorts", "longs")
        share = plain(abs(rate).scaleb(2))
        every = duration(int(venue["funding_interval_ms"]))
        return (
            f"A constant rate: {payer} pay {share} % of their notional to {taker} every {every}, "
            "counted from 1970, whatever the market paid."
        )
    return "Not charged: positions are held for free, however long."


def _mark(venue: Mapping[str, Any]) -> str:
    if venue["mark_source"] == "mark_price":
        return (
            "Positions are valued at the venue's mark price once the data has one, until then "
            "at the mid."
        )
    return "Positions are valued at the mid of the last quote."


def _liquidation(venue: Mapping[str, Any], origins: Mapping[str, Any]) -> str:
    if not venue["liquidation_enabled"]:
        return "None: a position is never closed by force, however large its loss."
    name = "venue.leverage_brackets"
    found = [
        str(origins[key]) for key in sorted(origins) if key == name or key.startswith(f"{name}.")
    ]
    sources = [origin for origin in dict.fromkeys(found) if origin != "default"]
    count = len(venue["leverage_brackets"])
    symbols = "1 symbol" if count == 1 else f"{count:,} symbols"
    fee = basis_points(int(venue["liquidation_fee_bps_x100"]))
    return (
        "Everything is closed at the mark when equity falls to the maintenance margin, for a fee "
        f"of {fee} bps. Brackets of {symbols}"
        f"{f' from {some(sources, _FILES_SHOWN)}' if sources else ''}."
    )


def _ordinal(number: int) -> str:
    if number % 100 in {11, 12, 13}:
        return f"{number}th"
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th') }"
