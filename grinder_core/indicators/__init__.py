"""What the market does, folded one event at a time in constant work."""
