"""CPUs, NUMA nodes and memory, and who else places work there."""
