"""One module a generator, named after it (``-`` as ``_``): whatever lies here is found."""
