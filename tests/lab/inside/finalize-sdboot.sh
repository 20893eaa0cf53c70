# systemd-boot with type 1 entries, as `bootctl install` and Debian's kernel hooks leave it. The
# command line lives in /etc/kernel/cmdline.
mkdir -p /etc/kernel
echo "root=$root ro console=ttyS0 no_timer_check quiet" >/etc/kernel/cmdline
bootctl install
printf '%s\n' 'timeout 1' 'console-mode keep' 'editor no' >/boot/efi/loader/loader.conf
kernel-install add "$v" "/boot/vmlinuz-$v"
bootctl list --no-pager
find /boot/efi -type f
cat /boot/efi/loader/entries/*
