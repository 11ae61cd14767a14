"""Ways to flatter a result: look-ahead unseen, uncertainty understated, choosing for free."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

SHARPE = ("tests/app/test_sharpe.py",)
LOOKAHEAD = ("tests/app/test_lookahead.py",)
TRIALS = ("tests/app/test_compare.py",)
BACKTEST = ("tests/app/test_backtest.py",)

MUTANTS: tuple[Mutant, ...] = (
    # -- look-ahead
    Mutant(
        "two_pass_selection_not_reported",
        "grinder_app/checks/lookahead.py",
        "source is not SelectionSource.STATIC and not selection.topk_prefix_events",
        "source is not SelectionSource.STATIC and selection.topk_prefix_events",
        LOOKAHEAD,
    ),
    Mutant(
        "selection_of_a_truncated_stream_sees_the_whole",
        "grinder_app/checks/lookahead.py",
        "feed_selection(session, subject.events(cut))",
        "feed_selection(session, subject.events(None))",
        LOOKAHEAD,
    ),
    Mutant(
        "missing_outputs_of_a_truncated_stream_pass",
        "grinder_app/checks/lookahead.py",
        "if count < bisect_left(whole.answered, cut):",
        "if count < 0:",
        LOOKAHEAD,
    ),
    Mutant(
        "a_truncated_stream_that_fails_passes",
        "grinder_app/checks/lookahead.py",
        "return _Mismatch(output=count, cut=cut, event=stream.index, line=None, error=text)",
        "return None",
        LOOKAHEAD,
    ),
    Mutant(
        "the_last_difference_is_named_instead_of_the_first",
        "grinder_app/checks/lookahead.py",
        "first = min(found, key=lambda each: (each.output, each.cut), default=None)",
        "first = max(found, key=lambda each: (each.output, each.cut), default=None)",
        LOOKAHEAD,
    ),
    Mutant(
        "a_run_that_cannot_be_repeated_passes",
        "grinder_app/checks/lookahead.py",
        "if subject.running_digest not in {None, digest}:",
        "if subject.running_digest is None:",
        LOOKAHEAD,
    ),
    Mutant(
        "files_that_a_policy_opens_go_unseen",
        "grinder_app/checks/fresh_policy.py",
        'if _Hook.watcher is not None and event == "open":',
        'if _Hook.watcher is None and event == "open":',
        LOOKAHEAD,
    ),
    Mutant(
        "changed_data_are_taken_for_the_same",
        "grinder_app/runner/inputs.py",
        "describe_files([Path(path)])[0].sha256 != sha256",
        "describe_files([Path(path)])[0].sha256 == path",
        LOOKAHEAD,
    ),
    # -- Sharpe ratios
    Mutant(
        "skew_with_the_wrong_sign",
        "grinder_app/report/sharpe.py",
        "1.0 - sharpe.skewness * ratio",
        "1.0 + sharpe.skewness * ratio",
        SHARPE,
    ),
    Mutant(
        "excess_kurtosis_in_place_of_kurtosis",
        "grinder_app/report/sharpe.py",
        "(sharpe.kurtosis - 1.0) / 4.0",
        "(sharpe.kurtosis - 3.0) / 4.0",
        SHARPE,
    ),
    Mutant(
        "deflation_not_applied",
        "grinder_app/report/sharpe.py",
        "probability=probabilistic_sharpe(sharpe, benchmark),",
        "probability=probabilistic_sharpe(sharpe, 0.0),",
        SHARPE,
    ),
    Mutant(
        "the_expected_best_forgets_the_further_quantile",
        "grinder_app/report/sharpe.py",
        "farther = -_NORMAL.inv_cdf(1.0 / (trials * math.e))",
        "farther = -_NORMAL.inv_cdf(1.0 / trials)",
        SHARPE,
    ),
    Mutant(
        "annual_and_periodic_ratios_mixed_in_the_interval",
        "grinder_app/report/sharpe.py",
        "return self.annual(math.sqrt(_spread(self) / (self.samples - 1)))",
        "return math.sqrt(_spread(self) / (self.samples - 1))",
        SHARPE,
    ),
    Mutant(
        "one_sided_interval",
        "grinder_app/report/sharpe.py",
        "_TWO_SIDED: Final = _NORMAL.inv_cdf(0.5 + CONFIDENCE / 2)",
        "_TWO_SIDED: Final = _NORMAL.inv_cdf(CONFIDENCE)",
        SHARPE,
    ),
    Mutant(
        "returns_that_never_vary_have_a_sharpe",
        "grinder_app/report/sharpe.py",
        "if deviation <= 1e-12 * max(abs(r) for r in returns):",
        "if deviation < 0:",
        SHARPE,
    ),
    Mutant(
        "trials_without_a_figure_do_not_count",
        "grinder_app/report/sharpe.py",
        "count = max(len(results), trials or 0)",
        "count = max(len(defined), trials or 0)",
        SHARPE,
    ),
    Mutant(
        "the_worst_trial_is_called_the_best",
        "grinder_app/report/sharpe.py",
        "best = max(defined, key=lambda pair: (pair[1].ratio, -pair[0]))",
        "best = min(defined, key=lambda pair: (pair[1].ratio, -pair[0]))",
        SHARPE,
    ),
    # -- what counts as a trial
    Mutant(
        "a_repeated_configuration_is_another_trial",
        "grinder_app/runner/trials.py",
        "settings not in seen",
        "settings",
        TRIALS,
    ),
    Mutant(
        "runs_of_other_data_are_trials",
        "grinder_app/runner/trials.py",
        "if _data(run) == _data(first) and",
        "if _data(run) and",
        TRIALS,
    ),
    Mutant(
        "stated_trials_are_ignored_for_the_best_session",
        "grinder_app/report/sharpe.py",
        "trials=len(sessions) * (trials_each or 1)",
        "trials=len(sessions)",
        BACKTEST,
    ),
)
