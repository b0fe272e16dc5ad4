// Kubernetes for the tests in one program, from the published modules: the name it is called by says which part of it to be.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	"k8s.io/kubectl/pkg/cmd"
	"k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	manager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

// serve makes a part that runs until it is told to end.
func serve(make func() *cobra.Command) func() {
	return func() { os.Exit(cli.Run(make())) }
}

var parts = map[string]func(){
	"etcd":                    func() { etcdmain.Main(os.Args) },
	"kube-apiserver":          serve(apiserver.NewAPIServerCommand),
	"kube-controller-manager": serve(manager.NewControllerManagerCommand),
	"kube-proxy":              serve(proxy.NewProxyCommand),
	"kube-scheduler":          serve(func() *cobra.Command { return scheduler.NewSchedulerCommand() }),
	"kubelet":                 serve(func() *cobra.Command { return kubelet.NewKubeletCommand(context.Background()) }),
	// CheckErr hands on the exit code of a command that was run in a container.
	"kubectl": func() { util.CheckErr(cli.RunNoErrOutput(cmd.NewDefaultKubectlCommand())) },
}

func main() {
	name := filepath.Base(os.Args[0])
	if part, known := parts[name]; known {
		part()
		return
	}
	names := make([]string, 0, len(parts))
	for one := range parts {
		names = append(names, one)
	}
	sort.Strings(names)
	fmt.Fprintf(os.Stderr, "%s: call it by a link named %s\n", name, strings.Join(names, ", "))
	os.Exit(2)
}
