"""One video, one folder: what a run writes, how it is resumed, corrected, verified, replayed and converted."""
