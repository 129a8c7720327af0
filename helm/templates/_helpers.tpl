{{/* Names, labels, and what follows from the values in more than one place. */}}

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

{{/* What Services and controllers select by: nothing that changes between versions. */}}
{{- define "reconciler.selectorLabels" -}}
app.kubernetes.io/name: {{ include "reconciler.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "reconciler.commonLabels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "reconciler.labels" -}}
{{ include "reconciler.selectorLabels" . }}
{{ include "reconciler.commonLabels" . }}
{{- end -}}

{{/* The pod of `helm test` must not be selected as one of the service. */}}
{{- define "reconciler.testSelectorLabels" -}}
app.kubernetes.io/name: {{ printf "%s-test" (include "reconciler.name" . | trunc 58 | trimSuffix "-") | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
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

{{/* Not empty if the log is kept in PostgreSQL. Where its address is must be in the values; the address need not be. */}}
{{- define "reconciler.usesPostgres" -}}
{{- if or .Values.database.url .Values.database.existingSecret -}}true{{- end -}}
{{- end -}}

{{/* Not empty if several pods serve at once. */}}
{{- define "reconciler.isSpread" -}}
{{- if and (include "reconciler.usesPostgres" .) (gt (int64 .Values.replicas) 1) -}}true{{- end -}}
{{- end -}}

{{/* As `kubectl` takes it. */}}
{{- define "reconciler.workload" -}}
{{- printf "%s/%s" (ternary "deployment" "statefulset" (not (empty (include "reconciler.usesPostgres" .)))) (include "reconciler.fullname" .) -}}
{{- end -}}

{{- define "reconciler.port" -}}
{{- int64 (default 8585 .Values.config.port) -}}
{{- end -}}

{{/* Below which path people reach it, or nothing. Within the cluster the service answers without it too. */}}
{{- define "reconciler.rootPath" -}}
{{- with trimAll "/" (default "" (get .Values.config "root_path")) -}}/{{ . }}{{- end -}}
{{- end -}}

{{/* Where people open the pages, or nothing: by the first host of an Ingress that publishes them. */}}
{{- define "reconciler.pageUrl" -}}
{{- with .Values.ingress -}}
{{- if and .enabled .hosts (not .paths) (not (hasPrefix "*" (first .hosts))) -}}
{{- printf "%s://%s%s" (ternary "https" "http" (not (empty .tls))) (first .hosts) (include "reconciler.rootPath" $) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "reconciler.serviceUrl" -}}
{{- printf "http://%s.%s.svc:%v" (include "reconciler.fullname" .) .Release.Namespace .Values.service.port -}}
{{- end -}}
