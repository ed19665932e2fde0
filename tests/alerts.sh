#!/usr/bin/env bash
# Checks the rules of deploy/metrics with promtool, and that each alert fires when it should.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=tests/packages.sh
. tests/packages.sh

[ -z "$(missing_programs promtool)" ] \
  || install_packages "promtool" "prometheus" "golang-github-prometheus" "prometheus"
promtool check rules deploy/metrics/alerts.yaml
promtool test rules deploy/metrics/alerts.test.yaml
