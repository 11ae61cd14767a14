"""What the venue says to SUBSCRIBE and its like, between the frames of the streams."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import frozen

ERROR_SHOWN: Final = 200

_SIGNS: Final = frozenset({"result", "error", "code"})


@frozen(kw_only=True)
class Answer:
    """The answer to one request on a connection.

    Attributes:
        request_id: The ``id`` it was sent with; ``None`` where the venue names none.
        error: The venue's words, cut at 200 characters; empty where it agreed.
    """

    request_id: int | None
    error: str = ""


def is_answer(data: Mapping[str, Any]) -> bool:
    """Whether an object without an event name is an answer."""
    return not _SIGNS.isdisjoint(data)


def read_answer(data: Mapping[str, Any]) -> Answer:
    """Read an answer: ``{"result":null,"id":1}``, or ``error`` or ``code`` and ``msg``."""
    request_id, error = data.get("id"), data.get("error", data if "code" in data else None)
    return Answer(
        request_id=request_id if type(request_id) is int else None,
        error="" if error is None else _words(error),
    )


def _words(error: Any) -> str:
    said = error.get("msg") if type(error) is dict else error
    return said[:ERROR_SHOWN] if type(said) is str and said else "refused without a text"
