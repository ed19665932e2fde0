{{/* Ports, life and files of a service's container. Argument of each: root and service. */}}

{{- define "assent.portName" -}}
{{ ternary "grpc" "http" .auth }}
{{- end }}

{{- define "assent.containerPorts" -}}
- {name: {{ include "assent.portName" .service }}, containerPort: {{ .service.port }}}
{{- if .root.Values.tls.existingSecret }}
- {name: health, containerPort: {{ .root.Values.tls.healthPort }}}
{{- end }}
{{- with (.service.values.config | default dict).slack_listen }}
- {name: slack, containerPort: {{ regexFind "[0-9]+$" . }}}
{{- end }}
{{- with .root.Values.metrics.port }}
- {name: metrics, containerPort: {{ . }}}
{{- end }}
{{- end }}

{{/* Where probes ask: they know no TLS. */}}
{{- define "assent.probePort" -}}
{{ ternary .root.Values.tls.healthPort .service.port (ne .root.Values.tls.existingSecret "") }}
{{- end }}

{{- define "assent.lifecycle" -}}
{{- $port := include "assent.probePort" . }}
# Alive is who runs, whatever it waits for: a restart would not bring the database back.
startupProbe:
  grpc: {port: {{ $port }}, service: liveness}
  periodSeconds: 2
  failureThreshold: 60
readinessProbe:
  grpc: {port: {{ $port }}}
  periodSeconds: 5
  timeoutSeconds: 3
livenessProbe:
  grpc: {port: {{ $port }}, service: liveness}
  periodSeconds: 10
  timeoutSeconds: 3
{{- if gt (int .root.Values.server.preStopSeconds) 0 }}
lifecycle:
  # Calls still arrive until every node knows that the replica goes.
  preStop:
    sleep: {seconds: {{ .root.Values.server.preStopSeconds }}}
{{- end }}
{{- end }}

{{/* The Secrets of a service: name of the volume to the Secret, and to its files where only some keys are wanted. */}}
{{- define "assent.secretVolumes" -}}
{{- $values := .service.values }}
{{- $volumes := dict }}
{{- if .service.auth }}
{{- $files := dict "identities.yaml" "identities.yaml" }}
{{- if .service.calls }}
{{- $_ := set $files (printf "token-%s" .service.name) "token" }}
{{- end }}
{{- $_ := set $volumes "auth" (dict "secret" (include "assent.authSecret" .root) "files" $files) }}
{{- end }}
{{- with .root.Values.tls.existingSecret }}
{{- $_ := set $volumes "tls" (dict "secret" .) }}
{{- end }}
{{- with ($values.secrets | default dict).existingSecret }}
{{- $_ := set $volumes "secrets" (dict "secret" .) }}
{{- end }}
{{- with $values.webhook }}
{{- if .url }}
{{- $_ := set $volumes "webhook" (dict "secret" .existingSecret "files" (dict .key "secret")) }}
{{- end }}
{{- end }}
{{- with $values.keyEncryption }}
{{- if .existingSecret }}
{{- $_ := set $volumes "key-encryption" (dict "secret" .existingSecret "files" (dict (.key | default "secret") "secret")) }}
{{- end }}
{{- end }}
{{- with $values.oidcSecret }}
{{- if .existingSecret }}
{{- $_ := set $volumes "oidc" (dict "secret" .existingSecret "files" (dict (.key | default "secret") "secret")) }}
{{- end }}
{{- end }}
{{- toJson $volumes }}
{{- end }}

{{- define "assent.mounts" -}}
- {name: tmp, mountPath: /tmp}
{{- if ne (include "assent.files" .) "{}" }}
- {name: files, mountPath: /etc/assent/files, readOnly: true}
{{- end }}
{{- if .service.values.persistence }}
- {name: data, mountPath: /var/lib/assent}
{{- end }}
{{- range $name, $_ := include "assent.secretVolumes" . | fromJson }}
- {name: {{ $name }}, mountPath: /etc/assent/{{ $name }}, readOnly: true}
{{- end }}
{{- end }}

{{- define "assent.volumes" -}}
- name: tmp
  emptyDir: {}
{{- $files := include "assent.files" . | fromJson }}
{{- if $files }}
- name: files
  configMap:
    name: {{ .service.fullname }}
    items:
      {{- range $path, $_ := $files }}
      - {key: {{ replace "/" "-" $path }}, path: {{ $path }}}
      {{- end }}
{{- end }}
{{- with .service.values.persistence }}
- name: data
  {{- if .enabled }}
  persistentVolumeClaim:
    claimName: {{ .existingClaim | default $.service.fullname }}
  {{- else }}
  emptyDir: {}
  {{- end }}
{{- end }}
{{- range $name, $volume := include "assent.secretVolumes" . | fromJson }}
- name: {{ $name }}
  secret:
    secretName: {{ $volume.secret }}
    defaultMode: 0440
    {{- with $volume.files }}
    items:
      {{- range $key, $path := . }}
      - {key: {{ $key }}, path: {{ $path }}}
      {{- end }}
    {{- end }}
{{- end }}
{{- end }}
