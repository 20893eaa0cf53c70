"""Whatever is put before a parser: an answer or an error, never a crash."""
