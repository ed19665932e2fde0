{{/*
Environment of a service. A value is written as JSON, because the services read variables as numbers, booleans and
lists, too: a text that looks like a number stays a text only in quotes.
Argument: root and service (of "assent.services").
*/}}
{{- define "assent.environment" -}}
{{ include "assent.environment.reach" . }}
- name: ASSENT_SERVER__LISTEN
  value: 0.0.0.0:{{ .service.port }}
{{- with .root.Values.tls }}
{{- if .existingSecret }}
- name: ASSENT_SERVER__TLS_CERTIFICATE_FILE
  value: /etc/assent/tls/tls.crt
- name: ASSENT_SERVER__TLS_KEY_FILE
  value: /etc/assent/tls/tls.key
{{- if $.service.auth }}
- name: ASSENT_SERVER__TLS_CLIENT_CA_FILE
  value: /etc/assent/tls/ca.crt
- name: ASSENT_SERVER__TLS_CLIENT_REQUIRED
  value: {{ .clientRequired | toJson | quote }}
{{- end }}
- name: ASSENT_SERVER__HEALTH_LISTEN
  value: 0.0.0.0:{{ .healthPort }}
{{- if $.service.calls }}
- name: ASSENT_PEERS__CA_FILE
  value: /etc/assent/tls/ca.crt
- name: ASSENT_PEERS__CERTIFICATE_FILE
  value: /etc/assent/tls/tls.crt
- name: ASSENT_PEERS__KEY_FILE
  value: /etc/assent/tls/tls.key
{{- end }}
{{- end }}
{{- end }}
- name: ASSENT_SERVER__SHUTDOWN_GRACE_SECONDS
  value: {{ .root.Values.server.shutdownGraceSeconds | toJson | quote }}
{{- if and .service.stateful (or .root.Values.bus.existingSecret .root.Values.bus.url .root.Values.trial.enabled) }}
- name: ASSENT_BUS__URL
  valueFrom:
    secretKeyRef: {name: {{ include "assent.busSecret" .root }}, key: {{ ternary .root.Values.bus.key "url" (ne .root.Values.bus.existingSecret "") }}}
{{- end }}
{{- if .service.auth }}
- name: ASSENT_AUTH__IDENTITIES
  value: /etc/assent/auth/identities.yaml
{{- if .service.calls }}
- name: ASSENT_AUTH__SERVICE_TOKEN_FILE
  value: /etc/assent/auth/token
{{- end }}
{{- end }}
{{- include "assent.environment.own" . }}
{{- if .root.Values.metrics.port }}
- name: ASSENT_METRICS__LISTEN
  value: 0.0.0.0:{{ .root.Values.metrics.port }}
{{- end }}
{{- with .service.values.env }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* What a migration needs as well: logs, database, peers. */}}
{{- define "assent.environment.reach" -}}
{{- range $section, $keys := .root.Values.settings }}
{{- range $key, $value := $keys }}
- name: ASSENT_{{ upper $section }}__{{ upper $key }}
  value: {{ include "assent.environment.value" $value | quote }}
{{- end }}
{{- end }}
- name: ASSENT_TELEMETRY__LOG
  value: {{ .root.Values.telemetry.log | toJson | quote }}
- name: ASSENT_TELEMETRY__FORMAT
  value: {{ .root.Values.telemetry.format }}
{{- with .root.Values.telemetry.otlpEndpoint }}
- name: ASSENT_TELEMETRY__OTLP_ENDPOINT
  value: {{ toJson . | quote }}
{{- end }}
- name: ASSENT_TELEMETRY__SAMPLING_RATIO
  value: {{ .root.Values.telemetry.samplingRatio | toJson | quote }}
{{- if .service.stateful }}
- name: ASSENT_DATABASE__URL
  valueFrom:
    secretKeyRef: {name: {{ .databaseSecret | default (include "assent.databaseSecret" .root) }}, key: {{ ternary .root.Values.database.key "url" (ne .root.Values.database.existingSecret "") }}}
