"""Pages of their own: one file, no scripts, nothing fetched; readable in print and by ear."""
