"""What the local exchange trades on: sources of market events."""
