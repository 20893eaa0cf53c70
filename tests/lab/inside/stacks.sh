#!/bin/sh
# Storage and network stacks on the devices of the lab's standard host. Prints nothing if all went
# well. Arguments: the disk's PCI address, then those of four NICs.
set -eu
disk=$(basename "$(echo /sys/bus/pci/devices/"$1"/nvme/nvme*/nvme*n1)")
nic() { basename "$(echo /sys/bus/pci/devices/"$1"/net/*)"; }
one=$(nic "$2") two=$(nic "$3") three=$(nic "$4") four=$(nic "$5")

# A mirror of one, made as mdadm makes it (Documentation/admin-guide/md.rst).
modprobe -a md_mod raid1 dm_mod loop
echo md127 > /sys/module/md_mod/parameters/new_array
md=/sys/block/md127/md
echo none > $md/metadata_version
echo raid1 > $md/level
echo 2 > $md/raid_disks
cat "/sys/class/block/$disk/dev" > $md/new_dev
echo 0 > "$md/dev-$disk/slot"
echo $(($(cat "/sys/class/block/$disk/size") / 2)) > $md/component_size
echo active > $md/array_state

# Two layers of device-mapper on it, a file system, a swap file, an image in a loop device.
size=$(cat /sys/class/block/md127/size)
dmsetup create lower --table "0 $size linear /dev/md127 0"
dmsetup create vg-data --table "0 $size linear /dev/mapper/lower 0"
mkfs.ext4 -q /dev/mapper/vg-data
mkdir -p /srv/data "/srv/an image"
mount /dev/mapper/vg-data /srv/data
dd if=/dev/zero of=/srv/data/swap bs=1M count=8 status=none
chmod 600 /srv/data/swap
mkswap -q /srv/data/swap
swapon /srv/data/swap
truncate -s 16M /srv/data/image
mount -o loop "$(mkfs.ext4 -q /srv/data/image && echo /srv/data/image)" "/srv/an image"

# The default route over a bridge on a VLAN on a bond; another address on a macvlan on a team.
modprobe -a bonding 8021q bridge team macvlan
ip link add bond7 type bond mode active-backup
ip link set "$one" down
ip link set "$one" master bond7
ip link set "$two" down
ip link set "$two" master bond7
ip link add link bond7 name bond7.5 type vlan id 5
ip link add br7 type bridge
ip link set bond7.5 master br7
for name in bond7 bond7.5 br7; do ip link set $name up; done
ip address add 192.0.2.2/24 dev br7
ip route add default via 192.0.2.1 dev br7
ip link add team7 type team
for name in "$three" "$four"; do
    ip link set "$name" down
    ip link set "$name" master team7
done
ip link add link team7 name mac7 type macvlan
ip link set team7 up
ip link set mac7 up
ip address add 198.51.100.2/24 dev mac7
