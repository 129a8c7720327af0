{{/* Reports every mistake that the schema cannot see, all at once, each with its fix. */}}
{{- define "reconciler.validate" -}}
{{- $values := .Values -}}
{{- $problems := list -}}

{{- if gt (int64 $values.replicas) 1 -}}
{{- $problems = append $problems "replicas is more than 1: the log is an SQLite file, which one process alone may open. Set replicas to 1" -}}
{{- end -}}

{{- $configured := list -}}
{{- range $upstream := list "radarr" "sonarr" "jellyseerr" "jellyfin" -}}
{{- $section := index $values $upstream -}}
{{- if $section.url -}}
{{- $configured = append $configured $upstream -}}
{{- if not (or $section.apiKey $values.existingSecret) -}}
{{- $problems = append $problems (printf "%s.url is set but not its key: set %s.apiKey, or existingSecret to a Secret with the key %s_API_KEY" $upstream $upstream (upper $upstream)) -}}
{{- end -}}
{{- else if $section.apiKey -}}
{{- $problems = append $problems (printf "%s.apiKey is set but not its address: set %s.url" $upstream $upstream) -}}
{{- end -}}
{{- end -}}

{{- with $values.qbittorrent -}}
{{- if and .apiKey (or .username .password) -}}
{{- $problems = append $problems "qbittorrent.apiKey and qbittorrent.username or password are set: keep one way to log in" -}}
{{- end -}}
{{- if .url -}}
{{- $configured = append $configured "qbittorrent" -}}
{{- if not (or .apiKey (and .username .password) $values.existingSecret) -}}
{{- $problems = append $problems "qbittorrent.url is set but no way to log in: set qbittorrent.username and qbittorrent.password, or qbittorrent.apiKey, or existingSecret to a Secret with the keys QBITTORRENT_USERNAME and QBITTORRENT_PASSWORD, or QBITTORRENT_API_KEY" -}}
{{- end -}}
{{- else if or .apiKey .username .password -}}
{{- $problems = append $problems "qbittorrent has credentials but no address: set qbittorrent.url" -}}
{{- end -}}
{{- end -}}

{{- if not $configured -}}
{{- $problems = append $problems "no upstream is configured: set at least one of qbittorrent.url, radarr.url, sonarr.url, jellyseerr.url, jellyfin.url" -}}
{{- end -}}

{{- if not $values.existingSecret -}}
{{- if not $values.auth.webhookSecret -}}
{{- $problems = append $problems "auth.webhookSecret is missing, so anyone who reaches the Service could delete: set it (openssl rand -hex 24), or existingSecret to a Secret with the key RECONCILER_WEBHOOK_SECRET" -}}
{{- end -}}
{{- if not $values.auth.apiToken -}}
{{- $problems = append $problems "auth.apiToken is missing, so anyone who reaches the Service could delete: set it (openssl rand -hex 24), or existingSecret to a Secret with the key RECONCILER_API_TOKEN" -}}
{{- end -}}
{{- end -}}

{{- $secretPlaces := dict "webhook_secret" "auth.webhookSecret" "api_token" "auth.apiToken" -}}
{{- range $key, $place := $secretPlaces -}}
{{- if hasKey $values.config $key -}}
{{- $problems = append $problems (printf "config.%s is a secret, and config becomes a ConfigMap: set %s or existingSecret instead" $key $place) -}}
{{- end -}}
{{- end -}}
{{- range $upstream := list "qbittorrent" "radarr" "sonarr" "jellyseerr" "jellyfin" -}}
{{- $written := get $values.config $upstream -}}
{{- $isList := and (kindIs "slice" $written) (not (has $upstream (list "jellyseerr" "jellyfin"))) -}}
{{- if and $isList (not $written) -}}
{{- $problems = append $problems (printf "config.%s is an empty list: remove it" $upstream) -}}
{{- end -}}
{{- if or $isList (kindIs "map" $written) -}}
{{- range $number, $section := ternary $written (list $written) $isList -}}
{{- $place := ternary (printf "config.%s[%d]" $upstream $number) (printf "config.%s" $upstream) $isList -}}
{{- if not (kindIs "map" $section) -}}
{{- $problems = append $problems (printf "%s must be a mapping" $place) -}}
{{- else if $number -}}
{{- range $key := list "api_key" "password" -}}
{{- if hasKey $section $key -}}
{{- $problems = append $problems (printf "%s.%s is a secret, and config becomes a ConfigMap: set %s_file to /run/secrets/reconciler/KEY, with KEY in existingSecret" $place $key $key) -}}
{{- end -}}
{{- if and (hasKey $section (printf "%s_file" $key)) (not $values.existingSecret) -}}
{{- $problems = append $problems (printf "%s.%s_file is set, but there is no Secret to read it from: set existingSecret to one" $place $key) -}}
{{- end -}}
{{- end -}}
{{- if not $section.url -}}
{{- $problems = append $problems (printf "%s.url is missing: only the first of a list has its address in %s.url" $place $upstream) -}}
{{- end -}}
{{- else -}}
{{- range $key, $value := dict "api_key" "apiKey" "username" "username" "password" "password" -}}
{{- if hasKey $section $key -}}
{{- $problems = append $problems (printf "%s.%s is a secret, and config becomes a ConfigMap: set %s.%s or existingSecret instead" $place $key $upstream $value) -}}
{{- end -}}
{{- end -}}
{{- if hasKey $section "url" -}}
{{- $problems = append $problems (printf "%s.url is set: set %s.url instead" $place $upstream) -}}
{{- else if not (index $values $upstream).url -}}
{{- $problems = append $problems (printf "%s is written, but not its address: set %s.url" $place $upstream) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- else if hasKey $values.config $upstream -}}
{{- $problems = append $problems (printf "config.%s must be a mapping%s" $upstream (ternary "" ", or a list of them" (has $upstream (list "jellyseerr" "jellyfin")))) -}}
{{- end -}}
{{- end -}}
{{- range $key, $why := dict "host" "the pod listens on all its addresses" "database_url" "the log lies on the volume under persistence" -}}
{{- if hasKey $values.config $key -}}
{{- $problems = append $problems (printf "config.%s is the chart's to set (%s): remove it" $key $why) -}}
{{- end -}}
{{- end -}}

{{- if $problems -}}
{{- fail (printf "\n\nThese values cannot work:\n  - %s\n" (join "\n  - " $problems)) -}}
{{- end -}}
{{- end -}}
