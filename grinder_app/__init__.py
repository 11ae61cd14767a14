"""Wiring: command line, configuration, loops and reports. Imports adapters and core."""
