"""What is left of a host when an apply is killed or fails at any system call that changes it."""
