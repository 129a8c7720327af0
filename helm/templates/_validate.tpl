{{/* Reports every mistake that the schema cannot see, all at once, each with its fix. None quotes a value: it may be a secret. */}}
{{- define "reconciler.validate" -}}
{{- $problems := list -}}
{{- range $part := list "upstreams" "secrets" "configuration" "database" "network" "pod" -}}
{{- range $line := splitList "\n" (include (printf "reconciler.problems.%s" $part) $) -}}
{{- with trim $line -}}{{- $problems = append $problems . -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- if $problems -}}
{{- fail (printf "\n\nThese values cannot work:\n  - %s\n" (join "\n  - " (uniq $problems))) -}}
{{- end -}}
{{- end -}}

{{/* Each of the following writes one problem per line. */}}

{{- define "reconciler.problems.upstreams" -}}
{{- $ownSecrets := include "reconciler.hasOwnSecrets" . -}}
{{- $configured := list -}}
{{- range $upstream := list "qbittorrent" "radarr" "sonarr" "jellyseerr" "jellyfin" }}
{{- $section := index $.Values $upstream }}
{{- if $section.url }}
{{- $configured = append $configured $upstream }}
{{- include "reconciler.problems.address" (list (printf "%s.url" $upstream) $upstream $section.url) }}
{{- end }}
{{- end }}
{{- range $upstream := list "radarr" "sonarr" "jellyseerr" "jellyfin" }}
{{- $section := index $.Values $upstream }}
{{- if and $section.url (not (or $section.apiKey $ownSecrets)) }}
{{ $upstream }}.url is set but not its key: set {{ $upstream }}.apiKey, or existingSecret to a Secret with the key {{ upper $upstream }}_API_KEY
{{- else if and $section.apiKey (not $section.url) }}
{{ $upstream }}.apiKey is set but not its address: set {{ $upstream }}.url
{{- end }}
{{- end }}
{{- with .Values.qbittorrent }}
{{- if and .apiKey (or .username .password) }}
qbittorrent.apiKey and qbittorrent.username or password are set: keep one way to log in
{{- end }}
{{- if and .url (not (or .apiKey (and .username .password) $ownSecrets)) }}
qbittorrent.url is set but no way to log in: set qbittorrent.username and qbittorrent.password, or qbittorrent.apiKey, or existingSecret to a Secret with the keys QBITTORRENT_USERNAME and QBITTORRENT_PASSWORD, or QBITTORRENT_API_KEY
{{- else if and (or .apiKey .username .password) (not .url) }}
qbittorrent has credentials but no address: set qbittorrent.url
{{- end }}
{{- end }}
{{- if not $configured }}
no upstream is configured: set at least one of qbittorrent.url, radarr.url, sonarr.url, jellyseerr.url, jellyfin.url
{{- end }}
{{- end -}}

{{/* What is called, and where that stands: it goes into the ConfigMap, so it must have no secret in it. */}}
{{- define "reconciler.problems.address" -}}
{{- if not (regexMatch "^https?://[^\\s/?#@]+(/[^\\s?#]*)?$" (index . 2)) }}
{{ index . 0 }} must be an address such as http://{{ index . 1 }}:8080, without user name, password or query
{{- end }}
{{- end -}}

{{- define "reconciler.problems.secrets" -}}
{{- range $place := list "existingSecret" "database.existingSecret" }}
{{- $name := include "reconciler.valueAt" (list $.Values $place) }}
{{- if not (regexMatch "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$" $name) }}
{{ $place }} must be the name of a Secret, in small letters, digits, - and dots; what is secret stands in that Secret
{{- end }}
{{- end }}
{{- range $source := fromJsonArray (include "reconciler.ownSecrets" .) }}
{{- if not (or (regexMatch "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$" $source.name) (eq $source.name (default "" $.Values.existingSecret))) }}
extraEnvFrom must have names of Secrets in secretRef.name, in small letters, digits, - and dots
{{- end }}
{{- end }}
{{- include "reconciler.generateSecrets" . }}
{{- range $name, $previous := dict "webhookSecret" "previousWebhookSecret" "apiToken" "previousApiToken" }}
{{- if and (index $.Values.auth $previous) (eq (index $.Values.auth $previous) (default "" (index $.Values.auth $name))) }}
auth.{{ $previous }} is the same as auth.{{ $name }}: set auth.{{ $name }} to the new one (openssl rand -hex 24), or remove auth.{{ $previous }}
{{- end }}
{{- end }}
{{- if hasKey (default dict .Values.config.notifications) "urls" }}
config.notifications.urls is a secret, and config becomes a ConfigMap: set notifications.urls or existingSecret instead
{{- end }}
{{- if not (regexMatch "^(\\s*[A-Za-z0-9]+://\\S+)*\\s*$" (include "reconciler.valueAt" (list .Values "notifications.urls"))) }}
notifications.urls must be addresses such as ntfy://HOST/TOPIC, with white space between
{{- end }}
{{- range $variable, $place := fromYaml (include "reconciler.secretPlaces" .) }}
{{- $value := include "reconciler.valueAt" (list $.Values $place) }}
{{- if hasPrefix "auth." $place }}
{{- if and $value (not (regexMatch "^\\S{16,}$" $value)) }}
{{ $place }} must have at least 16 characters and no white space: openssl rand -hex 24 makes a good one
{{- end }}
{{- $key := trimPrefix "reconciler_" (lower $variable) }}
{{- if hasKey $.Values.config $key }}
config.{{ $key }} is a secret, and config becomes a ConfigMap: set {{ $place }} or existingSecret instead
{{- end }}
{{- else if and (hasSuffix "apiKey" $place) (regexMatch "\\s" $value) }}
{{ $place }} has white space in it: copy the key alone
{{- end }}
{{- range $.Values.extraEnv }}
{{- if eq .name $variable }}
extraEnv sets {{ $variable }}, which is a secret: set {{ $place }}{{ if ne $place "database.url" }} or existingSecret{{ end }} instead
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "reconciler.problems.database" -}}
{{- with .Values.database }}
{{- if and .url .existingSecret }}
database.url and database.existingSecret are set: keep one of them
{{- else if and .url (not (regexMatch "^postgres(ql)?://[^\\s/]+/[^\\s/]+$" .url)) }}
database.url must be postgresql://USER:PASSWORD@HOST:5432/DATABASE; for SQLite leave it empty
{{- end }}
{{- end }}
{{- if include "reconciler.usesPostgres" . }}
{{- if .Values.persistence.existingClaim }}
persistence.existingClaim is set, but with PostgreSQL nothing is kept on a volume: remove it, or database for SQLite
{{- end }}
{{- else if gt (int64 .Values.replicas) 1 }}
replicas is more than 1, but the log is an SQLite file, which one process alone may open: set database.url or database.existingSecret to use PostgreSQL, or replicas to 1
{{- end }}
{{- range $key := list "database_url" "database_url_file" }}
{{- if hasKey $.Values.config $key }}
config.{{ $key }} is the chart's to set: set database.url or database.existingSecret for PostgreSQL; SQLite's file lies on the volume under persistence
{{- end }}
{{- end }}
{{- end -}}

