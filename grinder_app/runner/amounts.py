"""Amounts on the command line: plain decimal numbers, or an answer that says what one is."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any

from cyclopts import Parameter, Token

from grinder_core.errors import ConfigError, ContractError
from grinder_core.numbers import parse_decimal


def read_amount(_hint: Any, tokens: Sequence[Token]) -> Decimal:
    """Read the value of an option as one decimal number.

    Raises:
        ConfigError: It is none, or in a form that nothing else here takes, such as ``1e3``.
    """
    token = tokens[0]
    try:
        return parse_decimal(token.value)
    except ContractError:
        raise ConfigError(
            "must be a decimal number like 1.5",
            field=token.keyword or "argument",
            value=token.value,
            remedy="write digits with at most one point",
        ) from None


Amount = Annotated[Decimal, Parameter(converter=read_amount)]
"""Type of every option that takes a decimal number."""
