"""Values that switch on and off what can be."""

from tests.chart.helm import Values

DIGEST = "sha256:" + "0123456789abcdef" * 4

EVERYTHING: Values = {
    "scope": "Namespaces",
    "watchNamespaces": ["web", "jobs"],
    "image": {"registry": "registry.example.com:5000/tools"},
    "podUser": "Fixed",
    "imagePullPolicy": "Always",
    "imagePullSecrets": [{"name": "pull-a"}, {"name": "pull-b"}],
    "operator": {
        "image": {"repository": "op", "tag": "v1", "digest": DIGEST},
        "replicas": 3,
        "resyncSeconds": 300,
        "podSecurityContext": {"fsGroup": 2000},
        "extraEnv": [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}],
        "extraVolumes": [{"name": "scratch", "emptyDir": {}}],
        "extraVolumeMounts": [{"name": "scratch", "mountPath": "/scratch"}],
        "podLabels": {"team": "a"},
        "podAnnotations": {"note": "b"},
        "priorityClassName": "system-cluster-critical",
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "dedicated", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway"}
        ],
    },
    "runtime": {
        "image": {"tag": "v2"},
        "pod": {"tolerations": [{"key": "a'b", "operator": "Exists"}]},
        "podMetadata": {"labels": {"team": "b"}, "annotations": {"note": 'a "b"'}},
    },
    "proxy": {"pod": {"priorityClassName": "high"}},
    "serviceAccount": {"name": "op", "annotations": {"note": "c"}},
    "metrics": {
        "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}, "interval": "10s"},
        "podMonitor": {"enabled": True, "labels": {"release": "prometheus"}, "interval": "10s"},
        "prometheusRule": {"enabled": True, "labels": {"release": "prometheus"}},
        "dashboard": {"enabled": True, "annotations": {"grafana_folder": "Pools"}, "namespace": "grafana"},
    },
    "networkPolicy": {"enabled": True, "metricsFrom": [{"namespaceSelector": {}}]},
    "commonLabels": {"cost-centre": "42"},
    "commonAnnotations": {"example.com/owner": "us"},
}
NOTHING: Values = {
    "crds": {"install": False},
    "rbac": {"create": False, "userRoles": False},
    "serviceAccount": {"create": False},
    "operator": {"resources": None},
    "uninstall": {"pools": "Keep"},
}
