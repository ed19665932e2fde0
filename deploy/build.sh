#!/bin/sh
# Builds the programs of a release into a folder, which the images are made of:
#
#   deploy/build.sh FOLDER
#
# Linked statically, so that an image needs no libc; with a target, so that this is not asked of build scripts, too. What
# the loader has to mend at every start is packed, which saves two megabytes a process. Paths of this machine are not
# kept; with SOURCE_DATE_EPOCH the same sources give the same files.
set -eu
folder=$(realpath -m "$1")
cd "$(dirname "$0")/.."
target=$(rustc --print host-tuple)
RUSTFLAGS="-C target-feature=+crt-static -C link-arg=-Wl,-z,pack-relative-relocs"
RUSTFLAGS="$RUSTFLAGS --remap-path-prefix=$PWD=. --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=cargo"
export RUSTFLAGS
cargo build --locked --profile dist --target "$target" --bins \
  --package assent-planner --package assent-risk --package assent-versioning --package assent-approval-gate \
  --package assent-executor --package assent-notification --package assent-dashboard --package assent-cli
mkdir -p "$folder"
find "${CARGO_TARGET_DIR:-target}/$target/dist" -maxdepth 1 -type f -name 'assent*' -executable \
  -exec cp -t "$folder" {} +
find "$folder" -exec touch --date="@${SOURCE_DATE_EPOCH:-0}" {} +