{{- define "reconciler.problems.network" -}}
{{- if hasKey .Values.config "host" }}
config.host is the chart's to set (the pod listens on all its addresses): remove it
{{- end }}
{{- if hasKey .Values.config "root_path" }}
{{- $path := .Values.config.root_path }}
{{- if not (regexMatch "^(/|(/[A-Za-z0-9_-]+)+)$" $path) }}
config.root_path must be / or a path such as /reconciler: letters, digits, - and _, and no slash at its end
{{- else if has (index (splitList "/" $path) 1) (list "breaker" "deletions" "docs" "events" "livez" "metrics" "needs-you" "readyz" "receipts" "sign-in" "sign-out" "static" "status" "webhooks" "widget") }}
config.root_path begins like one of the service's own addresses: take another, such as /reconciler
{{- end }}
{{- end }}
{{- if hasKey .Values.config "public_url" }}
{{- include "reconciler.problems.address" (list "config.public_url" "reconciler" .Values.config.public_url) }}
{{- end }}
{{- if hasKey .Values.config "page_url" }}
{{- include "reconciler.problems.address" (list "config.page_url" "reconciler" .Values.config.page_url) }}
{{- end }}
{{- if and .Values.ingress.enabled (not .Values.ingress.hosts) }}
ingress.enabled is set but no host: set ingress.hosts to the names people open, such as [reconciler.example.org]
{{- end }}
{{- with .Values.networkPolicy }}
{{- if .enabled }}
{{- if not .ingress.from }}
networkPolicy.enabled is set, but not who may reach the service, so no webhook would arrive: list the senders of webhooks, the ingress controller and Prometheus in networkPolicy.ingress.from
{{- end }}
{{- if not .egress.upstreams }}
networkPolicy.enabled is set, but not where the upstreams are, so nothing could be deleted: list them in networkPolicy.egress.upstreams, each with `to` and `ports`
{{- end }}
{{- if and (include "reconciler.usesPostgres" $) (not .egress.database) }}
networkPolicy.enabled is set, but not where PostgreSQL is, so the service could not start: list it in networkPolicy.egress.database, with `to` and `ports`
{{- end }}
{{- end }}
{{- end }}
{{- if and .Values.prometheusRule.enabled (not (or .Values.serviceMonitor.enabled .Values.prometheusRule.selector)) }}
prometheusRule.enabled is set, but nothing lets Prometheus read the metrics: set serviceMonitor.enabled, or prometheusRule.selector to the labels that your own scrape gives them, such as job="reconciler"
{{- end }}
{{- end -}}

{{- define "reconciler.problems.pod" -}}
{{- $fullname := include "reconciler.fullname" . }}
{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" $fullname) }}
the objects would be named {{ $fullname }}, but a Service's name begins with a letter and has only small letters, digits and -: set fullnameOverride to such a name
{{- else if and (gt (len $fullname) 52) (not (include "reconciler.usesPostgres" .)) }}
the objects would be named {{ $fullname }}, but the pods of a StatefulSet are labelled with its name and ten characters more, so that it may have 52 at most: set fullnameOverride to a shorter name
{{- end }}
{{- $places := fromYaml (include "reconciler.secretPlaces" .) }}
{{- range .Values.extraEnv }}
{{- if has .name (list "RECONCILER_CONFIG" "RECONCILER_HOST" "RECONCILER_PORT" "RECONCILER_URL") }}
extraEnv sets {{ .name }}, which is the chart's: settings go under config
{{- else if and (hasPrefix "RECONCILER_" .name) (not (or (hasSuffix "_FILE" .name) (hasKey $places .name))) }}
extraEnv sets {{ .name }}, which would outweigh config unseen by the chart: set config.{{ lower (trimPrefix "RECONCILER_" .name) | replace "notifications_" "notifications." }} instead
{{- end }}
{{- end }}
{{- range .Values.extraVolumes }}
{{- if has .name (list "config" "data" "secrets" "tmp") }}
extraVolumes has a volume named {{ .name }}, which is one of the chart's: give it another name
{{- end }}
{{- end }}
{{- range $label := keys (fromYaml (include "reconciler.labels" .)) | sortAlpha }}
{{- if hasKey $.Values.podLabels $label }}
podLabels sets {{ $label }}, which is the chart's: remove it
{{- end }}
{{- end }}
{{- end -}}
