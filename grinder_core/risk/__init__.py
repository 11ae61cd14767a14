"""When to stop: latches over the session's equity."""
