"""Tells an operator what happened: signed HTTP posts to an address of theirs."""
