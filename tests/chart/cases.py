"""Values that switch on and off what can be."""

from tests.chart.helm import Values

DIGEST = "sha256:" + "0123456789abcdef" * 4

EVERYTHING: Values = {
    "scope": "Namespaces",
    "watchNamespaces": ["web", "jobs"],
    "image": {"registry": "registry.example.com/tools"},
    "imagePullPolicy": "Always",
    "imagePullSecrets": [{"name": "pull-a"}, {"name": "pull-b"}],
    "operator": {
        "image": {"repository": "op", "tag": "v1", "digest": DIGEST},
        "replicas": 3,
        "resyncSeconds": 300,
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
    "runtime": {"image": {"tag": "v2"}},
    "serviceAccount": {"name": "op", "annotations": {"note": "c"}},
    "metrics": {
        "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}, "interval": "10s"},
        "podMonitor": {"enabled": True, "labels": {"release": "prometheus"}, "interval": "10s"},
        "prometheusRule": {"enabled": True, "labels": {"release": "prometheus"}},
        "dashboard": {"enabled": True, "annotations": {"grafana_folder": "Pools"}, "namespace": "grafana"},
    },
    "networkPolicy": {"enabled": True, "metricsFrom": [{"namespaceSelector": {}}]},
    "commonLabels": {"cost-centre": "42"},
}
NOTHING: Values = {
    "crds": {"install": False},
    "rbac": {"create": False, "userRoles": False},
    "serviceAccount": {"create": False},
    "operator": {"resources": None},
    "uninstall": {"pools": "Keep"},
}
