"""Implementations of the ports: files, feeds, stores and clocks. Imports the core."""
