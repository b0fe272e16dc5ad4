"""A kubeconfig that somebody sent: no programs, no files, no link-local servers."""

import base64
import binascii
import ipaddress
import socket
from urllib.parse import urlsplit

import yaml

KUBECONFIG_BYTES_MAX = 1 << 20
METADATA_NAMES = ("metadata.google.internal", "metadata.goog", "metadata", "instance-data", "instance-data.ec2.internal")
METADATA_ADDRESSES = [ipaddress.ip_address(text) for text in ("100.100.100.200", "168.63.129.16", "fd00:ec2::254")]
CLUSTER_FILES = ("certificate-authority",)
USER_FILES = ("client-certificate", "client-key", "tokenFile")
USER_PROGRAMS = ("exec", "auth-provider")


class Refused(Exception):
    """What is wrong with it; never what stands in it beside names of entries."""


def is_link_local(address):
    """Whether an IP address is one that only this machine's surroundings answer at."""
    if address.version == 6:
        inner = address.ipv4_mapped or (ipaddress.ip_address(int(address) & 0xFFFFFFFF) if int(address) >> 32 in (0, 0x64FF9B << 64) else None)
        if inner is not None and is_link_local(inner):
            return True
    return address.is_link_local or address in METADATA_ADDRESSES


def names_link_local(url):
    host = (urlsplit(url).hostname or "").split("%")[0].rstrip(".")
    if host in METADATA_NAMES:
        return True
    try:
        return is_link_local(ipaddress.ip_address(host))
    except ValueError:
        pass
    try:
        return is_link_local(ipaddress.ip_address(socket.inet_aton(host)))  # 2852039166, 0xa9fea9fe
    except (OSError, UnicodeError):
        return False


def decode(packed):
    text = packed.replace("\n", "").replace("\r", "")
    if not text:
        raise Refused("kubeconfig_base64: is empty; send a kubeconfig as base64")
    if len(text) // 4 * 3 > KUBECONFIG_BYTES_MAX + 2:
        raise Refused("kubeconfig_base64: larger than 1 MiB")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Refused("kubeconfig_base64: is not base64") from None


def _entry(root, kind, name):
    entries = root.get(kind + "s")
    if not isinstance(entries, list):
        raise Refused(f"kubeconfig: `{kind}s` must be a list")
    for entry in entries:
        if isinstance(entry, dict) and entry.get("name") == name:
            part = entry.get(kind)
            if not isinstance(part, dict):
                raise Refused(f"kubeconfig: a {kind} must be a map")
            return part
    raise Refused(f"kubeconfig: its {kind} is not there")


def _check_cluster(cluster, link_local):
    server = cluster.get("server")
    if not isinstance(server, str) or not server.startswith(("https://", "http://")):
        raise Refused("kubeconfig: `server` must begin with https:// or http://")
    if any(c in server for c in "@?#"):
        raise Refused("kubeconfig: `server` holds a user, a password or a query; give the address alone")
    for key in ("server", "proxy-url"):
        value = cluster.get(key)
        if value is not None and not isinstance(value, str):
            raise Refused(f"kubeconfig: `{key}` must be text")
        try:
            refused = bool(value) and not link_local and names_link_local(value)
        except ValueError:
            raise Refused(f"kubeconfig: `{key}` is not a URL") from None
        if refused:
            raise Refused(f"kubeconfig: `{key}` is a link-local or metadata address, which is not asked from here")


def _check_user(user):
    for key in USER_PROGRAMS:
        if user.get(key):
            raise Refused(f"kubeconfig: `{key}` names a program, which is not run from here; use a token or a certificate")


def _check_texts(part, files):
    for key in files:
        if part.get(key):
            raise Refused(f"kubeconfig: `{key}` names a file, which is not read from here; write its content in")
    for key, value in part.items():
        if not str(key).endswith("-data"):
            continue
        try:
            base64.b64decode(str(value).replace("\n", ""), validate=True)
        except (binascii.Error, ValueError):
            raise Refused("kubeconfig: certificate or key data is not base64") from None


def checked(packed, link_local=False):
    """The kubeconfig, cut down to its current context, as krkn-lib's Kubernetes client takes it. Raises Refused."""
    try:
        root = yaml.load(decode(packed), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, UnicodeError, ValueError, RecursionError):
        raise Refused("kubeconfig: is not YAML") from None
    if not isinstance(root, dict) or root.get("kind", "Config") != "Config" or not root.get("clusters"):
        raise Refused("kubeconfig: is no kubeconfig: must be a map with clusters, contexts and users")
    current = root.get("current-context")
    if not isinstance(current, str) or not current:
        raise Refused("kubeconfig: has no current-context")
    context = _entry(root, "context", current)
    cluster = _entry(root, "cluster", context.get("cluster"))
    user = _entry(root, "user", context.get("user")) if context.get("user") else {}
    _check_cluster(cluster, link_local)
    _check_user(user)
    _check_texts(cluster, CLUSTER_FILES)
    _check_texts(user, USER_FILES)
    return {
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
    }