- name: ASSENT_DATABASE__MAX_CONNECTIONS
  value: {{ .root.Values.database.maxConnections | toJson | quote }}
{{- end }}
{{- $table := include "assent.table" .root | fromYaml }}
{{- range .service.calls }}
- name: ASSENT_PEERS__{{ . | upper | replace "-" "_" }}
  value: {{ include "assent.scheme" $.root }}://{{ include "assent.fullname" $.root }}-{{ . }}:{{ (index $table .).port }}
{{- end }}
{{- end }}

{{/* What only the service itself needs: the tools, what `config` says, and where the mounted files are. */}}
{{- define "assent.environment.own" -}}
{{- if and .service.catalog .root.Values.catalog }}
- name: ASSENT_TOOLS__CATALOG
  value: /etc/assent/files/catalog.yaml
{{- end }}
{{- $own := deepCopy (.service.values.config | default dict) }}
{{- if .service.values.playbooks }}
{{- $_ := set $own "playbooks_dir" "/etc/assent/files/playbooks" }}
{{- end }}
{{- if .service.values.policy }}
{{- $_ := set $own "policy_file" "/etc/assent/files/policy.yaml" }}
{{- end }}
{{- if .service.values.directory }}
{{- $_ := set $own "directory" "/etc/assent/files/directory.yaml" }}
{{- end }}
{{- if .service.values.templates }}
{{- $_ := set $own "templates_dir" "/etc/assent/files/templates" }}
{{- end }}
{{- if .service.values.persistence }}
{{- $_ := set $own "data_dir" "/var/lib/assent" }}
{{- end }}
{{- with .service.values.jobs }}
{{- if .enabled }}
{{- $_ := set $own "kubernetes_namespace" (.namespace | default $.root.Release.Namespace) }}
{{- end }}
{{- end }}
{{- if (.service.values.secrets | default dict).existingSecret }}
{{- $_ := set $own "secrets_dir" "/etc/assent/secrets" }}
{{- end }}
{{- with .service.values.webhook }}
{{- if .url }}
{{- $_ := set $own "webhook_url" .url }}
{{- $_ := set $own "webhook_secret_file" "/etc/assent/webhook/secret" }}
{{- end }}
{{- end }}
{{- if (.service.values.keyEncryption | default dict).existingSecret }}
{{- $_ := set $own "key_encryption_secret_file" "/etc/assent/key-encryption/secret" }}
{{- end }}
{{- if (.service.values.oidcSecret | default dict).existingSecret }}
{{- $_ := set $own "oidc" (set ($own.oidc | default dict) "client_secret_file" "/etc/assent/oidc/secret") }}
{{- end }}
{{- range $key, $value := $own }}
- name: ASSENT_SERVICE__{{ upper $key }}
  value: {{ include "assent.environment.value" $value | quote }}
{{- end }}
{{- end }}

{{/*
A value as the services read it in a variable: JSON, but for maps, in lists too, whose members are NAME=VALUE.
*/}}
{{- define "assent.environment.value" -}}
{{- if kindIs "map" . }}
{{- $members := list }}
{{- range $name, $value := . }}
{{- $members = append $members (printf "%s=%s" $name (include "assent.environment.value" $value)) }}
{{- end }}
{{- printf "{%s}" (join "," $members) }}
{{- else if kindIs "slice" . }}
{{- $members := list }}
{{- range . }}
{{- $members = append $members (include "assent.environment.value" .) }}
{{- end }}
{{- printf "[%s]" (join "," $members) }}
{{- else }}
{{- toJson . }}
{{- end }}
{{- end }}

{{/*
Files of a service, from path below /etc/assent/files to text, as JSON.
Argument: root and service.
*/}}
{{- define "assent.files" -}}
{{- $files := dict }}
{{- if and .service.catalog .root.Values.catalog }}
{{- $_ := set $files "catalog.yaml" .root.Values.catalog }}
{{- end }}
{{- with .service.values.policy }}
{{- $_ := set $files "policy.yaml" . }}
{{- end }}
{{- with .service.values.directory }}
{{- $_ := set $files "directory.yaml" . }}
{{- end }}
{{- range $name, $text := .service.values.playbooks }}
{{- $_ := set $files (printf "playbooks/%s.yaml" $name) $text }}
{{- end }}
{{- range $name, $text := .service.values.templates }}
{{- $_ := set $files (printf "templates/%s.j2" $name) $text }}
{{- end }}
{{- toJson $files }}
{{- end }}
