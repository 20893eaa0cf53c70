"""initramfs generators."""
