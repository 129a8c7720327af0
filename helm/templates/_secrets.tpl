{{/*
Every secret: its environment variable, and where it is set in the values. This is the only list of them: what is in
the Secret and what is refused in `config` and `extraEnv` follows from it.
*/}}
{{- define "reconciler.secretPlaces" -}}
DATABASE_URL: database.url
JELLYFIN_API_KEY: jellyfin.apiKey
JELLYSEERR_API_KEY: jellyseerr.apiKey
QBITTORRENT_API_KEY: qbittorrent.apiKey
QBITTORRENT_PASSWORD: qbittorrent.password
QBITTORRENT_USERNAME: qbittorrent.username
RADARR_API_KEY: radarr.apiKey
RECONCILER_API_TOKEN: auth.apiToken
RECONCILER_PREVIOUS_API_TOKEN: auth.previousApiToken
RECONCILER_PREVIOUS_WEBHOOK_SECRET: auth.previousWebhookSecret
RECONCILER_WEBHOOK_SECRET: auth.webhookSecret
SONARR_API_KEY: sonarr.apiKey
{{- end -}}

{{/* The secrets written in the values, as the data of a Secret. */}}
{{- define "reconciler.secrets" -}}
{{- $written := dict -}}
{{- range $variable, $place := fromYaml (include "reconciler.secretPlaces" .) -}}
{{- with include "reconciler.valueAt" (list $.Values $place) -}}
{{- $_ := set $written $variable (b64enc .) -}}
{{- end -}}
{{- end -}}
{{- if $written -}}{{- toYaml $written -}}{{- end -}}
{{- end -}}

{{/* Takes the values and a place such as radarr.apiKey; gives the text there. */}}
{{- define "reconciler.valueAt" -}}
{{- $value := index . 0 -}}
{{- range splitList "." (index . 1) -}}
{{- $value = get $value . -}}
{{- end -}}
{{- $value -}}
{{- end -}}

{{/* Not empty if secrets may come from where the chart cannot look. */}}
{{- define "reconciler.hasOwnSecrets" -}}
{{- if or .Values.existingSecret .Values.extraEnvFrom -}}true{{- end -}}
{{- end -}}
