"""Money explained: two sides of one market bridged, and a ledger settled with its venue."""
