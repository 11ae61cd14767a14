"""What kind of market this is."""
