"""Market data in and out of files: one event stream, whatever the source."""
