#!/usr/bin/env bash
# Runs a command with a Postgres and a Redis of its own and stops both afterwards:
#
#   tests/servers.sh COMMAND [ARGUMENT...]
#
# The command finds them in ASSENT_TEST_POSTGRES_URL (superuser, database postgres) and ASSENT_TEST_REDIS_URL,
# and the programs of Postgres (psql, pgbench) in PATH. Both listen on free loopback ports only, want a random
# password and keep their data in a fresh folder that goes with them. The exit code is the command's; 2 when a
# server cannot be had.
#
#   ASSENT_TEST_FSYNC=on      Postgres writes durably, as in production: for benchmarks and for kept data
#   ASSENT_TEST_SERVERS=DIR   keep the data of Postgres in DIR from run to run
set -euo pipefail

[ $# -gt 0 ] || { sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2; exit 2; }
# shellcheck source=tests/packages.sh
. "$(dirname "${BASH_SOURCE[0]}")/packages.sh"

folder=
postgres_bin=
postgres_started=
redis_started=

main() {
  find_postgres || {
    install_packages Postgres "postgresql" "postgresql-server" "postgresql@15"
    find_postgres || fail "Postgres is installed, but initdb is neither in PATH nor where packages put it"
  }
  if [ -n "$(missing_programs redis-server redis-cli)" ]; then
    install_packages Redis "redis-server" "redis" "redis"
  fi
  check_owner

  trap stop EXIT
  make_folder
  start_postgres
  start_redis
  export PATH="$PATH:$postgres_bin"
  run "$@"
}

fail() {
  echo "servers.sh: $1" >&2
  exit 2
}

# The newest Postgres in PATH or in the places of Debian, Red Hat and Homebrew.
find_postgres() {
  local found
  if found=$(command -v initdb); then
    postgres_bin=$(dirname "$found")
    return
  fi
  # shellcheck disable=SC2012 # no odd names there
  found=$(ls -d /usr/lib/postgresql/*/bin/initdb /usr/pgsql-*/bin/initdb \
    /opt/homebrew/opt/postgresql@*/bin/initdb /usr/local/opt/postgresql@*/bin/initdb 2>/dev/null \
    | sort -V | tail -n 1) || true
  [ -n "$found" ] && postgres_bin=$(dirname "$found")
}

# Postgres refuses to run as root, so root lends it the user that its package made.
check_owner() {
  [ "$(id -u)" -ne 0 ] || id postgres >/dev/null 2>&1 \
    || fail "root cannot run Postgres: make a user named postgres, or run this as an ordinary user"
}

as_owner() (
  cd /
  if [ "$(id -u)" -ne 0 ]; then
    "$@"
  elif command -v runuser >/dev/null 2>&1; then
    runuser -u postgres -- "$@"
  else
    sudo -n -u postgres "$@"
  fi
)

make_folder() {
  if [ -n "${ASSENT_TEST_SERVERS:-}" ]; then
    mkdir -p "$ASSENT_TEST_SERVERS"
    folder=$(cd "$ASSENT_TEST_SERVERS" && pwd)
  else
    folder=$(mktemp -d "${TMPDIR:-/tmp}/assent-servers.XXXXXX")
    chmod 711 "$folder"
  fi
  mkdir -p "$folder/postgres" "$folder/redis"
  if [ "$(id -u)" -eq 0 ]; then
    chown postgres "$folder/postgres"
  fi
  as_owner test -w "$folder/postgres" \
    || fail "the user postgres cannot reach $folder: choose another folder (TMPDIR, ASSENT_TEST_SERVERS)"
  if [ ! -s "$folder/password" ]; then
    (umask 077 && od -An -N16 -tx1 /dev/urandom | tr -d ' \n' >"$folder/password")
  fi
}

# Below the range from which the system takes ports for outgoing connections.
free_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 12000))
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
  done
  echo "$port"
}

