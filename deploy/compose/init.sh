#!/usr/bin/env bash
# Makes what deploy/compose.yaml needs and nobody commits: tokens of people and services, the identities that hold
# their digests, and the password of the database. What is there already stays.
#
#   deploy/compose/init.sh [FOLDER]    # default: the folder of this script
set -euo pipefail
# Others of this machine do not get into the folder of the tokens; the containers' user must be able to read them.
umask 022
folder=${1:-$(dirname "${BASH_SOURCE[0]}")}
people=("agent agent developer" "dev user developer" "lead user lead" "admin user admin" "admin2 user admin")
services=(planner versioning approval-gate executor notification)

random() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }

# The digest of a token, which is made when there is none.
digest() {
  local file=$folder/tokens/$1
  [ -s "$file" ] || random >"$file"
  if command -v sha256sum >/dev/null 2>&1; then sha256sum <"$file"; else shasum -a 256 <"$file"; fi | cut -d ' ' -f 1
}

identities() {
  local person name kind role
  echo "identities:"
  for person in "${people[@]}"; do
    read -r name kind role <<<"$person"
    echo "  - {id: $name@compose.local, kind: $kind, name: $name, roles: [$role], token_sha256: $(digest "$name")}"
  done
  for name in "${services[@]}"; do
    echo "  - {id: \"system:$name\", kind: service, name: $name, roles: [service], token_sha256: $(digest "$name")}"
  done
}

mkdir -p "$folder/tokens"
chmod 700 "$folder/tokens"
identities >"$folder/identities.yaml.new"
mv "$folder/identities.yaml.new" "$folder/identities.yaml"
if [ ! -s "$folder/database.env" ]; then
  password=$(random)
  (
    umask 077
    echo "ASSENT_DATABASE__URL=postgres://assent:$password@postgres:5432/assent" >"$folder/database.env"
    echo "POSTGRES_PASSWORD=$password" >"$folder/postgres.env"
  )
fi
