"""A run on a host: its steps and their undoing, its journal, and what a killed one left."""
