"""Surviving a venue: retries, breakers, budgets and idempotent writes, given the time."""
