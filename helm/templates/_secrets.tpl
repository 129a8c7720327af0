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
RECONCILER_NOTIFICATIONS_URLS: notifications.urls
RECONCILER_PREVIOUS_API_TOKEN: auth.previousApiToken
RECONCILER_PREVIOUS_WEBHOOK_SECRET: auth.previousWebhookSecret
RECONCILER_READ_TOKEN: auth.readToken
RECONCILER_WEBHOOK_SECRET: auth.webhookSecret
SONARR_API_KEY: sonarr.apiKey
{{- end -}}

{{/*
Fills in what is not given of our own two secrets: as the last revision of the release generated them, or anew. They
are kept in the values, so that one rendering generates them once. None is made that comes from elsewhere, because ours
would outweigh it. Without a cluster (helm template, Argo CD) nothing can be looked up.
*/}}
{{- define "reconciler.generateSecrets" -}}
{{- if not .Values.auth -}}
{{- $_ := set .Values "auth" dict -}}
{{- end -}}
{{- range $name, $variable := dict "webhookSecret" "RECONCILER_WEBHOOK_SECRET" "apiToken" "RECONCILER_API_TOKEN" -}}
{{- if not (or (index $.Values.auth $name) (include "reconciler.elsewhere" (list $ $variable))) -}}
{{- $kept := fromJson (include "reconciler.lookedUp" (list $ (include "reconciler.fullname" $)) | default "{}") -}}
{{- $_ := set $.Values.auth $name (get $kept $variable | b64dec | default (randAlphaNum 40)) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/*
Takes the root and the variable of one of our own two secrets. Says where it comes from, if that is not the release's
own Secret: as a command that shows it, or in words. A Secret that cannot be looked up is trusted to have it.
*/}}
{{- define "reconciler.elsewhere" -}}
{{- $root := index . 0 -}}
{{- $variable := index . 1 -}}
{{- $file := printf "%s_FILE" $variable -}}
{{- $setting := printf "%s_file" (trimPrefix "reconciler_" (lower $variable)) -}}
{{- $place := "" -}}
{{- $trusted := "" -}}
{{- range $source := fromJsonArray (include "reconciler.ownSecrets" $root) -}}
{{- $show := printf "kubectl -n %s get secret %s -o jsonpath='{.data.%s}' | base64 -d" $root.Release.Namespace $source.name (trimPrefix $source.prefix $variable) -}}
{{- with include "reconciler.lookedUp" (list $root $source.name) -}}
{{- $data := fromJson . -}}
{{- range $key, $value := $data -}}
{{- if and $value (eq (print $source.prefix $key) $variable) -}}
{{- $place = $show -}}
{{- else if and $value (eq (print $source.prefix $key) $file) (not $place) -}}
{{- $place = printf "the file that %s in the Secret %s names" $key $source.name -}}
{{- end -}}
{{- end -}}
{{- else -}}
{{- $trusted = ternary $show (printf "%s of your extraEnvFrom" $variable) (eq $source.name (default "" $root.Values.existingSecret)) -}}
{{- end -}}
{{- end -}}
{{- range $root.Values.extraEnv -}}
{{- if eq .name $file -}}
{{- $place = printf "the file that %s in extraEnv names" $file -}}
{{- end -}}
{{- end -}}
{{- if and (not $place) (hasKey $root.Values.config $setting) -}}
{{- $place = printf "the file that config.%s names" $setting -}}
{{- end -}}
{{- default $trusted $place -}}
{{- end -}}

{{/* The Secrets that the pod's environment is read from besides the release's, the later winning, as a list in JSON. */}}
{{- define "reconciler.ownSecrets" -}}
{{- $sources := list -}}
{{- range $source := .Values.extraEnvFrom -}}
{{- with $source.secretRef -}}
{{- $sources = append $sources (dict "name" (default "" .name) "prefix" (default "" $source.prefix)) -}}
{{- end -}}
{{- end -}}
{{- with .Values.existingSecret -}}
{{- $sources = append $sources (dict "name" . "prefix" "") -}}
{{- end -}}
{{- toJson $sources -}}
{{- end -}}

{{/*
Takes the root and the name of a Secret; gives its data as JSON, or nothing if there is none or no cluster to ask. What
is no name is not asked for: it may be a secret in the wrong place, and the cluster's refusal would quote it.
*/}}
{{- define "reconciler.lookedUp" -}}
{{- $root := index . 0 -}}
{{- if regexMatch "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$" (index . 1) -}}
{{- with lookup "v1" "Secret" $root.Release.Namespace (index . 1) -}}
{{- toJson (default dict .data) -}}
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
{{- $value = get (default dict $value) . -}}
{{- end -}}
{{- $value -}}
{{- end -}}

{{/* Not empty if keys of upstreams may come from where the chart need not look. A ConfigMap is no place for them. */}}
{{- define "reconciler.hasOwnSecrets" -}}
{{- if ne (include "reconciler.ownSecrets" .) "[]" -}}true{{- end -}}
{{- end -}}
