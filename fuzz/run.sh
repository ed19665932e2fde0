#!/usr/bin/env bash
# Fuzzes everything that reads a plan, guided by coverage:
#
#   fuzz/run.sh [SECONDS [TARGET...]]
#
# Each target runs for SECONDS (30). What it learns stays in target/fuzz/TARGET for the next run; an input that breaks
# something is kept as target/fuzz/TARGET-crash-HASH, and ends the run with exit code 1.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

seconds=${1:-30}
[ $# -eq 0 ] || shift
[ $# -gt 0 ] || set -- plan-text plan-message digest
command -v c++ >/dev/null || { echo "c++ is missing: install a C++ compiler (Debian: apt-get install g++)" >&2; exit 2; }

built=${CARGO_TARGET_DIR:-target}/debug
found=target/fuzz
mkdir -p "$found"
# The seeds are written by an ordinary program; only the targets know what the coverage calls.
cargo build --quiet --package assent-fuzz --bin fuzz-seeds
"$built/fuzz-seeds" "$found"
RUSTC_WORKSPACE_WRAPPER="$PWD/fuzz/rustc.sh" \
  cargo build --quiet --package assent-fuzz --features libfuzzer "${@/#/--bin=fuzz-}"
for target in "$@"; do
  echo "fuzzing $target for $seconds s"
  log=$found/$target.log
  "$built/fuzz-$target" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -max_len=16384 \
    -dict=fuzz/plan.dict -artifact_prefix="$found/$target-" "$found/$target" >"$log" 2>&1 || {
    tail -n 60 "$log" >&2
    echo "fuzzing $target found something: see $found/$target-*" >&2
    exit 1
  }
  grep -E 'INITED|^Done|DONE' "$log" | sed 's/^/  /'
done
