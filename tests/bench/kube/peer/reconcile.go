package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

const apart = 20 * time.Millisecond // 50 events a second

// watched is a manager with a controller on Runs; `reconciled` hears of each that has been read from the cache. Returns once those of the
// first list have been.
func watched(ctx context.Context, namespace string, events chan event.GenericEvent, reconciled func(*Run)) (manager.Manager, []Run) {
	m := newManager(namespace, true)
	var first sync.Map
	work := reconcile.Func(func(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
		var run Run
		if err := m.GetClient().Get(ctx, request.NamespacedName, &run); err != nil {
			return reconcile.Result{}, client.IgnoreNotFound(err)
		}
		if _, known := first.Load(run.Name); !known {
			first.Store(run.Name, true)
		} else {
			reconciled(&run)
		}
		return reconcile.Result{}, nil
	})
	build := builder.ControllerManagedBy(m).For(&Run{}).WithOptions(controller.Options{MaxConcurrentReconciles: 1})
	if events != nil {
		build = build.WatchesRawSource(source.Channel(events, &handler.EnqueueRequestForObject{}))
	}
	must(build.Complete(work))
	begin(ctx, m)
	var list RunList
	must(m.GetClient().List(ctx, &list, client.InNamespace(namespace)))
	for done := false; !done; time.Sleep(20 * time.Millisecond) {
		n := 0
		first.Range(func(any, any) bool { n++; return true })
		done = n == len(list.Items)
	}
	return m, list.Items
}

func noop(ctx context.Context, namespace string, count int) {
	events, done := make(chan event.GenericEvent), make(chan bool)
	left := count
	_, runs := watched(ctx, namespace, events, func(*Run) {
		if left--; left == 0 {
			close(done)
		}
	})
	if len(runs) < count {
		must(fmt.Errorf("fewer objects than reconciles"))
	}
	before, started := cpuSeconds(), time.Now()
	for i := range count {
		events <- event.GenericEvent{Object: &runs[i]}
	}
	<-done
	tell(map[string]any{"cpu_seconds": cpuSeconds() - before, "seconds": time.Since(started).Seconds()})
}

// patchMessage is how a controller writes a status: what it read, changed, and the difference sent.
func patchMessage(ctx context.Context, c client.Client, read *Run, message string) {
	changed := read.DeepCopy()
	changed.Status.Message = message
	must(c.Status().Patch(ctx, changed, client.MergeFrom(read)))
}

func status(ctx context.Context, namespace string, count int) {
	m := newManager(namespace, true)
	begin(ctx, m)
	var list RunList
	must(m.GetClient().List(ctx, &list, client.InNamespace(namespace)))
	before, started := cpuSeconds(), time.Now()
	mark := strconv.FormatInt(started.UnixNano(), 10)
	for i := range count {
		patchMessage(ctx, m.GetClient(), &list.Items[i%len(list.Items)], mark+" "+strconv.Itoa(i))
	}
	tell(map[string]any{"cpu_seconds": cpuSeconds() - before, "seconds": time.Since(started).Seconds()})
}

func latency(ctx context.Context, namespace string, count int) {
	mark := strconv.FormatInt(time.Now().UnixNano(), 10) + " "
	written, answered, seen, done := make([]time.Time, count), make([]time.Time, count), make([]time.Time, count), make(chan bool)
	left := count
	m, runs := watched(ctx, namespace, nil, func(run *Run) {
		if number, ours := strings.CutPrefix(run.Status.Message, mark); ours {
			i, err := strconv.Atoi(number)
			must(err)
			if seen[i].IsZero() {
				seen[i] = time.Now()
				if left--; left == 0 {
					close(done)
				}
			}
		}
	})
	before, started := cpuSeconds(), time.Now()
	next := started
	for i := range count {
		next = next.Add(apart)
		time.Sleep(time.Until(next))
		written[i] = time.Now()
		patchMessage(ctx, m.GetClient(), &runs[i%len(runs)], mark+strconv.Itoa(i))
		answered[i] = time.Now()
	}
	<-done
	spent := cpuSeconds() - before
	tell(map[string]any{"cpu_seconds": spent, "seconds": time.Since(started).Seconds(), "p50_ms": p50(written, seen), "write_p50_ms": p50(written, answered)})
}

// p50 is in milliseconds.
func p50(from, to []time.Time) float64 {
	took := make([]float64, len(from))
	for i := range took {
		took[i] = to[i].Sub(from[i]).Seconds() * 1000
	}
	slices.Sort(took)
	return took[len(took)/2]
}

// written creates Runs and asks the cache for each as soon as the server has answered, as a REST handler of an operator does.
func written(ctx context.Context, namespace string, count int) {
	m := newManager(namespace, true)
	begin(ctx, m)
	absent := 0
	mark := strconv.FormatInt(time.Now().UnixNano(), 36)
	for i := range count {
		run := &Run{Spec: RunSpec{TargetID: "t", ClusterName: "c", ScenarioImage: "dir://none", ScenarioName: "none"}}
		run.Namespace, run.Name = namespace, fmt.Sprintf("%s-%d", mark, i)
		must(m.GetClient().Create(ctx, run))
		if err := m.GetClient().Get(ctx, client.ObjectKeyFromObject(run), &Run{}); err != nil {
			must(client.IgnoreNotFound(err))
			absent++
		}
	}
	tell(map[string]any{"absent": absent})
}
