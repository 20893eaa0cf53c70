"""Shell files of assignments: read without a shell, edited as little as can be."""
