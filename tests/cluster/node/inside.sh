#!/usr/bin/env bash
# The node, as the first process of its namespaces: network, mounts, certificates, then every component.
# It expects BIN (the folder of the built programs), STATE (an empty folder) and CGROUP (a control group), and never
# returns; what it starts ends with it. $STATE/ready appears when pods can run. Inside, $STATE is /run/node, /var/lib
# and /var/log are the node's own.
set -euo pipefail
source=$(dirname "$(realpath "$0")")
export PATH=$BIN:$PATH KUBECONFIG=/run/node/admin.kubeconfig
address=10.200.0.1 services=10.96.0.0/16

machine() {
  hostname node0
  mkdir -p "$STATE"/{etc,lib/etcd,log,pki}
  cp -R "$source"/etc/. "$STATE"/etc
  mount -t tmpfs tmpfs /run
  mkdir -p /run/node /run/lock
  mount --bind "$STATE" /run/node
  mount --bind /run/node/lib /var/lib
  mount --bind /run/node/log /var/log
  # The components would ask the machine's name servers.
  echo "127.0.0.1 localhost node0" > /run/node/etc/hosts
  mount --bind /run/node/etc/hosts /etc/hosts
  mount --bind /dev/null "$(realpath -m /etc/resolv.conf)" 2> /dev/null || mount --bind /dev/null /etc/resolv.conf
  # The kubelet insists on these, and there is one kernel for the node and its machine: let it believe so.
  for tunable in vm/overcommit_memory=1 vm/panic_on_oom=0 kernel/panic=10 kernel/panic_on_oops=1 \
    kernel/keys/root_maxkeys=1000000 kernel/keys/root_maxbytes=25000000; do
    echo "${tunable#*=}" > "/run/${tunable##*/}"
    mount --bind "/run/${tunable##*/}" "/proc/sys/${tunable%=*}"
  done
}

network() {
  ip link set lo up
  ip link add uplink type bridge # every kernel has bridges; not every one has dummy devices
  ip address add $address/24 dev uplink
  ip link set uplink up
  ip route add default dev uplink
  sysctl -qw net.ipv4.ip_forward=1
  sysctl -qw net.bridge.bridge-nf-call-iptables=1 || modprobe br_netfilter
}

certificate() { # name, subject, alternative names
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -CA ca.crt -CAkey ca.key \
    -keyout "$1.key" -out "$1.crt" -subj "$2" -addext "subjectAltName=$3" -addext basicConstraints=CA:false
}

certificates() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -keyout ca.key -out ca.crt -subj /CN=node-ca
  local kubernetes=DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local
  certificate apiserver /CN=kube-apiserver "$kubernetes,DNS:localhost,IP:127.0.0.1,IP:10.96.0.1,IP:$address"
  certificate admin /O=system:masters/CN=admin DNS:admin
  certificate node /O=system:nodes/CN=system:node:node0 "DNS:node0,IP:$address"
  openssl genrsa -out accounts.key 2048
  openssl rsa -in accounts.key -pubout -out accounts.pub
}

kubeconfig() { # whose certificate
  local data="base64 --wrap=0"
  cat << YAML
apiVersion: v1
kind: Config
current-context: node
contexts: [{name: node, context: {cluster: node, user: $1}}]
clusters: [{name: node, cluster: {server: "https://127.0.0.1:6443", certificate-authority-data: $($data pki/ca.crt)}}]
users: [{name: $1, user: {client-certificate-data: $($data "pki/$1.crt"), client-key-data: $($data "pki/$1.key")}}]
YAML
}

start() { # name of its log, command
  "${@:2}" > "log/$1.log" 2>&1 &
}

control_plane() {
  # As kubeadm has it: the API server sends bookmarks to idle watches.
  start etcd etcd --data-dir lib/etcd --unsafe-no-fsync --log-level warn --experimental-watch-progress-notify-interval=5s
  start apiserver kube-apiserver --etcd-servers=http://127.0.0.1:2379 --advertise-address=$address \
    --service-cluster-ip-range=$services --allow-privileged=true \
    --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction \
    --client-ca-file=pki/ca.crt --tls-cert-file=pki/apiserver.crt --tls-private-key-file=pki/apiserver.key \
    --kubelet-client-certificate=pki/admin.crt --kubelet-client-key=pki/admin.key \
    --kubelet-preferred-address-types=InternalIP \
    --service-account-issuer=https://kubernetes.default.svc \
    --service-account-key-file=pki/accounts.pub --service-account-signing-key-file=pki/accounts.key \
    --audit-policy-file=etc/audit.yaml --audit-log-path=log/audit.log
  until kubectl get --raw /readyz > /dev/null 2>&1; do sleep 0.2; done
  start controller-manager kube-controller-manager --kubeconfig=admin.kubeconfig --leader-elect=false \
    --service-account-private-key-file=pki/accounts.key --root-ca-file=pki/ca.crt --use-service-account-credentials=true \
    --kube-api-qps=200 --kube-api-burst=400
  start scheduler kube-scheduler --kubeconfig=admin.kubeconfig --leader-elect=false --kube-api-qps=200 --kube-api-burst=400
}

worker() {
  start containerd containerd --config etc/containerd.toml
  until ctr version > /dev/null 2>&1; do sleep 0.1; done
  start kubelet kubelet --config=etc/kubelet.yaml --kubeconfig=node.kubeconfig --hostname-override=node0 --node-ip=$address \
    --cgroup-root="/$CGROUP"
  start kube-proxy kube-proxy --kubeconfig=admin.kubeconfig --hostname-override=node0 --cluster-cidr=10.244.0.0/16 \
    --proxy-mode=iptables --conntrack-max-per-core=0
  start coredns coredns -conf etc/Corefile
  until kubectl wait --for=condition=Ready node/node0 --timeout=60s > /dev/null 2>&1; do sleep 0.2; done
}

machine
network
cd /run/node/pki
certificates 2> /run/node/log/certificates.log
cd /run/node
for who in admin node; do kubeconfig $who > $who.kubeconfig; done
control_plane
worker
touch ready
wait -n || true
echo "a component ended, and the node with it" >&2
exit 1
