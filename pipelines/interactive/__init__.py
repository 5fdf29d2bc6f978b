"""Simulated users who correct: how masks improve from click to click, and from round to round."""
