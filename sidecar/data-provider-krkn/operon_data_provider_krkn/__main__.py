"""operon-data-provider-krkn: answers questions about clusters over gRPC, for the cluster whose kubeconfig a request carries."""

import argparse
import concurrent.futures
import logging
import os
import signal
import sys

import grpc
from grpc_health.v1 import health, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from . import dataprovider_pb2 as pb
from . import dataprovider_pb2_grpc as rpc
from .cluster import Clusters
from .service import Service
from .watched_health import WatchedHealth

SERVICE = pb.DESCRIPTOR.services_by_name["DataProviderService"].full_name
REQUEST_BYTES_MAX = 1536 << 10
ENDING = {signal.SIGTERM, signal.SIGINT}
OTHER_CALLS_MAX = 8  # health's Check and reflection, beside the calls


def options_of(words):
    parser = argparse.ArgumentParser(prog="operon-data-provider-krkn", description=__doc__,
                                     epilog="Each flag has an environment variable: OPERON_DATA_PROVIDER_LISTEN and so on.")

    def add(flag, default, **more):
        value = os.environ.get("OPERON_DATA_PROVIDER_" + flag[2:].upper().replace("-", "_"), default)
        parser.add_argument(flag, default=value, **more)

    add("--listen", None, action="append", help="HOST:PORT or unix:PATH; may be repeated (default localhost:50051)")
    parser.add_argument("--allow-link-local", action="store_true", default=os.environ.get("OPERON_DATA_PROVIDER_ALLOW_LINK_LOCAL") == "true",
                        help="ask servers at link-local and cloud metadata addresses, too")
    add("--clusters-max", 64, type=int, help="clusters whose connections are kept")
    add("--cluster-idle-seconds", 300, type=int, help="connections are closed when nobody asked for this long")
    add("--calls-max", 16, type=int, help="calls going on at once; more are refused")
    add("--drain-seconds", 10, type=int, help="how long calls may still take after SIGTERM")
    add("--log-level", "info", choices=["debug", "info", "warning", "error"], help="how much is logged")
    options = parser.parse_args(words)
    if isinstance(options.listen, str):
        options.listen = options.listen.split(",")
    options.listen = options.listen or ["localhost:50051"]
    if min(options.clusters_max, options.cluster_idle_seconds, options.calls_max) < 1:
        parser.error("limits must be positive")
    return options


def main():
    options = options_of(sys.argv[1:])
    logging.basicConfig(level=options.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr)
    for noisy in ("urllib3", "kubernetes"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # Before any thread is there: one of gRPC's that got the signal would leave the main thread, where Python handles it, asleep.
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)

    clusters = Clusters(options.clusters_max, options.cluster_idle_seconds, options.allow_link_local)
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(options.calls_max + OTHER_CALLS_MAX),
                         options=[("grpc.max_receive_message_length", REQUEST_BYTES_MAX), ("grpc.so_reuseport", 0)])
    rpc.add_DataProviderServiceServicer_to_server(Service(clusters, options.calls_max), server)
    state = WatchedHealth(["", SERVICE])
    health_pb2_grpc.add_HealthServicer_to_server(state, server)
    reflection.enable_server_reflection([SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME], server)
    for address in options.listen:
        try:
            server.add_insecure_port(address)
        except RuntimeError:
            sys.exit(f"operon-data-provider-krkn: {address}: cannot listen there; is the address in use, or the folder not there?")
    server.start()
    logging.getLogger("data-provider").info("listening on %s", ", ".join(options.listen))
    while signal.sigtimedwait(ENDING, min(options.cluster_idle_seconds, 60)) is None:
        clusters.drop_idle()
    state.enter_graceful_shutdown()
    server.stop(options.drain_seconds).wait()


if __name__ == "__main__":
    main()
