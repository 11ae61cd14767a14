"""Which symbols trade."""
