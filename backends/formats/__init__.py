"""Pure ``str -> str`` editors of the text formats found on hosts. No I/O, no :class:`Host`."""
