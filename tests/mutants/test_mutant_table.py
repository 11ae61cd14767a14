"""The table of mutants fits the code of today, and the harness tells a survivor from a kill."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutants.mutant import Mutant
from tests.mutants.mutants import MUTANTS
from tests.mutants.run import BROKEN, KILLED, SURVIVED, Verdict, main, report

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.name)
def test_a_mutant_applies_exactly_once_and_changes_something(mutant: Mutant) -> None:
    (path,) = mutant.files(ROOT)
    assert mutant.new != mutant.old
    compile(path.read_text().replace(mutant.old, mutant.new), mutant.name, "exec")
    assert mutant.tests
    assert all((ROOT / test.split("::")[0]).is_file() for test in mutant.tests)


def test_names_are_unique_and_the_families_of_mistakes_are_all_there() -> None:
    names = [mutant.name for mutant in MUTANTS]
    assert len(set(names)) == len(names)
    least = {
        "flipped_side_in_the_ledger", "cooldown_lasts_a_millisecond_longer",
        "drawdown_limit_is_exclusive", "forgotten_fee", "unstable_sort",
        "float_in_place_of_decimal", "skipped_cancel", "buy_level_rounded_towards_the_centre",
        "fee_rounded_in_our_favour", "lost_fill", "stale_anchor_after_a_hard_reset",
        "rate_judged_before_toxicity", "rearm_never_ignored", "phase_a_ignores_the_delay",
        "exposure_not_updated", "exits_blocked_by_the_kill_switch",
        "prefilter_spread_limit_is_inclusive", "unmarked_lookahead",
    }  # fmt: skip
    assert least <= set(names)


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [((KILLED,), 0), ((KILLED, SURVIVED), 1), ((SURVIVED, BROKEN), 2), ((BROKEN,), 2)],
)
def test_the_exit_code_says_what_happened(outcomes: tuple[str, ...], code: int) -> None:
    assert report([Verdict(MUTANTS[0], outcome, 1.0) for outcome in outcomes]) == code


def test_an_unknown_name_is_refused() -> None:
    assert main(["no_such_mutant"]) == 2
    assert main(["--jobs", "0"]) == 2
