"""The lab: real disks, real boot loaders and a real kernel with an IOMMU, under QEMU."""
