"""Many videos, many workers: Ray actors, dataset runs, benchmarks of the whole, training of the compact model."""
