"""What a running process shows and takes over HTTP."""
