"""Kernel arguments that meet: of one spec, and of others."""
