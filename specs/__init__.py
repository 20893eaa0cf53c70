"""What is wanted: pure models of the user's words. Opens spec files and nothing else."""
