#!/usr/bin/env bash
# Runs the services and the web UI as seven processes on the Postgres and Redis that tests/servers.sh gives it, and starts
# again whichever dies, until Ctrl-C. `make cluster` calls it:
#
#   tests/servers.sh deploy/local/cluster.sh
#
#   ASSENT_CLUSTER_DIR    state, logs, tokens and pids (default .assent/cluster)
#   ASSENT_CLUSTER_PORT   the services listen on the seven ports after this one (default 7100)
#   ASSENT_CLUSTER_UI     folder of the web UI (default: the one in the program)
#   ASSENT_CLUSTER_BIN    folder of the binaries (default target/debug)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

: "${ASSENT_TEST_POSTGRES_URL:?start this through tests/servers.sh}" "${ASSENT_TEST_REDIS_URL:?}"
dir=${ASSENT_CLUSTER_DIR:-.assent/cluster}
base_port=${ASSENT_CLUSTER_PORT:-7100}
bin=${ASSENT_CLUSTER_BIN:-target/debug}
services=(planner risk versioning approval-gate executor notification dashboard)
# Names and roles of those who may call; the services themselves are added.
people=("agent agent developer" "dev user developer" "lead user lead" "admin user admin" "admin2 user admin")
pids=()
stopping=

main() {
  local index
  mkdir -p "$dir/tokens" "$dir/logs" "$dir/pids" "$dir/executor"
  chmod 700 "$dir/tokens"
  dir=$(cd "$dir" && pwd)
  write_identities
  configure

  trap 'stopping=yes' INT TERM HUP
  trap stop EXIT
  # Each service in a process group of its own: a Ctrl-C is for this script, which then stops them in order.
  set -m
  for index in "${!services[@]}"; do
    if answers "$index"; then
      echo "port $(port "$index") is taken: choose others with ASSENT_CLUSTER_PORT" >&2
      exit 1
    fi
    start "$index"
  done
  for index in "${!services[@]}"; do
    wait_for "$index"
  done
  [ -n "$stopping" ] || say_where
  watch
}

port() { echo $((base_port + 1 + $1)); }

# Tokens are made once; the services only get to see their digests.
token() {
  local file=$dir/tokens/$1
  [ -s "$file" ] || (umask 077 && od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >"$file")
  if command -v sha256sum >/dev/null 2>&1; then
    sha256sum <"$file"
  else
    shasum -a 256 <"$file"
  fi | cut -d ' ' -f 1
}

write_identities() {
  local person name kind role
  {
    echo "identities:"
    for person in "${people[@]}"; do
      read -r name kind role <<<"$person"
      echo "  - {id: $name@cluster.local, kind: $kind, name: $name, roles: [$role], token_sha256: $(token "$name")}"
    done
    for name in "${services[@]}"; do
      # It shows the credential of the person who asks, and no other.
      [ "$name" != dashboard ] || continue
      echo "  - {id: \"system:$name\", kind: service, name: $name, roles: [service], token_sha256: $(token "$name")}"
    done
  } >"$dir/identities.yaml"
}

# What all services share.
configure() {
  local index
  export ASSENT_DATABASE__URL=$ASSENT_TEST_POSTGRES_URL
  export ASSENT_BUS__URL=$ASSENT_TEST_REDIS_URL
  export ASSENT_AUTH__IDENTITIES=$dir/identities.yaml
  for index in "${!services[@]}"; do
    # Nobody calls the dashboard.
    [ "${services[index]}" != dashboard ] || continue
    export "ASSENT_PEERS__$(tr 'a-z-' 'A-Z_' <<<"${services[index]}")=http://127.0.0.1:$(port "$index")"
  done
}

start() {
  local name=${services[$1]} own=()
  case $name in
    executor) own=(ASSENT_AUTH__SERVICE_TOKEN_FILE="$dir/tokens/$name" ASSENT_SERVICE__DATA_DIR="$dir/executor") ;;
    dashboard) [ -z "${ASSENT_CLUSTER_UI:-}" ] || own=(ASSENT_SERVICE__ASSETS_DIR="$ASSENT_CLUSTER_UI") ;;
    *) own=(ASSENT_AUTH__SERVICE_TOKEN_FILE="$dir/tokens/$name") ;;
  esac
  env ASSENT_SERVER__LISTEN="127.0.0.1:$(port "$1")" \
    ${own[@]+"${own[@]}"} "$bin/assent-$name" </dev/null >>"$dir/logs/$name.log" 2>&1 &
  pids[$1]=$!
  disown "$!" # or bash prints its own line when one dies
  echo "$!" >"$dir/pids/$name"
}

answers() { (exec 3<>"/dev/tcp/127.0.0.1/$(port "$1")") 2>/dev/null; }

wait_for() {
  local name=${services[$1]} _
  for _ in $(seq 300); do
    [ -z "$stopping" ] || return 0
    if ! kill -0 "${pids[$1]}" 2>/dev/null; then
      echo "$name ended; the end of $dir/logs/$name.log:" >&2
      tail -n 15 "$dir/logs/$name.log" >&2
      exit 1
    fi
    if answers "$1"; then return 0; fi
    sleep 0.1
  done
  echo "$name does not listen on port $(port "$1") after 30 seconds; see $dir/logs/$name.log" >&2
  exit 1
}

say_where() {
  local index gate
  gate=$(port 3)
  for index in "${!services[@]}"; do
    printf '%-14s 127.0.0.1:%s  pid %s\n' "${services[index]}" "$(port "$index")" "${pids[index]}"
  done
  cat <<TEXT

The web UI: http://127.0.0.1:$(port 6)
Tokens of agent, dev, lead, admin and admin2 are in $dir/tokens, logs in $dir/logs, pids in $dir/pids.
With another terminal:
  grpcurl -plaintext 127.0.0.1:$gate list
  grpcurl -plaintext -H "authorization: Bearer \$(cat $dir/tokens/lead)" \\
    127.0.0.1:$gate assent.approval.v1.ApprovalService/ListSessions
  kill -9 \$(cat $dir/pids/executor)    # it comes back, and goes on where it was
Ctrl-C stops everything; what was decided and done is kept for the next start.
TEXT
}

watch() {
  local index
  while [ -z "$stopping" ]; do
    for index in "${!services[@]}"; do
      if [ -z "$stopping" ] && ! kill -0 "${pids[index]}" 2>/dev/null; then
        echo "${services[index]} died; starting it again" >&2
        start "$index"
      fi
    done
    # In the background, so that a signal ends the wait.
    sleep 1 &
    wait $! || true
  done
}

# shellcheck disable=SC2317 # called by the trap
stop() {
  local status=$? index _
  trap '' INT TERM HUP
  for index in "${!pids[@]}"; do
    kill -TERM "${pids[index]}" 2>/dev/null || true
  done
  # The services give running calls 30 seconds.
  for _ in $(seq 350); do
    still_running || break
    sleep 0.1
  done
  for index in "${!pids[@]}"; do
    kill -KILL "${pids[index]}" 2>/dev/null || true
  done
  rm -f "$dir"/pids/*
  exit "$status"
}

# shellcheck disable=SC2317 # called by stop
still_running() {
  local pid
  for pid in "${pids[@]}"; do
    if kill -0 "$pid" 2>/dev/null; then return 0; fi
  done
  return 1
}

main
