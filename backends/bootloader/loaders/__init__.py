"""One module a boot loader, named after it (``-`` as ``_``): whatever lies here is found."""
