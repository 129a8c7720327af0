{{- define "reconciler.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "reconciler.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "reconciler.selectorLabels" -}}
app.kubernetes.io/name: {{ include "reconciler.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "reconciler.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "reconciler.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "reconciler.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{- define "reconciler.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "reconciler.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "reconciler.claimName" -}}
{{- default (printf "%s-data" (include "reconciler.fullname" .)) .Values.persistence.existingClaim -}}
{{- end -}}

{{- define "reconciler.port" -}}
{{- int64 (default 8585 .Values.config.port) -}}
{{- end -}}

{{/* The YAML file: `config`, with the upstreams' addresses in it; of a list, the first. Only values that can work get this far. */}}
{{- define "reconciler.configuration" -}}
{{- include "reconciler.validate" . -}}
{{- $configuration := deepCopy .Values.config -}}
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

{{/* The secrets written in the values, as environment variables. */}}
{{- define "reconciler.secrets" -}}
{{- $secrets := dict
  "QBITTORRENT_USERNAME" .Values.qbittorrent.username
  "QBITTORRENT_PASSWORD" .Values.qbittorrent.password
  "QBITTORRENT_API_KEY" .Values.qbittorrent.apiKey
  "RADARR_API_KEY" .Values.radarr.apiKey
  "SONARR_API_KEY" .Values.sonarr.apiKey
  "JELLYSEERR_API_KEY" .Values.jellyseerr.apiKey
  "JELLYFIN_API_KEY" .Values.jellyfin.apiKey
  "RECONCILER_WEBHOOK_SECRET" .Values.auth.webhookSecret
  "RECONCILER_API_TOKEN" .Values.auth.apiToken -}}
{{- $written := dict -}}
{{- range $name, $value := $secrets -}}
{{- if $value -}}{{- $_ := set $written $name (b64enc $value) -}}{{- end -}}
{{- end -}}
{{- if $written -}}{{- toYaml $written -}}{{- end -}}
{{- end -}}
