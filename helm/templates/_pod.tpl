{{/* The pod, the same for SQLite and PostgreSQL but for where the log is kept. */}}
{{- define "reconciler.podTemplate" -}}
{{- $fullname := include "reconciler.fullname" . -}}
{{- $usesPostgres := include "reconciler.usesPostgres" . -}}
{{- $secrets := include "reconciler.secrets" . -}}
metadata:
  labels:
    {{- include "reconciler.labels" . | nindent 4 }}
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    # A changed setting or secret rolls the pods.
    checksum/config: {{ include "reconciler.configuration" . | sha256sum }}
    checksum/secret: {{ $secrets | sha256sum }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "reconciler.serviceAccountName" . }}
  automountServiceAccountToken: false
  # Service links would set RADARR_PORT, RECONCILER_PORT and the like, which are settings of ours.
  enableServiceLinks: false
  # The wait before the stop, the stop itself, and some to spare.
  terminationGracePeriodSeconds: {{ add 20 (default 10 .Values.config.shutdown_seconds) }}
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . | quote }}
  {{- end }}
  securityContext:
    {{- include "reconciler.podSecurityContext" . | nindent 4 }}
  containers:
    - name: reconciler
      image: {{ include "reconciler.image" . | quote }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args:
        - serve
      env:
        - name: RECONCILER_CONFIG
          value: /etc/reconciler/config.yaml
        - name: RECONCILER_HOST
          value: 0.0.0.0
        - name: RECONCILER_PORT
          value: {{ include "reconciler.port" . | quote }}
        # Where the command line finds the service: `kubectl exec … -- reconciler status`.
        - name: RECONCILER_URL
          value: http://127.0.0.1:{{ include "reconciler.port" . }}
        - name: DATABASE_URL
          {{- if $usesPostgres }}
          valueFrom:
            secretKeyRef:
              name: {{ default $fullname .Values.database.existingSecret | quote }}
              key: {{ ternary .Values.database.secretKey "DATABASE_URL" (not (empty .Values.database.existingSecret)) | quote }}
          {{- else }}
          value: sqlite:////data/reconciler.db
          {{- end }}
        {{- with .Values.extraEnv }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- if or $secrets .Values.existingSecret .Values.extraEnvFrom }}
      # Of two sources with one name the later wins.
      envFrom:
        {{- with .Values.extraEnvFrom }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
        {{- with .Values.existingSecret }}
        - secretRef:
            name: {{ . | quote }}
        {{- end }}
        {{- if $secrets }}
        - secretRef:
            name: {{ $fullname }}
        {{- end }}
      {{- end }}
      ports:
        - name: http
          containerPort: {{ include "reconciler.port" . }}
          protocol: TCP
      # Starting includes migrations of the database.
      startupProbe:
        httpGet:
          path: /livez
          port: http
        periodSeconds: 2
        timeoutSeconds: 5
        failureThreshold: {{ max 1 (div (add .Values.startupSeconds 1) 2) }}
      livenessProbe:
        httpGet:
          path: /livez
          port: http
        periodSeconds: 20
        timeoutSeconds: 5
        failureThreshold: 3
      readinessProbe:
        httpGet:
          path: /readyz
          port: http
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 3
      {{- if $usesPostgres }}
      lifecycle:
        # A webhook is sent once: none may go to a pod that stops, so it stops when nobody is sent to it any more.
        preStop:
          exec:
            command: [sleep, "5"]
      {{- end }}
      resources:
        {{- toYaml .Values.resources | nindent 8 }}
      securityContext:
        {{- include "reconciler.securityContext" . | nindent 8 }}
      volumeMounts:
        {{- if not $usesPostgres }}
        - name: data
          mountPath: /data
        {{- end }}
        - name: config
          mountPath: /etc/reconciler
          readOnly: true
        - name: tmp
          mountPath: /tmp
        {{- if .Values.existingSecret }}
        # For `api_key_file` and `password_file` of further instances.
        - name: secrets
          mountPath: /run/secrets/reconciler
          readOnly: true
        {{- end }}
        {{- with .Values.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  volumes:
    {{- if not $usesPostgres }}
    - name: data
      persistentVolumeClaim:
        claimName: {{ include "reconciler.claimName" . }}
    {{- end }}
    - name: config
      configMap:
        name: {{ $fullname }}
    - name: tmp
      emptyDir: {}
    {{- with .Values.existingSecret }}
    - name: secrets
      secret:
        secretName: {{ . | quote }}
        defaultMode: 0440
    {{- end }}
    {{- with .Values.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- include "reconciler.placement" . | nindent 2 }}
{{- end -}}

{{/* Pod Security `restricted`, with the numbers of the values. */}}
{{- define "reconciler.podSecurityContext" -}}
runAsNonRoot: true
seccompProfile:
  type: RuntimeDefault
{{- with .Values.podSecurityContext }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "reconciler.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop:
    - ALL
{{- end -}}

{{/* Where the pods may run. Several are kept apart as far as the cluster allows: a wish, so that small ones can scale too. */}}
{{- define "reconciler.placement" -}}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if .Values.affinity }}
affinity:
  {{- toYaml .Values.affinity | nindent 2 }}
{{- else if include "reconciler.isSpread" . }}
affinity:
  podAntiAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 100
        podAffinityTerm:
          topologyKey: kubernetes.io/hostname
          labelSelector:
            matchLabels:
              {{- include "reconciler.selectorLabels" . | nindent 14 }}
{{- end }}
{{- if .Values.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- toYaml .Values.topologySpreadConstraints | nindent 2 }}
{{- else if include "reconciler.isSpread" . }}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: topology.kubernetes.io/zone
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "reconciler.selectorLabels" . | nindent 8 }}
{{- end }}
{{- end -}}
