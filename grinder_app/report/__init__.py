"""The report of a run: one self-contained HTML file. Floats are for display and decide nothing."""
