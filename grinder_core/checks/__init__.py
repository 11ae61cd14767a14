"""Acceptance checks: pure verdicts over reports that somebody else measured."""
