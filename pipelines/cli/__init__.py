"""Commands of `vos` that work on many videos, train, or measure; each has a file of its own."""
