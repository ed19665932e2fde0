#!/usr/bin/env bash
# Tests the web UI in front of six processes on Postgres and Redis: what it tests in front of one, and two browsers on
# one session. Needs the UI (`make web`) and the services (`make cluster` builds them).
#
#   tests/web_cluster.sh
#
#   ASSENT_CLUSTER_PORT   as in deploy/local/cluster.sh (default 27100)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
if [ -z "${ASSENT_TEST_POSTGRES_URL:-}" ]; then
  exec tests/servers.sh tests/web_cluster.sh "$@"
fi

export ASSENT_CLUSTER_PORT=${ASSENT_CLUSTER_PORT:-27100}
export ASSENT_CLUSTER_UI=$PWD/services/dashboard/web/dist/ui
ASSENT_CLUSTER_DIR=$(mktemp -d)
export ASSENT_CLUSTER_DIR
: >"$ASSENT_CLUSTER_DIR/out"
deploy/local/cluster.sh >"$ASSENT_CLUSTER_DIR/out" 2>&1 &
cluster=$!
end() {
  kill -TERM "$cluster" 2>/dev/null || true
  wait "$cluster" || true
  rm -rf "$ASSENT_CLUSTER_DIR"
}
trap end EXIT
ASSENT_CLUSTER_URL=http://127.0.0.1:$((ASSENT_CLUSTER_PORT + 7))
export ASSENT_CLUSTER_URL
until grep -q "The web UI:" "$ASSENT_CLUSTER_DIR/out"; do
  if ! kill -0 "$cluster" 2>/dev/null; then
    cat "$ASSENT_CLUSTER_DIR/out" "$ASSENT_CLUSTER_DIR"/logs/* >&2
    exit 1
  fi
  sleep 0.2
done
cd services/dashboard/web
# One after the other, for they share the people of one cluster; apart from the screenshots of the tests in front of one
# process.
npx playwright test edit execution hostile people policy queue review together --workers 1 --output test-results/cluster
