#!/usr/bin/env bash
# Sourced by the scripts that need programs of the system.

# missing_programs NAME...: prints those that are not in PATH.
missing_programs() {
  local name
  for name in "$@"; do
    command -v "$name" >/dev/null 2>&1 || echo "$name"
  done
}

# install_packages WHAT APT DNF BREW: installs the packages of the manager that is here (each argument is a
# list of names). Without a manager, or without the right to use it, says what to install and exits 2.
install_packages() {
  local what=$1 apt=$2 dnf=$3 brew=$4 as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    if command -v brew >/dev/null 2>&1; then
      echo "installing $what: brew install $brew" >&2
      # shellcheck disable=SC2086 # a list of names
      brew install --quiet $brew >&2
      return
    fi
    if ! command -v sudo >/dev/null 2>&1 || ! sudo -n true 2>/dev/null; then
      cannot_install "$what" "$apt" "$dnf" "$brew"
    fi
    as_root=(sudo -n)
  fi
  if command -v apt-get >/dev/null 2>&1; then
    echo "installing $what: apt-get install $apt" >&2
    ${as_root[@]+"${as_root[@]}"} bash -s "$apt" >&2 <<'APT'
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
# Keeps apt from starting the servers that it installs.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
fi
# shellcheck disable=SC2086 # a list of names
said=$( (apt-get update -qq && apt-get install -y -qq --no-install-recommends $1) </dev/null 2>&1) || { echo "$said"; exit 1; }
# Nor does the next boot start them.
if command -v systemctl >/dev/null 2>&1; then
  for unit in $1; do
    systemctl --quiet disable "$unit" 2>/dev/null || true
  done
fi
APT
  elif command -v dnf >/dev/null 2>&1; then
    echo "installing $what: dnf install $dnf" >&2
    # shellcheck disable=SC2086 # a list of names
    ${as_root[@]+"${as_root[@]}"} dnf install -y -q $dnf >&2
  else
    cannot_install "$what" "$apt" "$dnf" "$brew"
  fi
}

cannot_install() {
  cat >&2 <<TEXT
$1 is missing, and this script may not install it. Install one of these and start again:
  Debian, Ubuntu:  apt-get install $2
  Fedora, RHEL:    dnf install $3
  macOS:           brew install $4
TEXT
  exit 2
}
