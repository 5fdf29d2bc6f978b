"""Benchmarks of the whole: speed and memory of tracking, on clips made here so that every machine measures the same."""
