"""The engine: decides what has to change, does it in order, verifies it, remembers it."""

__version__ = "0.1.0"
