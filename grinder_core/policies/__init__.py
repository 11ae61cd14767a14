"""What we would like to rest in the book."""
