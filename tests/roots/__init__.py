"""Debian root file systems with the real grub-mkconfig, update-initramfs, dracut and kmod."""
