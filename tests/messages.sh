#!/usr/bin/env bash
# Puts what checks the messages of the notification service into target/messages-tools, pinned by
# tests/independent/messages, and prints that folder: bin/python with a mail server, slack_sdk and standardwebhooks;
# node_modules with adaptivecards.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=tests/packages.sh
. tests/packages.sh

pinned=tests/independent/messages
tools=$PWD/target/messages-tools
mkdir -p target
# Tests run side by side; one installs and the others wait.
exec 9>target/messages-tools.lock
flock 9

ready() {
  cat "$pinned"/requirements.txt "$pinned"/package-lock.json | cmp -s - "$tools/installed.txt"
}

if ! ready; then
  python3 -c 'import ensurepip, venv' 2>/dev/null \
    || install_packages "Python 3 with venv" "python3-venv" "python3" "python@3.13"
  command -v npm >/dev/null 2>&1 || install_packages "Node and npm" "nodejs npm" "nodejs npm" "node"
  echo "installing what checks messages into target/messages-tools" >&2
  rm -rf "$tools"
  python3 -m venv "$tools"
  "$tools/bin/pip" install --quiet --disable-pip-version-check --no-deps --requirement "$pinned/requirements.txt" >&2
  cp "$pinned"/package.json "$pinned"/package-lock.json "$tools/"
  (cd "$tools" && npm ci --ignore-scripts --no-audit --no-fund --silent >&2)
  cat "$pinned"/requirements.txt "$pinned"/package-lock.json >"$tools/installed.txt"
fi
echo "$tools"
