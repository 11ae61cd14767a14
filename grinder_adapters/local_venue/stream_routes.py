"""Requests about the user stream's key."""

from __future__ import annotations

from typing import Any

from grinder_adapters.local_venue.http import Problem
from grinder_adapters.local_venue.listen_keys import ListenKeys


def answer(keys: ListenKeys, method: str, account: str, now: int) -> dict[str, Any] | Problem:
    """POST, PUT and DELETE /listenKey."""
    if method == "POST":
        return {"listenKey": keys.open(account, now)}
    key = keys.extend(account, now) if method == "PUT" else keys.close(account, now)
    if isinstance(key, Problem):
        return key
    return {"listenKey": key} if method == "PUT" else {}
