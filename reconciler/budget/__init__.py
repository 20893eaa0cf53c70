"""One budget of CPUs, memory and hugepages for the host and its VMs. Pure: spec and state in,
kernel arguments, findings and suggestions out."""
