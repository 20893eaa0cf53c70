# Runs once in the guest, in front of finalize-*.sh: what all boot loaders need.
set -ex
mountpoint -q /boot/efi || mount /boot/efi
disk=/dev/$(lsblk -no pkname "$(findmnt -no SOURCE /)")
root=$(findmnt -no SOURCE / | xargs blkid -o export | grep ^UUID=)
v=$(uname -r)
trap 'fstrim /' EXIT
