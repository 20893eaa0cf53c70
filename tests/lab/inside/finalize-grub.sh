# GRUB as the Debian installer leaves it, for the firmware that the guest has.
[ -e /etc/default/grub ] || cp /usr/share/grub/default/grub /etc/default/grub
sed -i 's/^GRUB_TIMEOUT=.*/GRUB_TIMEOUT=1/
	s/^GRUB_CMDLINE_LINUX_DEFAULT=.*/GRUB_CMDLINE_LINUX_DEFAULT="quiet"/
	s/^GRUB_CMDLINE_LINUX=.*/GRUB_CMDLINE_LINUX="console=ttyS0 no_timer_check"/' /etc/default/grub
printf '%s\n' 'GRUB_TERMINAL="console serial"' >>/etc/default/grub
if [ -d /sys/firmware/efi ]; then
	grub-install --target=x86_64-efi --efi-directory=/boot/efi
else
	echo "grub-pc grub-pc/install_devices multiselect $disk" | debconf-set-selections
	grub-install --target=i386-pc "$disk"
fi
update-grub
