package main

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var groupVersion = schema.GroupVersion{Group: "operon.dev", Version: "v1alpha1"}

// Run is api/crd/bases/runs.yaml as far as the benchmark's objects go, with the deep copies that a generator makes.
type Run struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              RunSpec   `json:"spec,omitempty"`
	Status            RunStatus `json:"status,omitempty"`
}

type RunSpec struct {
	TargetID       string            `json:"targetId"`
	ClusterName    string            `json:"clusterName"`
	ScenarioImage  string            `json:"scenarioImage"`
	ScenarioName   string            `json:"scenarioName"`
	KubeconfigPath string            `json:"kubeconfigPath,omitempty"`
	Environment    map[string]string `json:"environment,omitempty"`
	Provider       string            `json:"provider,omitempty"`
	Registry       string            `json:"registry,omitempty"`
	Runner         string            `json:"runner,omitempty"`
	TimeoutSeconds int64             `json:"timeoutSeconds,omitempty"`
	Stop           bool              `json:"stop,omitempty"`
	Origin         *Origin           `json:"origin,omitempty"`
}

type Origin struct {
	JobID       string `json:"jobId"`
	Digest      string `json:"digest"`
	RequestedBy string `json:"requestedBy,omitempty"`
}

type RunStatus struct {
	ObservedGeneration int64              `json:"observedGeneration,omitempty"`
	Phase              string             `json:"phase,omitempty"`
	Message            string             `json:"message,omitempty"`
	ExitCode           *int32             `json:"exitCode,omitempty"`
	StartTime          *metav1.Time       `json:"startTime,omitempty"`
	CompletionTime     *metav1.Time       `json:"completionTime,omitempty"`
	JobID              string             `json:"jobId,omitempty"`
	PodName            string             `json:"podName,omitempty"`
	Runner             string             `json:"runner,omitempty"`
	Registry           string             `json:"registry,omitempty"`
	Provider           string             `json:"provider,omitempty"`
	RequestedBy        string             `json:"requestedBy,omitempty"`
	Digest             string             `json:"digest,omitempty"`
	Cleanup            string             `json:"cleanup,omitempty"`
	LogTail            string             `json:"logTail,omitempty"`
	Conditions         []metav1.Condition `json:"conditions,omitempty"`
}

type RunList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Run `json:"items"`
}

func (in *Run) DeepCopyInto(out *Run) {
	*out = *in
	in.ObjectMeta.DeepCopyInto(&out.ObjectMeta)
	out.Spec.Environment = maps.Clone(in.Spec.Environment)
	if in.Spec.Origin != nil {
		origin := *in.Spec.Origin
		out.Spec.Origin = &origin
	}
	if in.Status.ExitCode != nil {
		code := *in.Status.ExitCode
		out.Status.ExitCode = &code
	}
	out.Status.StartTime = in.Status.StartTime.DeepCopy()
	out.Status.CompletionTime = in.Status.CompletionTime.DeepCopy()
	out.Status.Conditions = slices.Clone(in.Status.Conditions)
}

func (in *Run) DeepCopy() *Run {
	out := new(Run)
	in.DeepCopyInto(out)
	return out
}

func (in *Run) DeepCopyObject() runtime.Object { return in.DeepCopy() }

func (in *RunList) DeepCopyObject() runtime.Object {
	out := &RunList{TypeMeta: in.TypeMeta, Items: make([]Run, len(in.Items))}
	in.ListMeta.DeepCopyInto(&out.ListMeta)
	for i := range in.Items {
		in.Items[i].DeepCopyInto(&out.Items[i])
	}
	return out
}

func scheme() *runtime.Scheme {
	made := runtime.NewScheme()
	made.AddKnownTypes(groupVersion, &Run{}, &RunList{})
	metav1.AddToGroupVersion(made, groupVersion)
	must(corev1.AddToScheme(made))
	return made
}
