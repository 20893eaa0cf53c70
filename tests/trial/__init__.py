"""Trial boots: entries for one boot, what waits for them, and their end."""
