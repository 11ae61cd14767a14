"""Metrics of a running process: what there is, and how it is written out for a scraper."""
