"""Structured logs: one line a record, without secrets, and never waited for."""
