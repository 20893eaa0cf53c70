# systemd-boot with unified kernel images (type 2) from kernel-install and ukify.
mkdir -p /etc/kernel
echo "root=$root ro console=ttyS0 no_timer_check quiet" >/etc/kernel/cmdline
printf '%s\n' layout=uki uki_generator=ukify >/etc/kernel/install.conf
bootctl install
printf '%s\n' 'timeout 1' 'console-mode keep' 'editor no' >/boot/efi/loader/loader.conf
kernel-install --verbose add "$v" "/boot/vmlinuz-$v" "/boot/initrd.img-$v"
bootctl list --no-pager
find /boot/efi -type f
