"""Many videos, many workers: job lists, a journal that survives crashes, and workers that run what `vos track` runs."""
