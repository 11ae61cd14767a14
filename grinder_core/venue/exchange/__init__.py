"""The whole exchange over the matching core: accounts, order entry, margin, its own error codes."""
