package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"net"
	"net/http"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	account     = "krkn-operator-krkn-scenario-runner"
	targetsName = "bench-target" // a Secret with the key "kubeconfig"
)

// start is an operator that answers POST /scenarios/run by making the objects of krkn-operator: a ConfigMap with the target's kubeconfig,
// read from a warm cache, and a pod.
func start(ctx context.Context, namespace, address string) {
	m := newManager(namespace, true)
	_, err := m.GetCache().GetInformer(ctx, &corev1.Secret{})
	must(err)
	begin(ctx, m)
	c := m.GetClient()
	http.HandleFunc("POST /scenarios/run", func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			ScenarioImage string            `json:"scenarioImage"`
			Environment   map[string]string `json:"environment"`
		}
		var target corev1.Secret
		err := json.NewDecoder(r.Body).Decode(&body)
		if err == nil {
			err = c.Get(r.Context(), client.ObjectKey{Namespace: namespace, Name: targetsName}, &target)
		}
		id := make([]byte, 16)
		_, _ = rand.Read(id)
		job := hex.EncodeToString(id)
		labels := map[string]string{"app": "krkn-scenario", "krkn-job-id": job}
		if err == nil {
			err = c.Create(r.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "krkn-job-" + job + "-kubeconfig", Labels: labels},
				Data: map[string]string{"config": string(target.Data["kubeconfig"])}})
		}
		if err == nil {
			err = c.Create(r.Context(), pod(namespace, job, body.ScenarioImage, labels, body.Environment))
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(map[string]string{"jobId": job, "podName": "krkn-job-" + job})
	})
	listener, err := net.Listen("tcp", address)
	must(err)
	go func() { must(http.Serve(listener, nil)) }()
	tell(map[string]any{"cpu_seconds": cpuSeconds()})
}

func pod(namespace, job, image string, labels, environment map[string]string) *corev1.Pod {
	var variables []corev1.EnvVar
	for name, value := range environment {
		variables = append(variables, corev1.EnvVar{Name: name, Value: value})
	}
	user, yes, grace := int64(1001), true, int64(30)
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "krkn-job-" + job, Labels: labels, CreationTimestamp: metav1.NewTime(time.Time{})},
		Spec: corev1.PodSpec{ServiceAccountName: account, RestartPolicy: corev1.RestartPolicyNever, TerminationGracePeriodSeconds: &grace,
			SecurityContext: &corev1.PodSecurityContext{RunAsUser: &user, RunAsGroup: &user, FSGroup: &user, RunAsNonRoot: &yes},
			Containers: []corev1.Container{{Name: "scenario", Image: image, Env: variables, ImagePullPolicy: corev1.PullIfNotPresent,
				VolumeMounts: []corev1.VolumeMount{{Name: "kubeconfig", MountPath: "/home/krkn/.kube/config", SubPath: "config"}}}},
			Volumes: []corev1.Volume{{Name: "kubeconfig", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
				LocalObjectReference: corev1.LocalObjectReference{Name: "krkn-job-" + job + "-kubeconfig"}}}}}},
	}
}
