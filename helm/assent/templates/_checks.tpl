{{/* What the schema cannot say, or not in words that help. */}}
{{- define "assent.checks" -}}
{{- $services := include "assent.services" . | fromJson }}
{{- if not (or .Values.database.existingSecret .Values.database.url) }}
{{- fail "database.existingSecret or database.url: the services keep their state in a Postgres that you provide" }}
{{- end }}
{{- if not .Values.auth.existingSecret }}
{{- if not .Values.auth.identities }}
{{- fail "auth.existingSecret or auth.identities: without identities nobody may call" }}
{{- end }}
{{- range $name, $service := $services }}
{{- if and $service.calls (not (hasKey ($.Values.auth.serviceTokens | default dict) $name)) }}
{{- fail (printf "auth.serviceTokens.%s: %s calls other services and needs a token" $name $name) }}
{{- end }}
{{- end }}
{{- end }}
{{- $executor := $services.executor.values }}
{{- if and (gt (int $executor.replicas) 1) (not (include "assent.shared" $executor.persistence)) }}
{{- fail "services.executor.replicas: more than one needs persistence with accessMode ReadWriteMany, or an existingClaim of that kind" }}
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
