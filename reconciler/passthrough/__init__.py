"""Giving PCI functions away: which ones, whether that is safe, and how they are bound."""
