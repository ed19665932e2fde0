#!/usr/bin/env bash
# Builds the last steps of deploy/Dockerfile without a Docker engine, around programs that are there already, and runs
# what came out:
#
#   tests/image.sh [PROGRAMS]    # folder of the programs; default target/debug
#
# buildah builds (isolation chroot), and runs each image as its user. The images that others publish are not fetched:
# libraries of this machine stand in for the base, so this proves the steps, not the real base. Prints
# the sizes of the stripped programs; those of services that deploy/build.sh made must be below 40 MB. Says SKIPPED and why,
# and ends with 77, where images cannot be built.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=tests/packages.sh
. tests/packages.sh

programs=${1:-target/debug}
limit=$((40 * 1000 * 1000))
services=(planner risk versioning approval-gate executor notification dashboard)
failures=0

main() {
  local missing
  missing=$(missing_programs buildah strip ldd)
  [ -z "$missing" ] || skip "not installed: ${missing//$'\n'/ }"
  [ "$(id -u)" -eq 0 ] || skip "needs root"
  scratch=$(mktemp -d)
  trap 'clean_up' EXIT
  images=(buildah --root "$scratch/images" --runroot "$scratch/run" --storage-driver overlay)
  stand_in
  strip_programs
  local service
  for service in "${services[@]}"; do
    build "$service"
    check "$service" "assent-$service" --print-config
  done
  build cli
  check cli assent --version
  [ "$failures" = 0 ] || exit 1
  echo "the images are sound"
}

skip() {
  echo "SKIPPED: no image was built: $1 (Debian: apt-get install buildah binutils)" >&2
  exit 77
}

failed() {
  echo "FAILED: $*" >&2
  failures=$((failures + 1))
}

# shellcheck disable=SC2317 # called by the trap
clean_up() {
  buildah --root "$scratch/images" --runroot "$scratch/run" --storage-driver overlay rm --all >/dev/null 2>&1 || true
  rm -rf "$scratch"
}

# A base with nothing but the libraries that the programs here are linked to; those of the Dockerfile need none.
stand_in() {
  local container name
  mkdir -p "$scratch/base/tmp"
  chmod 1777 "$scratch/base/tmp"
  for name in assent "${services[@]/#/assent-}"; do
    ldd "$programs/$name" | grep -o '/[^ ]*' || true
  done | sort --unique | xargs --no-run-if-empty cp --parents --dereference --target-directory "$scratch/base"
  container=$("${images[@]}" from scratch)
  "${images[@]}" add --quiet "$container" "$scratch/base" / >/dev/null
  "${images[@]}" commit --quiet "$container" gcr.io/distroless/static-debian12:nonroot >/dev/null
  "${images[@]}" rm "$container" >/dev/null
}

# What the step `build` of the Dockerfile leaves.
strip_programs() {
  local name size
  mkdir -p "$scratch/built/programs" "$scratch/built/data" "$scratch/built/etc/ssl/certs"
  touch "$scratch/built/etc/ssl/certs/ca-certificates.crt"
  for name in assent "${services[@]/#/assent-}"; do
    strip --strip-all -o "$scratch/built/programs/$name" "$programs/$name"
    size=$(stat --format %s "$scratch/built/programs/$name")
    printf '%-22s %4s MB\n' "$name" $((size / 1000 / 1000))
    if [ "$(basename "$programs")" != debug ] && [ "$name" != assent ] && [ "$size" -gt "$limit" ]; then
      failed "$name is larger than $((limit / 1000 / 1000)) MB"
    fi
  done
}

# A target of the Dockerfile, with what was built already in the place of its first steps.
build() {
  "${images[@]}" bud --isolation chroot --pull-never --format docker --quiet --target "$1" --tag "assent-$1" \
    --build-context "build=$scratch/built" --build-context "web=$scratch/built" \
    --file deploy/Dockerfile . >/dev/null || failed "the target $1 cannot be built"
}

# The image runs its program, as nobody.
check() {
  local name=$1 container
  shift
  container=$("${images[@]}" from --pull-never "localhost/assent-$name")
  [ "$("${images[@]}" inspect --format '{{.OCIv1.Config.User}}' "$container")" = 65532:65532 ] \
    || failed "$name does not run as 65532"
  "${images[@]}" run --isolation chroot --user 65532:65532 "$container" -- "$@" >"$scratch/said" 2>&1 \
    || failed "$name: $(cat "$scratch/said")"
  "${images[@]}" rm "$container" >/dev/null
}

main
