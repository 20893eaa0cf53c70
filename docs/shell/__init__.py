"""The man page and shell completion, made from the command line's own description.

``python -m docs.shell`` writes them here; a test compares them with what it would write.
"""
