"""Scores of video object segmentation: J, F and J&F; datasets, protocols and reports. No torch."""
