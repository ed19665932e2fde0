{{/* What the schema cannot say, or not in words that help. */}}
{{- define "assent.checks" -}}
{{- $services := include "assent.services" . | fromJson }}
{{- if .Values.trial.enabled }}
{{- if or .Values.database.existingSecret .Values.database.url .Values.bus.existingSecret .Values.bus.url }}
{{- fail "trial.enabled: it brings Postgres and Redis; leave database and bus empty, or disable it" }}
{{- end }}
{{- if not .Values.trial.password }}
{{- fail "trial.password: its Postgres and Redis need one" }}
{{- end }}
{{- if .Values.migrations.hook }}
{{- fail "migrations.hook: runs before the Postgres of trial.enabled is there; replicas migrate at start" }}
{{- end }}
{{- else if not (or .Values.database.existingSecret .Values.database.url) }}
{{- fail "database.existingSecret or database.url: the services keep their state in a Postgres that you provide (for a trial: trial.enabled)" }}
{{- end }}
{{- if not .Values.auth.existingSecret }}
{{- if not .Values.auth.identities }}
{{- fail "auth.existingSecret or auth.identities: without identities nobody may call" }}
{{- end }}
{{- range $name, $service := $services }}
{{- if and $service.auth $service.calls (not (hasKey ($.Values.auth.serviceTokens | default dict) $name)) }}
{{- fail (printf "auth.serviceTokens.%s: %s calls other services and needs a token" $name $name) }}
{{- end }}
{{- end }}
{{- end }}
{{- $executor := $services.executor.values }}
{{- if and (gt (int (include "assent.replicas" $executor)) 1) (not (include "assent.shared" $executor.persistence)) }}
{{- fail "services.executor.replicas: more than one needs persistence with accessMode ReadWriteMany, or an existingClaim of that kind" }}
{{- end }}
{{- range $name, $service := $services }}
{{- with $service.values.autoscaling }}
{{- if and .enabled (gt (int .minReplicas) (int .maxReplicas)) }}
{{- fail (printf "services.%s.autoscaling.minReplicas: is more than maxReplicas" $name) }}
{{- end }}
{{- if and .enabled (not (($service.values.resources).requests).cpu) }}
{{- fail (printf "services.%s.resources.requests.cpu: autoscaling measures against it" $name) }}
{{- end }}
{{- end }}
{{- end }}
{{- if and .Values.networkPolicy.enabled ($services.planner.values.config | default dict).llm_url (not $services.planner.values.egress) }}
{{- fail "services.planner.egress: a NetworkPolicy would keep the planner from its language model (llm_url)" }}
{{- end }}
{{- if and .Values.networkPolicy.enabled (dig "oidc" "issuer" "" ($services.dashboard.values.config | default dict)) (not $services.dashboard.values.egress) }}
{{- fail "services.dashboard.egress: a NetworkPolicy would keep the dashboard from its OpenID provider (oidc.issuer)" }}
{{- end }}
{{- if and .Values.monitoring.serviceMonitor.enabled (not .Values.metrics.port) }}
{{- fail "metrics.port: a ServiceMonitor needs a port to read" }}
{{- end }}
{{- with .Values.ingress }}
{{- if and .enabled (not (or .host .grpcHost)) }}
{{- fail "ingress.host or ingress.grpcHost: an Ingress needs a name" }}
{{- end }}
{{- end }}
{{- with .Values.gateway }}
{{- if and .enabled (not (or .host .grpcHost)) }}
{{- fail "gateway.host or gateway.grpcHost: routes need a name" }}
{{- end }}
{{- if and .enabled (not .parentRefs) }}
{{- fail "gateway.parentRefs: routes need a Gateway to be attached to" }}
{{- end }}
{{- end }}
{{- with $services.notification.values.webhook }}
{{- if and .url (not .existingSecret) }}
{{- fail "services.notification.webhook.existingSecret: posts are signed, so there must be a secret" }}
{{- end }}
{{- end }}
{{- end }}

{{/* "yes" when several replicas may write the volume. What a claim that exists can do is its owner's business. */}}
{{- define "assent.shared" -}}
{{- if and .enabled (or .existingClaim (eq .accessMode "ReadWriteMany")) }}yes{{ end }}
{{- end }}
