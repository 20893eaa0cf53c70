"""Measurements: exact counts by strace, times as ratios against a floor of the same run."""
