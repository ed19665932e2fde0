#!/usr/bin/env bash
# Puts a stand-in for S3 into target/s3-tools, pinned by tests/independent/s3-requirements.txt, and prints the program
# that is it. Does nothing when it is there already.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=tests/packages.sh
. tests/packages.sh

requirements=tests/independent/s3-requirements.txt
tools=$PWD/target/s3-tools
mkdir -p target
# One at a time: tests run side by side.
exec 9>target/s3-tools.lock
flock 9

if ! cmp -s "$requirements" "$tools/installed.txt"; then
  if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
    install_packages "Python 3 with venv" "python3-venv" "python3" "python@3.13"
  fi
  rm -rf "$tools"
  python3 -m venv "$tools"
  "$tools/bin/pip" install --quiet --disable-pip-version-check --requirement "$requirements" >&2
  cp "$requirements" "$tools/installed.txt"
fi
echo "$tools/bin/moto_server"
