//go:build linux

package deploy

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"

	"github.com/kubelet-ecr/kubelet-ecr/deploy"
)

// decode reads the objects of a manifest strictly, as an API server does for kubectl.
func decode(manifest string) (objects []runtime.Object, err error) {
	scheme := runtime.NewScheme()
	if err := errors.Join(appsv1.AddToScheme(scheme), corev1.AddToScheme(scheme)); err != nil {
		return nil, err
	}
	decoder := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
	for document := range strings.SplitSeq(manifest, "\n---\n") {
		object, _, err := decoder.Decode([]byte(document), nil, nil)
		if err != nil {
			return nil, fmt.Errorf("%w in:\n%s", err, document)
		}
		objects = append(objects, object)
	}
	return objects, nil
}

func TestDaemonSet(t *testing.T) {
	for name, data := range map[string]deploy.DaemonSet{
		"plain": {
			Image: "registry.example/ecr-node-bootstrap:v1.0.0", PauseImage: "registry.k8s.io/pause:3.10", Bootstrap: "version: 1\ncluster: prod-1\n",
			Distribution: "kubeadm", Service: "kubelet",
		},
		"without a file": {Image: "a", PauseImage: "b", Distribution: "k3s", Service: "k3s-agent", ServerService: "k3s"},
		"nasty":          {Image: nasty, PauseImage: nasty, Bootstrap: "a: " + nasty + "\n\n", Distribution: nasty, Service: nasty, KubeletVersion: nasty},
	} {
		t.Run(name, func(t *testing.T) {
			objects, err := decode(render(t, deploy.DaemonSetFile, data))
			if err != nil || len(objects) == 0 {
				t.Fatalf("%d objects: %v", len(objects), err)
			}
			set := objects[len(objects)-1].(*appsv1.DaemonSet)
			args := []string{"install", "--root=/host"}
			if data.Bootstrap == "" {
				if len(objects) > 1 {
					t.Errorf("there is more than the DaemonSet: %v", objects)
				}
			} else {
				if diff := cmp.Diff(map[string]string{"bootstrap.yaml": data.Bootstrap}, objects[0].(*corev1.ConfigMap).Data); diff != "" {
					t.Error("the config:", diff)
				}
				args = append(args, "--file=/etc/ecr-node-bootstrap/bootstrap.yaml")
			}
			args = append(args, "--plugin=/ecr-credential-provider", "--distribution="+data.Distribution)
			if data.KubeletVersion != "" {
				args = append(args, "--kubelet-version="+data.KubeletVersion)
			}
			pod := set.Spec.Template.Spec
			install, pause := pod.InitContainers[0], pod.Containers[0]
			if diff := cmp.Diff(append(args, "--yes"), install.Args); diff != "" {
				t.Error("arguments:", diff)
			}
			if diff := cmp.Diff([]string{data.Image, data.PauseImage}, []string{install.Image, pause.Image}); diff != "" {
				t.Error("images:", diff)
			}
			judgeMounts(t, pod, data.Bootstrap != "")
		})
	}
}

// judgeMounts holds that the host's files are in the container that installs, and in no
// other, and that each mount has its volume.
func judgeMounts(t *testing.T, pod corev1.PodSpec, file bool) {
	t.Helper()
	volumes := map[string]corev1.Volume{}
	for _, v := range pod.Volumes {
		volumes[v.Name] = v
	}
	got := map[string]string{}
	for _, c := range append(pod.InitContainers, pod.Containers...) {
		if s := c.SecurityContext; s.Privileged != nil && *s.Privileged != (c.Name == "install") || s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem {
			t.Errorf("%s: privileged or writable: %v", c.Name, s)
		}
		for _, m := range c.VolumeMounts {
			source := "no volume"
			switch v := volumes[m.Name]; {
			case v.HostPath != nil:
				source = "host " + v.HostPath.Path
			case v.ConfigMap != nil:
				source = "config " + v.ConfigMap.Name
			}
			got[c.Name+" "+m.MountPath] = source
		}
	}
	want := map[string]string{"install /host": "host /"}
	if file {
		want["install /etc/ecr-node-bootstrap"] = "config ecr-node-bootstrap"
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error("mounts:", diff)
	}
}

// TestStrict holds that the judge is one: what no type has is an error.
func TestStrict(t *testing.T) {
	text := render(t, deploy.DaemonSetFile, deploy.DaemonSet{Distribution: "k3s", Bootstrap: "a: 1\n"})
	if _, err := decode(strings.Replace(text, "hostPath: {", "hostpath: {", 1)); err == nil {
		t.Error("hostpath is no field, and nothing says so")
	}
}
