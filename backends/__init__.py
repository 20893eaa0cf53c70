"""The machine: everything with a side effect, and the text formats those effects edit."""
