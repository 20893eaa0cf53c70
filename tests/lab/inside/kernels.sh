# Runs on the builder, as a hook of mmdebstrap, with the new root as $1. Installs the second newest
# kernel of the suite's own series and leaves the newest as a package in /var/lib/lab: that is the
# kernel which a test installs later, offline. A suite with a single kernel gets its real-time build,
# which has all the drivers (the cloud build has not even the lab's 9p).
set -eu
root=$1
in_root() { chroot "$root" env LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"; }

newest=$(in_root apt-cache depends linux-image-amd64 | sed -n 's/^ *Depends: \(linux-image-.*\)/\1/p')
# linux-image-6.1.0-52-amd64 -> linux-image-6.1. ; linux-image-6.12.5+deb13-amd64 -> linux-image-6.12.
series=$(printf '%s\n' "$newest" | sed 's/^\(linux-image-[0-9]*\.[0-9]*\.\).*/\1/')
earlier=$(in_root apt-cache pkgnames "$series" | grep -E '^linux-image-[0-9.]+(-[0-9]+)?([+][^-]*)?-amd64$' |
	grep -Fvx "$newest" | sort -V | tail -n1 || true)
if [ -n "$earlier" ]; then
	installed=$earlier spare=$newest
else
	installed=$newest spare=${newest%-amd64}-rt-amd64
fi
in_root apt-get -q -y install "$installed"
in_root apt-get clean
mkdir -p "$root/var/lib/lab"
# Some suites split the files of a kernel off into packages of their own: take what is missing.
in_root sh -c 'apt-get -q -y --download-only install "$1" && cp /var/cache/apt/archives/*linux-*.deb /var/lib/lab/' \
	sh "$spare"
in_root apt-get clean
# Packed anew, same content: xz takes a minute to unpack in an emulated guest.
in_root sh -c 'cd /var/lib/lab && for d in *.deb; do
	dpkg-deb --raw-extract "$d" new && dpkg-deb -Zzstd -z1 --root-owner-group --build new "$d" && rm -r new || exit 1
done'
printf '%s\n' "installed=${installed#linux-image-}" "spare=${spare#linux-image-}" >"$root/var/lib/lab/kernels"
rm -rf "$root"/var/lib/apt/lists/*
