#!/usr/bin/env bash
# Puts the reference servers of MCP into target/mcp, pinned by package-lock.json, and prints that folder. Does nothing
# when they are there already. Needs Node and npm. The lock has one package a line, without what npm does not need.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=tests/packages.sh
. tests/packages.sh

target=$PWD/target/mcp
mkdir -p "$target"
# One at a time: tests run side by side.
exec 9>"$target/lock"
flock 9

state() { cat tests/mcp/* | sha256sum; }

if [ "$(state)" != "$(cat "$target/state" 2>/dev/null)" ]; then
  if [ -n "$(missing_programs node npm)" ]; then
    install_packages Node "nodejs npm" "nodejs npm" "node"
  fi
  rm -rf "$target/node_modules"
  cp tests/mcp/*.json tests/mcp/loopback.mjs "$target"
  (cd "$target" && npm ci --ignore-scripts --no-audit --no-fund --silent >&2)
  state >"$target/state"
fi
echo "$target"
