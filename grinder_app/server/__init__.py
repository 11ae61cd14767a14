"""What a running process shows over HTTP."""
