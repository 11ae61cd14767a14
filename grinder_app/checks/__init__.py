"""Checks over the repository and its fixtures. They report; they never rewrite anything."""
