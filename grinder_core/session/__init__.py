"""The in-process driver: one engine, one venue, one ordered stream."""
