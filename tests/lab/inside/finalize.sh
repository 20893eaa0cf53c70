# Runs once in the guest, in front of finalize-*.sh: what all boot loaders need.
# no_timer_check on every command line: on a busy machine an emulated guest's timer is late, and its
# kernel would panic over it.
set -ex
mountpoint -q /boot/efi || mount /boot/efi
disk=/dev/$(lsblk -no pkname "$(findmnt -no SOURCE /)")
root=$(findmnt -no SOURCE / | xargs blkid -o export | grep ^UUID=)
v=$(uname -r)
trap 'fstrim /' EXIT
