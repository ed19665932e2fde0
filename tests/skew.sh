#!/usr/bin/env bash
# Runs workflows while programs of this commit and of an earlier one serve side by side, as in the middle of an upgrade.
#
#   tests/skew.sh [COMMIT]    # the last release when there is a tag, else the commit before this one
#
# Builds the earlier programs in target/skew, with the dependencies that are built already.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

earlier=${1:-$(git describe --tags --abbrev=0 HEAD^ 2>/dev/null || git rev-parse --verify --quiet HEAD^ || true)}
if [ -z "$earlier" ]; then
  echo "SKIPPED: this checkout has no earlier commit"
  exit 0
fi
earlier=$(git rev-parse "$earlier^{commit}")
programs=$PWD/target/skew/$earlier
if [ ! -x "$programs/assent-planner" ]; then
  tree=$PWD/target/skew/tree
  git worktree remove --force "$tree" 2>/dev/null || rm -rf "$tree"
  git worktree prune
  git worktree add --quiet --detach "$tree" "$earlier"
  # One folder of artifacts for both: third-party crates are built once, if for
  # the same features. The programs of the two have the same names there.
  CARGO_TARGET_DIR=$PWD/target cargo build --manifest-path "$tree/Cargo.toml" --workspace --all-targets
  mkdir -p "$programs"
  for program in planner risk versioning approval-gate executor notification; do
    cp "target/debug/assent-$program" "$programs/"
  done
  git worktree remove --force "$tree"
fi
cargo build --workspace --all-targets
ASSENT_TEST_EARLIER=$programs tests/servers.sh cargo nextest run --workspace --run-ignored only -E 'test(skew::)'
