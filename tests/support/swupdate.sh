# shellcheck shell=bash
# A release engineer's folder with .swu as releases, and what a device whose slots SWUpdate writes is made with: factory/. Sourced; $work is the current folder afterwards.
# shellcheck source=tests/support/update.sh
source "$SV_SOURCE/tests/support/update.sh"
for program in swupdate cpio fw_printenv unshare; do
  command -v "$program" >/dev/null || fail "$program is missing; ./dev test installs what it needs"
done
cd "$work" || exit 1

# A key of SWUpdate's: certificate and key are called so afterwards.
swupdate_key() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" -out "$1.crt" -days 2 -subj "/CN=$1" \
    -addext keyUsage=critical,digitalSignature -addext extendedKeyUsage=emailProtection 2>/dev/null
}
# swu VERSION KEY [MORE]: VERSION.swu with VERSION.img, for either slot; MORE is written into both selections. /mnt is the device's, in its own mounts.
swu() {
  local sum
  mkdir "$1"
  head -c 3000000 /dev/urandom >"$1.img"
  cp "$1.img" "$1/rootfs.img"
  sum=$(sha256sum "$1.img" | cut -d' ' -f1)
  cat >"$1/sw-description" <<CFG
software = {
  version = "$1";
  hardware-compatibility: [ "1.0" ];
  stable: {
    slot-a: { images: ({ filename = "rootfs.img"; type = "raw"; installed-directly = true; device = "/mnt/slot-a"; sha256 = "$sum"; }); ${3:-} };
    slot-b: { images: ({ filename = "rootfs.img"; type = "raw"; installed-directly = true; device = "/mnt/slot-b"; sha256 = "$sum"; }); ${3:-} };
  };
};
CFG
  (cd "$1" && openssl cms -sign -in sw-description -out sw-description.sig -signer "../$2.crt" -inkey "../$2.key" -outform DER -nosmimecap -binary)
  (cd "$1" && printf 'sw-description\nsw-description.sig\nrootfs.img\n' | cpio -o -H crc >"../$1.swu" 2>/dev/null)
  rm -r "$1"
}
swupdate_key release
swupdate_key stranger
for version in 1.0.0 1.1.0 1.2.0 2.0.0; do swu $version release; done
swu 3.0.0 stranger
swu 4.0.0 release 'bootenv: ({ name = "selvedge_slots"; value = "tc"; }, { name = "BOOT_A_LEFT"; value = "3"; }, { name = "BOOT_ORDER"; value = "A B"; });'
update keys init --dir keys
update keys new boot --key ec --keys keys
for version in 1.0.0 1.1.0 1.2.0 2.0.0 3.0.0 4.0.0; do
  update sign $version.swu --product lathe-ctl --hardware rev-b --keys keys --version $version --name lathe-ctl/$version.img --counter 1
done
update publish --keys keys --repo repo
jq -r .keyval.public keys/public/boot.json >boot.pub
jq -rs '[.[].signed.targets["lathe-ctl/1.0.0.img"] | select(.)] | last | .custom.selvedge.boot' repo/metadata/*.targets.json | base64 -d >1.0.0.header

# As it leaves the factory: 1.0.0 in slot a, and its boot header beside; U-Boot's environment in a file, both of its copies.
mkdir -m 700 factory
cp 1.0.0.img factory/slot-a
truncate -s 3500000 factory/slot-a
truncate -s 3500000 factory/slot-b
cp 1.0.0.header factory/swu-a.boot
chmod 600 factory/*
