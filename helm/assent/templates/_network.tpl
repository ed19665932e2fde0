{{/* Who may reach whom. What a list of ports and peers means when the peers are empty: anywhere, at these ports. */}}

{{- define "assent.peer" -}}
podSelector:
  matchLabels:
    {{- include "assent.selector" . | nindent 4 }}
{{- end }}

{{/* Rules for what comes into a service, as JSON. Argument: root, service and services. */}}
{{- define "assent.entrances" -}}
{{- $policy := .root.Values.networkPolicy }}
{{- $rules := list }}
{{- $from := list }}
{{- range $caller, $facts := .services }}
{{- if has $.service.name $facts.calls }}
{{- $from = append $from (include "assent.peer" (dict "root" $.root "service" $caller) | fromYaml) }}
{{- end }}
{{- end }}
{{- /* `helm test` asks each of them how it is. */}}
{{- if .service.auth }}
{{- $from = append $from (include "assent.peer" (dict "root" .root "service" "test") | fromYaml) }}
{{- end }}
{{- $from = concat $from $policy.clients }}
{{- if $from }}
{{- $ports := list (dict "port" .service.port "protocol" "TCP") }}
{{- with (.service.values.config | default dict).slack_listen }}
{{- $ports = append $ports (dict "port" (regexFind "[0-9]+$" . | int) "protocol" "TCP") }}
{{- end }}
{{- $rules = append $rules (dict "from" $from "ports" $ports) }}
{{- end }}
{{- if and $policy.scrapers .root.Values.metrics.port }}
{{- $port := dict "port" .root.Values.metrics.port "protocol" "TCP" }}
{{- $rules = append $rules (dict "from" $policy.scrapers "ports" (list $port)) }}
{{- end }}
{{- toJson $rules }}
{{- end }}

{{/* Rules for what goes out of a service, as JSON. Argument: root, service and services. */}}
{{- define "assent.exits" -}}
{{- $values := .root.Values }}
{{- $to := $values.networkPolicy.to }}
{{- $rules := list (include "assent.exit" (dict "way" $to.dns "protocols" (list "UDP" "TCP")) | fromJson) }}
{{- range .service.calls }}
{{- $peer := include "assent.peer" (dict "root" $.root "service" .) | fromYaml }}
{{- $port := dict "port" (index $.services .).port "protocol" "TCP" }}
{{- $rules = append $rules (dict "to" (list $peer) "ports" (list $port)) }}
{{- end }}
{{- if .service.stateful }}
{{- range $name, $way := dict "postgres" $to.postgres "redis" $to.redis }}
{{- if $values.trial.enabled }}
{{- $peer := include "assent.peer" (dict "root" $.root "service" $name) | fromYaml }}
{{- $way = dict "peers" (list $peer) "ports" (list (ternary 5432 6379 (eq $name "postgres"))) }}
{{- end }}
{{- if or (eq $name "postgres") $values.trial.enabled $values.bus.existingSecret $values.bus.url }}
{{- $rules = append $rules (include "assent.exit" (dict "way" $way) | fromJson) }}
{{- end }}
{{- end }}
{{- end }}
{{- $remote := false }}
{{- range (dig "auth" "issuers" list $values.settings) }}
{{- if .jwks_url }}{{ $remote = true }}{{ end }}
{{- end }}
{{- if and .service.auth $remote }}
{{- $rules = append $rules (include "assent.exit" (dict "way" $to.issuers) | fromJson) }}
{{- end }}
{{- if $values.telemetry.otlpEndpoint }}
{{- $rules = append $rules (include "assent.exit" (dict "way" $to.traces) | fromJson) }}
{{- end }}
{{- if (.service.values.jobs | default dict).enabled }}
{{- $rules = append $rules (include "assent.exit" (dict "way" $to.kubernetes) | fromJson) }}
{{- end }}
{{- concat $rules .service.values.egress | toJson }}
{{- end }}

{{- define "assent.exit" -}}
{{- $ports := list }}
{{- range $port := .way.ports }}
{{- range $protocol := $.protocols | default (list "TCP") }}
{{- $ports = append $ports (dict "port" $port "protocol" $protocol) }}
{{- end }}
{{- end }}
{{- $rule := dict "ports" $ports }}
{{- with .way.peers }}
{{- $_ := set $rule "to" . }}
{{- end }}
{{- toJson $rule }}
{{- end }}
