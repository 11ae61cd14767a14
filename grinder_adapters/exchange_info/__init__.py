"""What a venue allows on each symbol: fetched, cached, and read from files."""
