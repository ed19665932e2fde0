{{/*
What the chart knows of the services: port, peers that it calls, whether it keeps state, reads the catalog, and has
identities and a token of its own (`auth`); and the contract's services that it answers, for those who come from outside.
Environment, migrations, NetworkPolicies, Ingress and routes all follow from this.
*/}}
{{- define "assent.table" -}}
planner:
  port: 7101
  calls: [executor]
  stateful: true
  catalog: true
  auth: true
  serves: [assent.planner.v1.PlannerService]
risk:
  port: 7102
  calls: []
  stateful: false
  catalog: true
  auth: true
  serves: [assent.risk.v1.RiskService]
versioning:
  port: 7103
  calls: [planner, risk, approval-gate]
  stateful: true
  catalog: true
  auth: true
  serves: [assent.versioning.v1.VersioningService, assent.versioning.v1.PlanEditorService]
approval-gate:
  port: 7104
  calls: [planner, risk, versioning, executor]
  stateful: true
  catalog: false
  auth: true
  serves:
    - assent.approval.v1.ApprovalService
    - assent.approval.v1.CommentService
    - assent.approval.v1.DirectoryService
    - assent.approval.v1.AuditService
    # Every service with state has its own; from outside it is that of the gate.
    - assent.event.v1.EventService
executor:
  port: 7105
  calls: [versioning, approval-gate]
  stateful: true
  catalog: true
  auth: true
  serves: [assent.executor.v1.ExecutorService, assent.executor.v1.WorkerService]
notification:
  port: 7106
  calls: [versioning, approval-gate, executor]
  stateful: true
  catalog: false
  auth: true
  serves: [assent.notification.v1.NotificationService]
dashboard:
  port: 7107
  calls: [planner, risk, versioning, approval-gate, executor, notification]
  stateful: false
  catalog: false
  # It shows the credential of the person who asks, and no other.
  auth: false
  serves: []
{{- end }}

{{/* Short enough for "-approval-gate-migrate" behind it. */}}
{{- define "assent.fullname" -}}
{{- .Values.fullnameOverride | default .Release.Name | trunc 40 | trimSuffix "-" }}
{{- end }}

{{/* Argument: root and name (of a service, or cli), and image where values name one. */}}
{{- define "assent.image" -}}
{{- with .root.Values.image }}
{{- $.image | default (printf "%s-%s:%s" .repository $.name (.tag | default $.root.Chart.AppVersion)) }}
{{- end }}
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

{{- define "assent.scheme" -}}
{{ ternary "https" "http" (ne .Values.tls.existingSecret "") }}
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
