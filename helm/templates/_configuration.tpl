{{/* The YAML file: `config`, with the upstreams' addresses in it; of a list, the first. Only values that can work get this
far. Unless it says otherwise, upstreams reach the service by the name of its Service, and people by the Ingress. */}}
{{- define "reconciler.configuration" -}}
{{- include "reconciler.validate" . -}}
{{- $configuration := deepCopy .Values.config -}}
{{- if not (hasKey $configuration "public_url") -}}
{{- $_ := set $configuration "public_url" (include "reconciler.serviceUrl" .) -}}
{{- end -}}
{{- $pages := include "reconciler.pageUrl" . -}}
{{- if and $pages (not (hasKey $configuration "page_url")) -}}
{{- $_ := set $configuration "page_url" $pages -}}
{{- end -}}
{{- range $upstream := list "qbittorrent" "radarr" "sonarr" "jellyseerr" "jellyfin" -}}
{{- $url := (index $.Values $upstream).url -}}
{{- if $url -}}
{{- $written := get $configuration $upstream -}}
{{- $first := dict "url" $url -}}
{{- if kindIs "slice" $written -}}
{{- $_ := set $configuration $upstream (prepend (rest $written) (mergeOverwrite (first $written) $first)) -}}
{{- else -}}
{{- $_ := set $configuration $upstream (mergeOverwrite (default (dict) $written) $first) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toYaml $configuration -}}
{{- end -}}
