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

{{/*
Fills in what is not given of our own two secrets: as the last revision of the release generated them, or anew. They
are kept in the values, so that one rendering generates them once. Without a cluster (helm template, Argo CD) nothing
can be looked up.
*/}}
{{- define "reconciler.generateSecrets" -}}
{{- if not (include "reconciler.hasOwnSecrets" .) -}}
{{- $last := lookup "v1" "Secret" .Release.Namespace (include "reconciler.fullname" .) | default dict -}}
{{- $kept := get $last "data" | default dict -}}
{{- range $name, $variable := dict "webhookSecret" "RECONCILER_WEBHOOK_SECRET" "apiToken" "RECONCILER_API_TOKEN" -}}
{{- if not (index $.Values.auth $name) -}}
{{- $_ := set $.Values.auth $name (get $kept $variable | b64dec | default (randAlphaNum 40)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The secrets written in the values or generated, as the data of a Secret. */}}
{{- define "reconciler.secrets" -}}
{{- include "reconciler.generateSecrets" . -}}
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
