# Runs once in the guest: the Fedora arrangement rebuilt from Debian's parts.
# Real:      GRUB 2.14's own "blscfg" command (module blsuki, upstream since 2.14) reads
#            /boot/loader/entries/*.conf; kernel-install with layout=bls writes them; dracut makes
#            the initramfs; GRUB's environment block is /boot/grub2/grubenv.
# Simulated: the names grub2-mkconfig, grub2-reboot, grub2-editenv, /etc/grub2*.cfg (links), the
#            10_linux that emits "blscfg" instead of menu entries, the kernel packages' call of
#            kernel-install (a hook), and grubby (absent).
mkdir -p /etc/kernel /boot/loader/entries /boot/grub2
# Fedora's kernels are put there by kernel-install alone: it has dracut make the initramfs.
chmod -x /etc/kernel/postinst.d/dracut /etc/kernel/postinst.d/zz-update-grub
cat >/etc/kernel/postinst.d/zz-kernel-install <<'X'
#!/bin/sh
exec kernel-install add "$1" "$2"
X
chmod +x /etc/kernel/postinst.d/zz-kernel-install
# As Fedora has it: only what this machine needs. Not packed, which would take minutes here.
printf '%s\n' 'hostonly="yes"' 'compress="cat"' >/etc/dracut.conf.d/lab.conf
# kernel-install takes /boot for $BOOT when it is told so
printf '%s\n' layout=bls BOOT_ROOT=/boot initrd_generator=dracut >/etc/kernel/install.conf
echo "root=$root ro console=ttyS0 no_timer_check quiet" >/etc/kernel/cmdline

[ -e /etc/default/grub ] || cp /usr/share/grub/default/grub /etc/default/grub
cat >/etc/default/grub <<X
GRUB_TIMEOUT=1
GRUB_DISTRIBUTOR="Fedora-like"
GRUB_DEFAULT=saved
GRUB_DISABLE_SUBMENU=true
GRUB_TERMINAL="console serial"
GRUB_CMDLINE_LINUX="console=ttyS0 no_timer_check quiet"
GRUB_ENABLE_BLSCFG=true
X
chmod -x /etc/grub.d/10_linux
cat >/etc/grub.d/10_linux_bls <<'X'
#!/bin/sh
# As Fedora's 10_linux does with GRUB_ENABLE_BLSCFG=true: the entries are read at boot time.
. /usr/share/grub/grub-mkconfig_lib
prepare_grub_to_access_device "$(grub-probe --target=device /boot)"
echo 'insmod blsuki'
echo "blscfg --path /boot/loader/entries" # default: /loader/entries, right for a /boot partition
X
chmod +x /etc/grub.d/10_linux_bls

rm -rf /boot/grub
ln -s grub2 /boot/grub # grub-install and grub-mkconfig of Debian have /boot/grub built in
for c in mkconfig reboot editenv set-default probe install; do
	for d in /usr/sbin /usr/bin; do
		[ ! -e "$d/grub-$c" ] || ln -sf "grub-$c" "$d/grub2-$c"
	done
done
ln -sf ../boot/grub2/grub.cfg /etc/grub2.cfg
ln -sf ../boot/grub2/grub.cfg /etc/grub2-efi.cfg

grub-install --target=x86_64-efi --efi-directory=/boot/efi --bootloader-id=fedora-like
kernel-install --verbose add "$v" "/boot/vmlinuz-$v"
grub2-mkconfig -o /boot/grub2/grub.cfg
grub2-editenv - list || true
find /boot -type f -not -path '*/grub2/x86_64-efi/*' -not -path '*/fonts/*'
cat /boot/loader/entries/*
sed -n '/10_linux_bls/,/END.*10_linux_bls/p' /boot/grub2/grub.cfg
