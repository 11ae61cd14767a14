"""Smoke harnesses: end-to-end proofs at a venue that leave nothing behind (LIVE-28)."""
