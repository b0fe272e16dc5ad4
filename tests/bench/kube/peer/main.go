// The peer of `make bench` on a cluster: what operond does, on controller-runtime. $KUBECONFIG is the cluster.
//
//	peer sync NAMESPACE COUNT whole|stripped   a cache on COUNT Runs from nothing, with managedFields or without
//	peer noop NAMESPACE COUNT                  COUNT reconciles that read the cache and do nothing
//	peer status NAMESPACE COUNT                COUNT patches of a status
//	peer latency NAMESPACE COUNT               COUNT patches, 50 a second, until the reconciler has read them
//	peer written NAMESPACE COUNT               COUNT creations, each looked for in the cache at once
//	peer serve NAMESPACE ADDRESS               GET /scenarios/run from the cache
//	peer start NAMESPACE ADDRESS               POST /scenarios/run makes a run's objects
//
// Each prints one line of JSON and stays until its input is closed, so that it can be looked at from outside.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client/config"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

func cpuSeconds() float64 {
	var used syscall.Rusage
	must(syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	return float64(used.Utime.Sec+used.Stime.Sec) + float64(used.Utime.Usec+used.Stime.Usec)/1e6
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "peer:", err)
		os.Exit(1)
	}
}

func tell(line map[string]any) {
	must(json.NewEncoder(os.Stdout).Encode(line))
	_, err := io.ReadAll(os.Stdin)
	must(err)
}

func newManager(namespace string, strip bool) manager.Manager {
	options := cache.Options{DefaultNamespaces: map[string]cache.Config{namespace: {}}}
	if strip {
		options.DefaultTransform = cache.TransformStripManagedFields()
	}
	kubeconfig, err := config.GetConfig()
	must(err)
	kubeconfig.QPS = -1 // no limit of the client's own
	made, err := manager.New(kubeconfig, manager.Options{Scheme: scheme(), Cache: options, Metrics: server.Options{BindAddress: "0"}})
	must(err)
	return made
}

// begin starts the manager and returns when its cache is in step.
func begin(ctx context.Context, m manager.Manager) {
	_, err := m.GetCache().GetInformer(ctx, &Run{})
	must(err)
	go func() { must(m.Start(ctx)) }()
	if !m.GetCache().WaitForCacheSync(ctx) {
		must(fmt.Errorf("the cache is not in step"))
	}
}

func main() {
	log.SetLogger(logr.Discard())
	started := time.Now()
	if len(os.Args) < 4 {
		must(fmt.Errorf("usage: peer sync|noop|status|latency|written|serve|start NAMESPACE COUNT|ADDRESS [whole|stripped]"))
	}
	ctx, namespace := context.Background(), os.Args[2]
	if os.Args[1] == "serve" {
		serve(ctx, namespace, os.Args[3], started)
		return
	}
	if os.Args[1] == "start" {
		start(ctx, namespace, os.Args[3])
		return
	}
	count, err := strconv.Atoi(os.Args[3])
	must(err)
	switch os.Args[1] {
	case "sync":
		m := newManager(namespace, len(os.Args) > 4 && os.Args[4] == "stripped")
		begin(ctx, m)
		tell(map[string]any{"seconds": time.Since(started).Seconds(), "cpu_seconds": cpuSeconds()})
	case "noop":
		noop(ctx, namespace, count)
	case "status":
		status(ctx, namespace, count)
	case "latency":
		latency(ctx, namespace, count)
	case "written":
		written(ctx, namespace, count)
	}
}
