"""Errors: what they say, and that they survive a move into another process."""

from __future__ import annotations

import pickle
from copy import copy

import pytest

from grinder_core import errors
from grinder_core.errors import (
    CircuitOpenError,
    ConfigError,
    ConnectorError,
    ConnectorIOError,
    ConnectorNonRetryableError,
    ConnectorOutcomeUnknownError,
    ConnectorTimeoutError,
    ConnectorTransientError,
    GrinderError,
    IdempotencyConflictError,
    PaperOrderError,
    RateLimitError,
)

MADE = [
    ConfigError("must be > 0", field="size", value=0, where="a.toml", remedy="give one"),
    ConfigError("must be given", field="size", value=None),
    ConnectorTimeoutError("place", 5000),
    ConnectorOutcomeUnknownError("cancel", "grinder_x"),
    ConnectorTransientError("HTTP 503", retry_after_ms=200),
    CircuitOpenError("is open", field="place"),
]


@pytest.mark.parametrize("error", MADE, ids=lambda error: type(error).__name__)
def test_an_error_is_the_same_after_a_copy_and_in_another_process(error: GrinderError) -> None:
    for again in (copy(error), pickle.loads(pickle.dumps(error))):
        assert type(again) is type(error)
        assert str(again) == str(error)
        assert vars(again) == vars(error)


@pytest.mark.parametrize("error", MADE, ids=lambda error: type(error).__name__)
def test_a_place_goes_in_front_of_the_same_words(error: GrinderError) -> None:
    placed = error.at("stream 7")
    assert type(placed) is type(error)
    assert str(placed) == f"stream 7: {error}"
    assert str(placed.at("b")) == f"b: stream 7: {error}"
    assert vars(placed) == {**vars(error), "where": placed.where}


def test_an_error_names_value_rule_and_remedy() -> None:
    assert str(MADE[0]) == "a.toml: size = 0: must be > 0; give one"
    assert str(MADE[1]) == "size = None: must be given"
    assert str(MADE[2]) == "place: no answer within 5000 ms"


def test_the_tree_is_the_published_one() -> None:
    assert issubclass(ConnectorTransientError, ConnectorIOError)
    for kind in (IdempotencyConflictError, CircuitOpenError, RateLimitError, PaperOrderError):
        assert issubclass(kind, ConnectorNonRetryableError)
    assert issubclass(ConnectorNonRetryableError, ConnectorIOError)
    for kind in (ConnectorTimeoutError, ConnectorOutcomeUnknownError, ConnectorIOError):
        assert issubclass(kind, ConnectorError)
    assert not issubclass(ConnectorTimeoutError, ConnectorIOError)


def test_every_error_has_a_code_of_its_own() -> None:
    kinds = [k for k in vars(errors).values() if isinstance(k, type) and issubclass(k, Exception)]
    codes = [kind.code for kind in kinds]
    assert len(set(codes)) == len(codes) > 15
    assert all(code.startswith("E_") and code.isupper() for code in codes)
