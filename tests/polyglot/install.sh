#!/usr/bin/env bash
# Builds the workers in other languages into target/polyglot and prints that folder:
#
#   typescript/worker.js   run by Node, with its packages beside it, pinned by package-lock.json
#   python/                the contract as Python modules, for python/worker.py
#
# Does nothing when they are there already. Needs Node and npm, and the Python of tests/tools.sh (ASSENT_TOOLS).
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=tests/packages.sh
. tests/packages.sh

tools=${ASSENT_TOOLS:-$(tests/tools.sh)}
target=$PWD/target/polyglot
mkdir -p "$target"
# One at a time: tests run side by side.
exec 9>"$target/lock"
flock 9

state() { cat tests/polyglot/typescript/* proto/assent/*/v1/*.proto | sha256sum; }

if [ "$(state)" != "$(cat "$target/state" 2>/dev/null)" ]; then
  if [ -n "$(missing_programs node npm)" ]; then
    install_packages Node "nodejs npm" "nodejs npm" "node"
  fi
  rm -rf "$target/typescript" "$target/python"
  mkdir -p "$target/typescript" "$target/python"
  cp tests/polyglot/typescript/* "$target/typescript"
  (
    cd "$target/typescript"
    npm ci --ignore-scripts --no-audit --no-fund --silent >&2
    node_modules/.bin/tsc
  )
  find proto/assent -name '*.proto' -print0 \
    | xargs -0 "$tools/python" -m grpc_tools.protoc -I proto \
      --python_out="$target/python" --grpc_python_out="$target/python"
  state >"$target/state"
fi
echo "$target"
