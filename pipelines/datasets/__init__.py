"""Data sets run from end to end: the jobs of sequences, the layout of predictions, the report."""
