"""The pages of the study: a pure function of its results."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from grinder_adapters.feeds.atomic import atomic_file
from grinder_app.reference.markdown import fenced, section
from grinder_app.study import tables, words
from grinder_app.study.conclusions import conclusions
from grinder_app.study.datasets import Dataset
from grinder_app.study.figures import pictures_of
from grinder_app.study.parts import bars_of, by_family, minutes_of, ran
from grinder_app.study.proposals import proposals
from grinder_app.study.reasons import gating_sentences, reasons, thin_sentences
from grinder_app.study.results import Results
from grinder_app.study.variants import ADAPTIVE, STATIC, VARIANTS

PAGE: Final = "README.md"
SESSIONS: Final = "sessions.md"
_NOTE: Final = f"<!-- Generated from results.json: {words.AGAIN} -->"
_STATES: Final = (STATIC, ADAPTIVE, "adaptive-v1", "coarse")


def write_pages(results: Results, folder: Path) -> None:
    """Write both pages into a folder, which is made when missing.

    Raises:
        InputError: They cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in ((PAGE, main_page(results)), (SESSIONS, session_page(results))):
        with atomic_file(folder / name) as file:
            file.write(text.encode("ascii"))


def main_page(results: Results) -> str:
    """Return the study: method, results, where adaptive loses and why, conclusion, proposals."""
    return _joined(
        f"# {words.TITLE}",
        _NOTE,
        words.LEAD,
        *conclusions(results)[:2],
        section(
            "Method and assumptions",
            words.MADE_UP,
            words.SHORT,
            _bullets(words.METHOD),
            *_run_again(),
        ),
        section("What is compared", tables.variant_table()),
        section(
            "Data",
            tables.family_table(results),
            *(["Left out:", tables.left_out_table(results)] if results.left_out else []),
        ),
        section("Results", *_results(results)),
        section("How sure that is", words.TRIALS, *_certainty(results)),
        section("Market states", *_states(results)),
        section("Controllers and gates", *_controllers(results)),
        section("Reading the book", *_gating(results)),
        section("Other fill models", *_band(results)),
        section(
            "Where the adaptive grid loses, and why",
            _picture(results, "drift"),
            _bullets(reasons(results)),
        ),
        section("Conclusion", _bullets(conclusions(results))),
        section("Settings to try", words.PROPOSALS_NOTE, _bullets(proposals(results))),
    )


def session_page(results: Results) -> str:
    """Return every session's figures, family by family."""
    sections = []
    for family, datasets in by_family(results.datasets).items():
        names = [n for n in _STATES if n in ran(results, datasets)]
        parts = [
            "Net PnL, quote currency:",
            tables.session_table(results, datasets, tables.net_cell),
            "Net PnL in basis points of turnover:",
            tables.session_table(results, datasets, tables.bps_cell),
            "Max drawdown, quote currency:",
            tables.session_table(results, datasets, tables.drawdown_cell),
        ]
        if names:
            parts.append("Net PnL by market state, before funding:")
            parts.append(tables.symbol_regime_table(results, datasets, names))
        sections.append(section(family, *parts))
    return _joined(
        "# Every session of the study",
        _NOTE,
        "What each variant came to in each session; method and meaning are on "
        "[the page of the study](README.md). `price` is the change from the first to the last "
        "price of the session.",
        *sections,
        section("How each session is read", tables.assumption_table(results)),
    )


def _run_again() -> list[str]:
    return [
        "It needs the extras `data`, `report` and `dev` (for the browser that draws), and took "
        "40 minutes on two cores. Parts run with `--only FAMILY`; `--from-results` writes the "
        "pages anew without running anything.",
        "<!-- not run: needs a folder of recordings -->\n" + fenced(words.COMMAND, "sh"),
    ]


def _results(results: Results) -> list[str]:
    parts = [_picture(results, "equity"), _picture(results, "sessions")]
    for family, datasets in by_family(results.datasets).items():
        if ran(results, datasets):
            parts.append(section(family, tables.variant_sums(results, datasets), level=3))
    bars = bars_of(results)
    if ran(results, bars):
        parts.append(section("All bars", tables.variant_sums(results, bars), level=3))
    return [*parts, _picture(results, "costs")]


def _certainty(results: Results) -> list[str]:
    parts = []
    for family, datasets in by_family(bars_of(results)).items():
        if ran(results, datasets):
            best = tables.best_sentence(results, family, datasets)
            table = tables.certainty_table(results, datasets)
            parts.append(section(family, table, best, level=3))
    count = len({(row.dataset, row.variant) for row in results.rows})
    return [
        f"{len(VARIANTS)} variants were looked at, {count} pairs of variant and session in all.",
        *parts,
    ]


def _states(results: Results) -> list[str]:
    parts: list[str] = []
    minutes, bars = minutes_of(results), bars_of(results)
    groups: tuple[tuple[str, Sequence[Dataset]], ...] = (
        ("1-minute bars", minutes),
        ("Longer bars", [d for d in bars if d not in minutes]),
        ("Recorded quotes", [d for d in results.datasets if not d.is_klines]),
    )
    for title, datasets in groups:
        names = [name for name in _STATES if name in ran(results, datasets)]
        if names:
            parts.append(section(title, tables.regime_table(results, datasets, names), level=3))
    return [*parts, _picture(results, "regimes")]


def _controllers(results: Results) -> list[str]:
    return [
        tables.mode_table(results),
        "Share of quotes on which a gate let nothing be placed, all sessions:",
        tables.block_table(results),
    ]


def _gating(results: Results) -> list[str]:
    names = [v.name for v in VARIANTS if v.needs_depth]
    said = [*gating_sentences(results), *thin_sentences(results)]
    if not said:
        return ["No session has a recorded book."]
    both = (ADAPTIVE, names[0], "adaptive-v1", names[1])
    return [tables.gating_table(results, both), _bullets(said)]


def _band(results: Results) -> list[str]:
    return [words.BAND, tables.band_table(results), _picture(results, "band")]


def _picture(results: Results, name: str) -> str:
    titles = {picture.name: picture.title for picture in pictures_of(results)}
    return f"![{titles[name]}]({name}.png)" if name in titles else ""


def _bullets(lines: Sequence[str]) -> str:
    return "\n".join(f"* {line}" for line in lines)


def _joined(*parts: str) -> str:
    return "\n\n".join(part for part in parts if part) + "\n"
