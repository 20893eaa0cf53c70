"""Hugepage pools of the running kernel and the mounts that hand out their pages."""
