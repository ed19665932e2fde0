#!/usr/bin/env bash
# Builds the web UI and tests it: components with Vitest, then the whole in a browser (Debian's Chromium) against the
# program `assent dev`. Screenshots of every test are left in services/dashboard/web/test-results.
#
#   tests/web.sh                   needs Node 20 or newer with npm; installs Chromium where it is missing
#   CHROMIUM=/path/to/chromium     another one
#   ASSENT_BIN=/path/to/assent     a program that is there already; built where it is not given
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=tests/packages.sh
. tests/packages.sh

# What distributions call nodejs is often older, so it is not installed from there.
if [ -n "$(missing_programs node npm)" ] || ! node --eval 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)'; then
  echo "Node 20 or newer with npm is missing (https://nodejs.org)" >&2
  exit 2
fi
CHROMIUM=${CHROMIUM:-$(command -v chromium || command -v chromium-browser || true)}
if [ -z "$CHROMIUM" ]; then
  install_packages "Chromium" "chromium" "chromium" "chromium"
  CHROMIUM=$(command -v chromium || command -v chromium-browser)
fi
export CHROMIUM

make --no-print-directory web
if [ -z "${ASSENT_BIN:-}" ]; then
  cargo build --quiet --package assent-cli
  ASSENT_BIN=${CARGO_TARGET_DIR:-target}/debug/assent
fi
ASSENT_BIN=$(realpath "$ASSENT_BIN")
export ASSENT_BIN
cd services/dashboard/web
npm test
node size.mjs
npm run e2e

cd ../../..
export ASSENT_CLUSTER_BIN=${ASSENT_CLUSTER_BIN:-${CARGO_TARGET_DIR:-target}/debug}
if [ -x "$ASSENT_CLUSTER_BIN/assent-dashboard" ] && [ -x "$ASSENT_CLUSTER_BIN/assent-executor" ]; then
  tests/web_cluster.sh
else
  echo "the services are not built as programs of their own: not tested in front of them (make cluster builds them)"
fi
