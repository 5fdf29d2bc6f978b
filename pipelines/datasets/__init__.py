"""Data sets run from end to end: what a sequence's job is, how predictions are laid out, what the report says."""
