"""What GRUB itself reads: grub.cfg, its script language, its environment block."""
