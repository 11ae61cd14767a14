"""The local exchange: the simulated venue in the real one's protocol, on loopback only."""
