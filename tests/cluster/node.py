"""The machine as the cluster's one node: containerd, kubelet, kube-proxy, and the controllers and the scheduler that make pods happen."""
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import image
from control_plane import free_ports
from processes import ClusterError, wait_until
from programs import install

NAME = "localhost"  # a name that the API server finds the kubelet by
PODS = "10.98.0.0/24"
BRIDGE = "operon-test0"
NETWORK = "operon-test"
KUBELET_PORT = 10250
INSECURE_PORTS_UNTIL = 24  # from then on there are none
DOCKER_UNTIL = 24  # from then on there is no other runtime
RUNTIME_CONFIGURED_SINCE = 27
READY_SECONDS_MAX = 120
PODS_GONE_SECONDS_MAX = 30
PODS_LOGS = Path("/var/log/pods")
PACKAGES = ("containerd", "runc", "containernetworking-plugins", "busybox-static", "iptables", "conntrack", "iproute2", "ethtool", "mount", "socat")
APPLETS = "sh sleep cat ls echo seq date env id test true false kill wget nc sed grep head tail tr sha256sum".split()


def networks():
    """One file for each pod with a network; the last thing to go when it is taken away."""
    return list(Path("/var/lib/cni/results").glob(NETWORK + "-*"))


class Node:
    def __init__(self, processes, programs, kubeconfig):
        self.processes, self.programs, self.kubeconfig = processes, programs, kubeconfig
        self.folder = processes.folder
        self.socket = self.folder / "run/containerd.sock"

    # ------------------------------------------------------------------------------------------------------------------ up

    def start(self):
        if os.geteuid() != 0:
            raise ClusterError("a node with pods needs root; without it, `control` starts an API server")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", KUBELET_PORT)) == 0:
                raise ClusterError(f"port {KUBELET_PORT} is taken: this machine is a node already; `control` starts an API server beside it")
        install(*PACKAGES)
        self.start_containerd()
        self.start_kubernetes()

    def start_containerd(self):
        cni = self.folder / "cni"
        cni.mkdir(exist_ok=True)
        (cni / "10-bridge.conflist").write_text(json.dumps({"cniVersion": "0.4.0", "name": NETWORK, "plugins": [
            {"type": "bridge", "bridge": BRIDGE, "isGateway": True, "ipMasq": True, "hairpinMode": True, "ipam": {
                "type": "host-local", "dataDir": str(self.folder / "addresses"), "ranges": [[{"subnet": PODS}]], "routes": [{"dst": "0.0.0.0/0"}]}},
            {"type": "portmap", "capabilities": {"portMappings": True}}]}))
        plugins = next((path for path in ("/usr/lib/cni", "/opt/cni/bin") if Path(path, "bridge").exists()), "/usr/lib/cni")
        # Network namespaces below the folder go with it; a sandbox in which root may not lower oom_score_adj could start no pod.
        (self.folder / "containerd.toml").write_text(f"""version = 2
root = "{self.folder}/containerd"
state = "{self.folder}/run/containerd"
[grpc]
  address = "{self.socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "docker.io/operon/pause:1"
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "{plugins}"
  conf_dir = "{cni}"
[plugins."io.containerd.grpc.v1.cri".registry.mirrors."localhost:5000"]
  endpoint = ["http://localhost:5000"]
""")
        self.processes.start("containerd", "--config", self.folder / "containerd.toml")
        wait_until("containerd", READY_SECONDS_MAX, lambda: self.ctr("version").returncode == 0, self.processes.check)
        with tempfile.TemporaryDirectory() as root:
            os.chmod(root, 0o755)
            for name in ("bin", "etc", "tmp"):
                Path(root, name).mkdir()
            shutil.copy(shutil.which("busybox"), Path(root, "bin/busybox"))
            for applet in APPLETS:
                Path(root, "bin", applet).symlink_to("busybox")
            Path(root, "etc/passwd").write_text("root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n")
            os.chmod(Path(root, "tmp"), 0o1777)
            self.load("operon/pause:1", root, {"Entrypoint": ["/bin/sleep", "2147483647"]})
            self.load("operon/busybox:1", root, {"Cmd": ["/bin/sh"], "Env": ["PATH=/bin"]})

    def load(self, name, root, config):
        """Makes an image of a folder and gives it to the node, as docker.io/NAME."""
        with tempfile.TemporaryDirectory() as work:
            archive = Path(work, "image.tar")
            image.write(archive, "docker.io/" + name, root, config)
            self.take(archive)

    def take(self, archive):
        """The images of an archive, under the names that it gives them."""
        done = self.ctr("images", "import", str(archive))
        if done.returncode != 0:
            raise ClusterError(f"containerd does not take the images of {archive}: {done.stderr.strip()}")

    def ctr(self, *words):
        return subprocess.run(["ctr", "--address", str(self.socket), "--namespace", "k8s.io", *words], capture_output=True, text=True)

    def kubectl(self, *words):
        program = self.programs / "kubectl"
        return subprocess.run([str(program) if program.exists() else "kubectl", "--kubeconfig", str(self.kubeconfig), *words],
                              capture_output=True, text=True)

    def start_kubernetes(self):
        folder, pki, start = self.folder, self.folder / "pki", self.processes.start
        (folder / "kubelet.json").write_text(json.dumps({
            "apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration", "address": "127.0.0.1", "port": KUBELET_PORT,
            "authentication": {"anonymous": {"enabled": False}, "webhook": {"enabled": False}, "x509": {"clientCAFile": f"{pki}/ca.crt"}},
            "authorization": {"mode": "AlwaysAllow"},  # for whoever has a certificate of the authority: the API server
            "containerRuntimeEndpoint": f"unix://{self.socket}", "podLogsDir": f"{folder}/pods",
            "featureGates": self.feature_gates(), "cgroupDriver": "cgroupfs", "cgroupsPerQOS": False, "enforceNodeAllocatable": [], "failSwapOn": False, "makeIPTablesUtilChains": False,
            "evictionHard": {"memory.available": "50Mi", "nodefs.available": "1%", "imagefs.available": "1%"}, "maxPods": 200}))
        (folder / "pod-logs.json").write_text(json.dumps([one.name for one in PODS_LOGS.glob("*")]))
        manager, scheduler, proxy, metrics = free_ports(4)
        closed = ["--port=0"] if self.minor() < INSECURE_PORTS_UNTIL else []
        start(self.programs / "kube-controller-manager", f"--kubeconfig={self.kubeconfig}", f"--secure-port={manager}", f"--cert-dir={folder}/manager",
              f"--service-account-private-key-file={pki}/accounts.key", f"--root-ca-file={pki}/ca.crt", "--use-service-account-credentials=true",
              "--leader-elect=false", *closed)
        start(self.programs / "kube-scheduler", f"--kubeconfig={self.kubeconfig}", f"--secure-port={scheduler}", f"--cert-dir={folder}/scheduler",
              "--leader-elect=false", *closed)
        start(self.programs / "kubelet", f"--kubeconfig={self.kubeconfig}", f"--config={folder}/kubelet.json", f"--root-dir={folder}/kubelet",
              f"--cert-dir={pki}/kubelet", f"--hostname-override={NAME}", *self.older_kubelet_flags())
        start(self.programs / "kube-proxy", f"--kubeconfig={self.kubeconfig}", f"--hostname-override={NAME}", f"--cluster-cidr={PODS}",
              "--proxy-mode=iptables", "--conntrack-max-per-core=0", "--conntrack-tcp-timeout-established=0", "--conntrack-tcp-timeout-close-wait=0",
              f"--healthz-bind-address=127.0.0.1:{proxy}", f"--metrics-bind-address=127.0.0.1:{metrics}")
        wait_until("the node", READY_SECONDS_MAX,
                   lambda: self.kubectl("wait", "--for=condition=Ready", f"node/{NAME}", "--timeout=1s").returncode == 0, self.processes.check)
        wait_until("the default service account", READY_SECONDS_MAX,
                   lambda: self.kubectl("get", "serviceaccount", "default").returncode == 0, self.processes.check)

    def minor(self):
        """Of the programs' version."""
        shown = subprocess.run([str(self.programs / "kubelet"), "--version"], capture_output=True, text=True).stdout
        found = re.search(r"v1\.(\d+)", shown)
        return int(found.group(1)) if found else sys.maxsize

    def older_kubelet_flags(self):
        """What is part of the configuration later. Where pods' logs are is not told at all before 1.29: see forget_logs."""
        if self.minor() >= RUNTIME_CONFIGURED_SINCE:
            return []
        return [f"--container-runtime-endpoint=unix://{self.socket}", *(["--container-runtime=remote"] if self.minor() < DOCKER_UNTIL else [])]

    def feature_gates(self):
        """Kubelets that can resize pods in place crash over a pod with limits when there are no cgroups per pod."""
        return {"InPlacePodVerticalScaling": False} if 27 <= self.minor() < 35 else {}

    # ---------------------------------------------------------------------------------------------------------------- down

    def stop(self):
        """Pods first, by the kubelet, which also takes their network away; then the programs; then what is left."""
        if self.processes.pid("kubelet") and self.processes.pid("kube-apiserver"):
            self.kubectl("delete", "namespaces,deployments,daemonsets,statefulsets,jobs", "--all", "-A", "--wait=false", "--request-timeout=10s")
            self.kubectl("delete", "pods", "--all", "-A", "--force", "--grace-period=0", "--request-timeout=10s")
            try:
                wait_until("the end of all pods", PODS_GONE_SECONDS_MAX, lambda: not self.ctr("tasks", "ls", "-q").stdout.strip() and not networks())
            except ClusterError:
                pass  # killed below
        for name in ("kubelet", "kube-scheduler", "kube-controller-manager"):
            self.processes.stop(name)
        if self.processes.pid("kube-proxy"):
            self.processes.stop("kube-proxy")
            subprocess.run([str(self.programs / "kube-proxy"), "--cleanup"], capture_output=True)
        if self.processes.pid("containerd"):
            for container in self.ctr("containers", "ls", "-q").stdout.split():
                for words in (("tasks", "kill", "-s", "KILL"), ("tasks", "rm", "-f"), ("containers", "rm")):
                    self.ctr(*words, container)
            self.processes.stop("containerd")
        self.unmount()
        if (self.folder / "cni").exists():
            subprocess.run(["ip", "link", "delete", BRIDGE], capture_output=True)
            self.forget_links()

    def unmount(self):
        mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
        for mount in sorted((path for path in mounts if path.startswith(str(self.folder) + "/")), reverse=True):
            subprocess.run(["umount", "-l", mount], capture_output=True)

    def forget_links(self):
        """What the kubelet and the network plugins keep outside of the folder."""
        for link in Path("/var/log/containers").glob("*"):
            if link.is_symlink() and os.readlink(link).startswith(str(self.folder) + "/"):
                link.unlink()
        for result in networks():
            result.unlink()
        self.forget_logs()

    def forget_logs(self):
        """Older kubelets have one folder for pods' logs, whatever they are told, and empty it in their own time."""
        before = self.folder / "pod-logs.json"
        known = json.loads(before.read_text()) if before.exists() else None
        for folder in PODS_LOGS.glob("*") if known is not None else ():
            if folder.name not in known:
                shutil.rmtree(folder, ignore_errors=True)
