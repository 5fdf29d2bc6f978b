"""Many videos, many workers: job lists, a job store that survives crashes, workers that do what `vos track` does."""