start_postgres() {
  local data=$folder/postgres/data log=$folder/postgres/log secret=$folder/postgres/password
  local attempt port password
  password=$(cat "$folder/password")
  if [ ! -d "$data" ]; then
    # A copy, because the owner of the data cannot read root's file.
    # shellcheck disable=SC2016 # the inner shell expands it
    as_owner sh -c 'umask 077 && cat >"$1"' - "$secret" <"$folder/password"
    as_owner "$postgres_bin/initdb" -D "$data" -U postgres --encoding=UTF8 --locale=C --no-sync \
      --auth-local=reject --auth-host=password --pwfile="$secret" >"$folder/initdb.log" 2>&1 \
      || { cat "$folder/initdb.log" >&2; fail "initdb failed"; }
    rm "$secret"
    configure_postgres >>"$data/postgresql.conf"
  fi
  as_owner "$postgres_bin/pg_ctl" status -D "$data" >/dev/null 2>&1 && fail "servers run in $folder already"
  postgres_started=yes
  # Another program may take the port between the look and the start.
  for attempt in 1 2 3 4 5; do
    port=$(free_port)
    if as_owner "$postgres_bin/pg_ctl" start -s -w -t 60 -D "$data" -l "$log" -o "-p $port" >/dev/null 2>&1; then
      export ASSENT_TEST_POSTGRES_URL="postgres://postgres:$password@127.0.0.1:$port/postgres"
      return
    fi
  done
  as_owner tail -n 20 "$log" >&2
  fail "Postgres does not start ($attempt attempts)"
}

configure_postgres() {
  cat <<'CONF'
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 300
CONF
  if [ "${ASSENT_TEST_FSYNC:-off}" != on ]; then
    cat <<'CONF'
fsync = off
synchronous_commit = off
full_page_writes = off
CONF
  fi
}

start_redis() {
  local dir=$folder/redis attempt port password answer
  password=$(cat "$folder/password")
  redis_started=yes
  for attempt in 1 2 3 4 5; do
    port=$(free_port)
    rm -f "$dir/pid"
    # The configuration comes by standard input, so that no list of processes shows the password.
    redis-server - >/dev/null <<CONF
bind 127.0.0.1
port $port
requirepass $password
save ""
appendonly no
dir $dir
pidfile $dir/pid
logfile $dir/log
daemonize yes
CONF
    for _ in $(seq 100); do
      answer=$(REDISCLI_AUTH=$password redis-cli -h 127.0.0.1 -p "$port" ping 2>/dev/null) || true
      if [ "$answer" = PONG ] && [ -s "$dir/pid" ]; then
        export ASSENT_TEST_REDIS_URL="redis://default:$password@127.0.0.1:$port"
        return
      fi
      sleep 0.05
    done
  done
  tail -n 20 "$dir/log" >&2
  fail "Redis does not start ($attempt attempts)"
}

# In the background, so that a signal to this script reaches the command at once. A Ctrl-C reaches it from the
# terminal: the script then only waits for it to end.
run() {
  local child status=0
  (trap - INT && exec "$@") <&0 &
  child=$!
  trap 'kill -TERM "$child" 2>/dev/null || true' TERM HUP
  trap : INT
  while :; do
    status=0
    wait "$child" || status=$?
    kill -0 "$child" 2>/dev/null || break
  done
  exit "$status"
}

# shellcheck disable=SC2317 # called by the trap
stop() {
  local status=$? redis_pid _
  trap '' INT TERM HUP
  [ -z "$redis_started" ] || redis_pid=$(cat "$folder/redis/pid" 2>/dev/null) || true
  if [ -n "${redis_pid:-}" ] && kill -TERM "$redis_pid" 2>/dev/null; then
    for _ in $(seq 100); do
      kill -0 "$redis_pid" 2>/dev/null || break
      sleep 0.05
    done
  fi
  if [ -n "$postgres_started" ]; then
    local mode=immediate
    [ -z "${ASSENT_TEST_SERVERS:-}" ] || mode=fast
    as_owner "$postgres_bin/pg_ctl" stop -s -m "$mode" -D "$folder/postgres/data" >&2 || true
  fi
  if [ -n "$folder" ] && [ -z "${ASSENT_TEST_SERVERS:-}" ]; then
    rm -rf "$folder"
  fi
  exit "$status"
}

main "$@"
