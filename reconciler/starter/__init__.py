"""First specs: of a host as it is, and for giving one device to a VM. Pure: state in, TOML out."""
