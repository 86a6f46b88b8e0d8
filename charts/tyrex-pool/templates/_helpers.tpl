{{/* What the names of all objects begin with; with the longest suffix it is a DNS label still. */}}
{{- define "tyrex-pool.fullname" -}}
{{- $name := ternary .Release.Name (printf "%s-%s" .Release.Name .Chart.Name) (contains .Chart.Name .Release.Name) }}
{{- default $name .Values.fullnameOverride | trunc 46 | trimSuffix "-" }}
{{- end }}

{{- define "tyrex-pool.operatorName" -}}
{{ include "tyrex-pool.fullname" . }}-operator
{{- end }}

{{- define "tyrex-pool.metricsName" -}}
{{ include "tyrex-pool.operatorName" . }}-metrics
{{- end }}

{{- define "tyrex-pool.removalName" -}}
{{ include "tyrex-pool.fullname" . }}-remove-pools
{{- end }}

{{- define "tyrex-pool.testName" -}}
{{ include "tyrex-pool.fullname" . }}-test
{{- end }}

{{- define "tyrex-pool.serviceAccountName" -}}
{{- $made := ternary (include "tyrex-pool.operatorName" .) "default" .Values.serviceAccount.create }}
{{- default $made .Values.serviceAccount.name }}
{{- end }}

{{/* What selects pods of this release: (list $ "operator"). The component is always part of it, because a pool may
     have the release's name, and its pods then differ in nothing else. */}}
{{- define "tyrex-pool.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: tyrex-pool
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* Labels of an object: (list $ "operator"). */}}
{{- define "tyrex-pool.labels" -}}
{{- $root := index . 0 -}}
{{ include "tyrex-pool.selector" . }}
app.kubernetes.io/part-of: tyrex-pool
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- with $root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Annotations of an object, behind its labels: (list $ (dict …)) with those that it has anyway. Nothing where there are
     none. */}}
{{- define "tyrex-pool.annotations" -}}
{{- with merge (dict) (index . 1) (index . 0).Values.commonAnnotations }}
{{- printf "\n  annotations:%s" (toYaml . | nindent 4) }}
{{- end }}
{{- end }}

{{/* An image's full name: (list $ .Values.operator.image). */}}
{{- define "tyrex-pool.image" -}}
{{- $root := index . 0 }}
{{- $image := index . 1 }}
{{- with $root.Values.image.registry }}{{ trimSuffix "/" . }}/{{ end }}
{{- $image.repository }}
{{- if $image.digest }}@{{ $image.digest }}{{ else }}:{{ default $root.Chart.AppVersion $image.tag }}{{ end }}
{{- end }}

{{/* The namespaces in scope, as a JSON array; empty: all. */}}
{{- define "tyrex-pool.namespaces" -}}
{{- if eq .Values.scope "Namespaces" }}
{{- default (list .Release.Namespace) .Values.watchNamespaces | toJson }}
{{- else if .Values.watchNamespaces }}
{{- fail "watchNamespaces: set scope=Namespaces to look after these namespaces only; scope=Cluster means all of them" }}
{{- else }}
{{- list | toJson }}
{{- end }}
{{- end }}

{{/* The operator command, with the options that say which pools it is about. */}}
{{- define "tyrex-pool.operatorArgs" -}}
- operator
{{- range include "tyrex-pool.namespaces" . | fromJsonArray }}
- --namespace={{ . }}
{{- end }}
{{- end }}

{{/* Whether the cluster assigns users to pods, so that they may name none: "true" or nothing. */}}
{{- define "tyrex-pool.assignedUsers" -}}
{{- $openshift := .Capabilities.APIVersions.Has "security.openshift.io/v1" }}
{{- if or (eq .Values.podUser "Assigned") (and (eq .Values.podUser "Auto") $openshift) }}true{{ end }}
{{- end }}

{{/* What `--runtime-defaults` and `--proxy-defaults` take: (list .Values.runtime), as JSON; nothing where nothing is set. */}}
{{- define "tyrex-pool.defaults" -}}
{{- $found := dict }}
{{- with (index . 0).pod }}{{ $_ := set $found "pod" . }}{{ end }}
{{- with (index . 0).podMetadata }}{{ if or .labels .annotations }}{{ $_ := set $found "podMetadata" . }}{{ end }}{{ end }}
{{- /* kubelets replace $(NAME) in arguments; this one is for the variables of the pools' pods. */}}
{{- with $found }}{{ toJson . | replace "$(" "\\u0024(" }}{{ end }}
{{- end }}

{{- define "tyrex-pool.operatorEnv" -}}
- name: POD_NAMESPACE
  valueFrom: {fieldRef: {fieldPath: metadata.namespace}}
- name: POD_NAME
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
{{- with .Values.operator.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* What all pods of the chart share; with tyrex-pool.container this is the restricted level of the Pod Security
     Standards. */}}
{{- define "tyrex-pool.pod" -}}
{{- $context := dict "runAsNonRoot" true "seccompProfile" (dict "type" "RuntimeDefault") }}
{{- if not (include "tyrex-pool.assignedUsers" .) }}
{{- $_ := merge $context (dict "runAsUser" 65532 "runAsGroup" 65532) }}
{{- end }}
enableServiceLinks: false
securityContext:
  {{- toYaml (mergeOverwrite $context .Values.operator.podSecurityContext) | nindent 2 }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.operator.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.operator.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
volumes:
  - name: tmp
    emptyDir: {}
  {{- with .Values.operator.extraVolumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{/* What all their containers share. */}}
{{- define "tyrex-pool.container" -}}
{{- $context := dict "allowPrivilegeEscalation" false "readOnlyRootFilesystem" true "capabilities" (dict "drop" (list "ALL")) }}
image: {{ include "tyrex-pool.image" (list . .Values.operator.image) }}
imagePullPolicy: {{ .Values.imagePullPolicy }}
securityContext:
  {{- toYaml (mergeOverwrite $context .Values.operator.securityContext) | nindent 2 }}
{{- with .Values.operator.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
volumeMounts:
  - {name: tmp, mountPath: /tmp}
  {{- with .Values.operator.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
