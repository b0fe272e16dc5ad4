package main

import (
	"cmp"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"slices"
	"strconv"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// job is one of the list that operond answers.
type job struct {
	JobID          string     `json:"jobId"`
	TargetID       string     `json:"targetId"`
	ClusterName    string     `json:"clusterName"`
	ScenarioName   string     `json:"scenarioName"`
	Status         string     `json:"status"`
	PodName        string     `json:"podName"`
	StartTime      *time.Time `json:"startTime,omitempty"`
	CompletionTime *time.Time `json:"completionTime,omitempty"`
	Message        string     `json:"message,omitempty"`
}

func jobOf(run *Run) job {
	one := job{JobID: run.Status.JobID, TargetID: run.Spec.TargetID, ClusterName: run.Spec.ClusterName, ScenarioName: run.Spec.ScenarioName,
		Status: run.Status.Phase, PodName: run.Status.PodName, Message: run.Status.Message}
	if run.Status.StartTime != nil {
		one.StartTime = &run.Status.StartTime.Time
	}
	if run.Status.CompletionTime != nil {
		one.CompletionTime = &run.Status.CompletionTime.Time
	}
	return one
}

// jobs are newest first; limit 0 = all.
func jobs(ctx context.Context, reader client.Reader, namespace string, limit int) ([]job, error) {
	var list RunList
	if err := reader.List(ctx, &list, client.InNamespace(namespace)); err != nil {
		return nil, err
	}
	slices.SortFunc(list.Items, func(a, b Run) int {
		return cmp.Or(b.CreationTimestamp.Compare(a.CreationTimestamp.Time), cmp.Compare(b.Name, a.Name))
	})
	if limit > 0 && limit < len(list.Items) {
		list.Items = list.Items[:limit]
	}
	answer := make([]job, 0, len(list.Items))
	for i := range list.Items {
		answer = append(answer, jobOf(&list.Items[i]))
	}
	return answer, nil
}

func serve(ctx context.Context, namespace, address string, started time.Time) {
	m := newManager(namespace, true)
	begin(ctx, m)
	http.HandleFunc("GET /scenarios/run", func(w http.ResponseWriter, r *http.Request) {
		limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
		answer, err := jobs(r.Context(), m.GetClient(), namespace, limit)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"jobs": answer})
	})
	listener, err := net.Listen("tcp", address)
	must(err)
	go func() { must(http.Serve(listener, nil)) }()
	tell(map[string]any{"seconds": time.Since(started).Seconds(), "cpu_seconds": cpuSeconds()})
}
