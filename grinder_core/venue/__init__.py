"""The simulated exchange: a pure machine that matches."""
