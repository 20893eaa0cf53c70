"""Where the host's own work runs now: slices, interrupts, irqbalance."""
