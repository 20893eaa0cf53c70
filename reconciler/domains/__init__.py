"""VMs of the spec and domains of libvirt: what one wants of the other."""
