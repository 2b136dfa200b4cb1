"""Measured ratios: an act beside the same rows written by hand, idle ticks, memory. `python -m tests.bench`."""
