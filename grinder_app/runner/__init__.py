"""The loops: one session over any data, many sessions over many processes."""
