"""What is written by hand: method, assumptions and proposals. Numbers come from the results."""

from __future__ import annotations

from typing import Final

COMMAND: Final = "python -m grinder_app.study RECORDINGS --out docs/study"
AGAIN: Final = "python -m grinder_app.study --from-results --out docs/study"

TITLE: Final = "Static against adaptive, on recorded markets"

LEAD: Final = (
    "Does the adaptive grid (CORE-22), with the controllers v0 and v1 (CORE-19, CORE-20) and with "
    "depth gating (CORE-23), earn more than the static grid (CORE-21) after fees and funding? One "
    "command answers from recordings; every table, picture and number below is computed from "
    "[results.json](results.json), which it writes first. Results of every single session are on "
    "[a page of their own](sessions.md)."
)

METHOD: Final = (
    "Each session trades one symbol, begins with 10,000 of quote currency (USDT) and is never "
    "topped up. Every level is worth 100 at the grid's anchor, in every variant: equal notional "
    "per level, not equal risk. static-wide is there as a control that may hold as much as the "
    "adaptive grid.",
    "Fees are 2 bps for makers and 5 bps for takers. A resting order fills whole, at its price, "
    "once the mid reaches it (`crossing`); other fill models are further down.",
    "Funding is what the venue settled where a file of settlements covers at least 95 % of a "
    "session, else a constant 0.01 % every 8 h; spot pays none. Spot captures are traded as if "
    "short sales were possible.",
    "Position plus plan of a symbol may be worth 10,000, so nothing is levered. That is twice the "
    "specification's 5,000, under which a plan of the adaptive grid (up to 40 levels, 4,000) "
    "leaves no room for a position. The daily loss limit is out of reach and no guard is on: "
    "policies are compared, not brakes. All other gates are as specified, and what they stop is "
    "counted.",
    "The feature engine is on everywhere, so that market states (CORE-18) are known; it does not "
    "change what the static grid does. Profit by state is before funding, and belongs to the "
    "state that held while it came about.",
    "Prices of orders lie on the price step that a recording shows (greatest common divisor of "
    "its prices). Lot sizes and the venue's least notional are not applied, because with them "
    "equal notional per level would not be equal.",
    "A book is thin (THIN_BOOK) if its best quantity is worth less than one order of ours, not "
    "below 0.1 base units as specified, which is much in BTC and nothing in CHR; adaptive-thin has "
    "the specified threshold. Bars do not tell what was displayed, so on them no book is thin.",
    "Bars for the features are those of the recording; 1 minute for recorded quotes, and 1 second "
    "for captures shorter than an hour, or nothing would ever be warmed up in them.",
    "`qty_ref` of depth features is what 10,000 buy at the first price.",
)

MADE_UP: Final = (
    "**The quotes on bars are made up.** A bar says which prices were touched, not when, and not "
    "what was quoted. Each becomes two to four quotes 2 bps wide along one assumed path: open, the "
    "extreme against the bar's direction, the other extreme, close. Nobody quoted them. Within a "
    "bar the path cannot go back and forth, so fills that a fine grid would have had are missing; "
    "and between two points of the path the mid jumps, so several levels fill at once. Results on "
    "bars compare variants with each other; they do not say what an account would have earned."
)

SHORT: Final = (
    "**Recorded quotes are real but short**: most captures last minutes. They show how the engine "
    "behaves on real ticks and books; their profits mean nothing."
)

TRIALS: Final = (
    "Sharpe ratios are of daily changes of equity of all sessions of a family together, 365 days "
    "a year. Sessions of one window move together, and days follow each other, so the truth is "
    "less certain than the intervals say: "
    "[what a Sharpe ratio is worth](../concepts/statistics.md)."
)

BAND: Final = (
    "The best static and the best adaptive variant of each family again: `touch` fills when the "
    "best price of our side reaches the order, `quote` only when the opposite side's does, "
    "`queue` after what stood before it has traded (needs recorded trades). On bars the first "
    "three sessions of a family, on recorded quotes every session with depth and trades."
)

PROPOSALS_NOTE: Final = (
    "Settings to try, not changes of any default: a default of the specification changes with a "
    "decision record only."
)
