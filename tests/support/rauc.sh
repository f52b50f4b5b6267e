# shellcheck shell=bash
# A release engineer's folder with bundles of RAUC's as releases, and what a device of RAUC's is made with: factory/, rauc.conf, boot-loader. Sourced; $work is the current folder afterwards.
# shellcheck source=tests/support/update.sh
source "$SV_SOURCE/tests/support/update.sh"
for program in rauc dbus-daemon mksquashfs; do
  command -v "$program" >/dev/null || fail "$program is missing; ./dev test installs what it needs"
done
if [ "$(id -u)" != 0 ] || ! losetup -f >/dev/null 2>&1; then
  echo "skipped: RAUC mounts bundles, which takes root and a loop device"
  exit 77
fi
cd "$work" || exit 1

# A key of RAUC's: certificate and key are called so afterwards.
rauc_key() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" -out "$1.crt" -days 2 -subj "/CN=$1" 2>/dev/null
}
# bundle VERSION KEY: VERSION.raucb with VERSION.img, for slots of the class rootfs.
bundle() {
  mkdir "$1"
  head -c 300000 /dev/urandom >"$1.img"
  cp "$1.img" "$1/rootfs.img"
  printf '[update]\ncompatible=lathe\nversion=%s\n[bundle]\nformat=plain\n[image.rootfs]\nfilename=rootfs.img\n' "$1" >"$1/manifest.raucm"
  rauc --cert="$2.crt" --key="$2.key" bundle "$1" "$1.raucb" >said 2>&1 || fail "rauc bundle $1: $(cat said)"
  rm -r "$1"
}
rauc_key rauc
rauc_key stranger
for version in 1.0.0 1.1.0 2.0.0; do bundle $version rauc; done
bundle 3.0.0 stranger
update keys init --dir keys
update keys new boot --key ec --keys keys
for version in 1.0.0 1.1.0 2.0.0 3.0.0; do
  update sign $version.raucb --product lathe-ctl --hardware rev-b --keys keys --version $version --name lathe-ctl/$version.img --counter 1
done
update publish --keys keys --repo repo
jq -r .keyval.public keys/public/boot.json >boot.pub
jq -rs '[.[].signed.targets["lathe-ctl/1.0.0.img"] | select(.)] | last | .custom.selvedge.boot' repo/metadata/*.targets.json | base64 -d >1.0.0.header

# As it leaves the factory: 1.0.0 in slot a, which RAUC did not install, and its boot header beside the bundles.
mkdir -m 700 factory
cp 1.0.0.img factory/device-a
head -c 400000 /dev/zero >factory/device-b
truncate -s 400000 factory/device-a
head -c 4096 /dev/zero >factory/slot-a.boot
dd if=1.0.0.header of=factory/slot-a.boot conv=notrunc status=none
chmod 600 factory/*

cp "$SV_SOURCE/tests/support/boot_loader.sh" boot-loader
