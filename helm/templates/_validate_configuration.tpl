{{/*
The upstreams under `config`: of each the address and the secrets stand elsewhere, but for the second and later of a
list. That the names are right and the forms possible, the schema has seen.
*/}}
{{- define "reconciler.problems.configuration" -}}
{{- range $upstream := list "qbittorrent" "radarr" "sonarr" "jellyseerr" "jellyfin" }}
{{- if hasKey $.Values.config $upstream }}
{{- $written := get $.Values.config $upstream }}
{{- $isList := kindIs "slice" $written }}
{{- if and $isList (not $written) }}
config.{{ $upstream }} is an empty list: remove it
{{- end }}
{{- range $number, $section := ternary $written (list $written) $isList }}
{{- $place := ternary (printf "config.%s[%d]" $upstream $number) (printf "config.%s" $upstream) $isList }}
{{- if $number }}
{{- include "reconciler.problems.further" (list $ $upstream $place $section) }}
{{- else }}
{{- include "reconciler.problems.first" (list $ $upstream $place $section) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* The only instance, or the first: it has its address and its secrets in the chart's own values. */}}
{{- define "reconciler.problems.first" -}}
{{- $values := (index . 0).Values }}
{{- $upstream := index . 1 }}
{{- $place := index . 2 }}
{{- $section := index . 3 }}
{{- range $key, $value := dict "api_key" "apiKey" "username" "username" "password" "password" }}
{{- if hasKey $section $key }}
{{ $place }}.{{ $key }} is a secret, and config becomes a ConfigMap: set {{ $upstream }}.{{ $value }} or existingSecret instead
{{- end }}
{{- end }}
{{- if hasKey $section "url" }}
{{ $place }}.url is set: set {{ $upstream }}.url instead
{{- else if not (index $values $upstream).url }}
{{ $place }} is written, but not its address: set {{ $upstream }}.url
{{- end }}
{{- end -}}

{{/* A further instance: everything is in the list, its secrets as files. */}}
{{- define "reconciler.problems.further" -}}
{{- $values := (index . 0).Values }}
{{- $upstream := index . 1 }}
{{- $place := index . 2 }}
{{- $section := index . 3 }}
{{- range $key := list "api_key" "password" }}
{{- if hasKey $section $key }}
{{ $place }}.{{ $key }} is a secret, and config becomes a ConfigMap: set {{ $key }}_file to /run/secrets/reconciler/KEY, with KEY in existingSecret
{{- end }}
{{- if and (hasKey $section (printf "%s_file" $key)) (not (or $values.existingSecret $values.extraVolumes)) }}
{{ $place }}.{{ $key }}_file is set, but there is no Secret to read it from: set existingSecret to one
{{- end }}
{{- end }}
{{- if not $section.url }}
{{ $place }}.url is missing: only the first of a list has its address in {{ $upstream }}.url
{{- else }}
{{- include "reconciler.problems.address" (list (printf "%s.url" $place) $upstream $section.url) }}
{{- end }}
{{- end -}}
