"""What may be done: one gate a file, judged in one fixed order."""
