"""What a live process answers over HTTP."""
