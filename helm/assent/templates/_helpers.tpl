{{/*
What the chart knows of the services: port, peers that it calls, whether it keeps state, whether it reads the catalog.
Environment, NetworkPolicies and migrations all follow from this.
*/}}
{{- define "assent.table" -}}
planner:
  port: 7101
  calls: [executor]
  stateful: true
  catalog: true
risk:
  port: 7102
  calls: []
  stateful: false
  catalog: true
versioning:
  port: 7103
  calls: [planner, risk, approval-gate]
  stateful: true
  catalog: true
approval-gate:
  port: 7104
  calls: [planner, risk, versioning, executor]
  stateful: true
  catalog: false
executor:
  port: 7105
  calls: [versioning, approval-gate]
  stateful: true
  catalog: true
notification:
  port: 7106
  calls: [versioning, approval-gate, executor]
  stateful: true
  catalog: false
{{- end }}

{{/* Short enough for "-approval-gate-migrate" behind it. */}}
{{- define "assent.fullname" -}}
{{- .Values.fullnameOverride | default .Release.Name | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "assent.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{/*
The services as a map of: name, fullname, what the table says, and the values of the service over the defaults, key by
key: a key of a service replaces that of the defaults whole, be it empty or zero.
*/}}
{{- define "assent.services" -}}
{{- $all := dict }}
{{- range $name, $facts := include "assent.table" . | fromYaml }}
{{- $values := deepCopy $.Values.defaults }}
{{- range $key, $value := index $.Values.services $name }}
{{- $_ := set $values $key $value }}
{{- end }}
{{- $fullname := printf "%s-%s" (include "assent.fullname" $) $name }}
{{- $_ := set $all $name (merge (dict "name" $name "fullname" $fullname "values" $values) $facts) }}
{{- end }}
{{- toJson $all }}
{{- end }}

{{/* Argument: root and service (a name, or empty for what belongs to all). */}}
{{- define "assent.selector" -}}
app.kubernetes.io/name: assent
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- with .service }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end }}

{{- define "assent.labels" -}}
{{ include "assent.selector" . }}
app.kubernetes.io/part-of: assent
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end }}

{{/* Secrets: those that exist, or those of the release. */}}
{{- define "assent.databaseSecret" -}}
{{ .Values.database.existingSecret | default (printf "%s-database" (include "assent.fullname" .)) }}
{{- end }}

{{- define "assent.busSecret" -}}
{{ .Values.bus.existingSecret | default (printf "%s-bus" (include "assent.fullname" .)) }}
{{- end }}

{{- define "assent.authSecret" -}}
{{ .Values.auth.existingSecret | default (printf "%s-auth" (include "assent.fullname" .)) }}
{{- end }}

{{- define "assent.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
# A volume with many files is not gone through at every start.
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "assent.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}
