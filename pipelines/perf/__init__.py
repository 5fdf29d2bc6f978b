"""Speed and memory of tracking, on generated clips, so that every machine measures the same."""
