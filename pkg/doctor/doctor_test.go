package doctor_test

import (
	"bytes"
	"context"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/doctor"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/node"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/kubelet"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/providerconfig"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/registry"
)

const (
	binDir  = "/opt/ecr-credential-provider/bin"
	plugin  = binDir + "/ecr-credential-provider"
	config  = "/etc/ecr-credential-provider/config.yaml"
	flagged = "--image-credential-provider-config=" + config + " --image-credential-provider-bin-dir=" + binDir
	drop    = "/etc/systemd/system/kubelet.service.d/10-kubeadm.conf"
)

// disk is the root of a node under test.
type disk struct {
	t    *testing.T
	root string
}

func (d disk) write(name, text string) {
	d.t.Helper()
	file := filepath.Join(d.root, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		d.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		d.t.Fatal(err)
	}
}

func (d disk) chmod(name string, mode os.FileMode) {
	d.t.Helper()
	if err := os.Chmod(filepath.Join(d.root, name), mode); err != nil {
		d.t.Fatal(err)
	}
}

func (d disk) remove(name string) {
	d.t.Helper()
	if err := os.RemoveAll(filepath.Join(d.root, name)); err != nil {
		d.t.Fatal(err)
	}
}

func (d disk) link(target, name string) {
	d.t.Helper()
	d.write(name, "")
	d.remove(name)
	if err := os.Symlink(target, filepath.Join(d.root, name)); err != nil {
		d.t.Fatal(err)
	}
}

// edit replaces a text in a file that has it.
func (d disk) edit(name, from, to string) {
	d.t.Helper()
	text, err := os.ReadFile(filepath.Join(d.root, name))
	if err != nil {
		d.t.Fatal(err)
	}
	if !strings.Contains(string(text), from) {
		d.t.Fatalf("%s has no %q:\n%s", name, from, text)
	}
	d.write(name, strings.ReplaceAll(string(text), from, to))
}

// program is as much of a program for Linux as its header says.
func program(machine elf.Machine, dynamic bool) string {
	var b bytes.Buffer
	h := elf.Header64{
		Ident: [16]byte{0x7f, 'E', 'L', 'F', 2, 1, 1}, Type: uint16(elf.ET_EXEC), Machine: uint16(machine), Version: 1,
		Ehsize: 64, Phentsize: 56, Shentsize: 64,
	}
	if dynamic {
		h.Phoff, h.Phnum = 64, 1
	}
	binary.Write(&b, binary.LittleEndian, h)
	if dynamic {
		binary.Write(&b, binary.LittleEndian, elf.Prog64{Type: uint32(elf.PT_INTERP)})
	}
	return b.String()
}

// rendered is a config as install writes it.
func rendered(t *testing.T, minor int, globs []string) string {
	t.Helper()
	text, err := providerconfig.Entry{MatchImages: globs}.Render(providerconfig.Kubelet{Minor: minor})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// kubeadm is a node of kubeadm with everything installed.
func kubeadm(t *testing.T) disk {
	d := disk{t, t.TempDir()}
	d.write("/usr/lib/systemd/systemd", "")
	d.write("/usr/lib/systemd/system/kubelet.service", "[Service]\nExecStart=/usr/bin/kubelet\n")
	d.write(drop, "[Service]\nEnvironmentFile=-/etc/default/kubelet\nExecStart=\nExecStart=/usr/bin/kubelet $KUBELET_EXTRA_ARGS\n")
	d.write("/etc/default/kubelet", `KUBELET_EXTRA_ARGS="`+flagged+"\"\n")
	d.write("/usr/bin/kubelet", program(elf.EM_X86_64, true))
	d.write("/var/lib/dpkg/status", "Package: kubelet\nStatus: install ok installed\nVersion: 1.34.1-1.1\n\n")
	d.write(config, rendered(t, 34, registry.MatchImages()))
	d.write(plugin, program(elf.EM_X86_64, false))
	d.chmod(plugin, 0o755)
	for _, b := range node.Boots("systemd") {
		d.write(b.File, "")
		if b.Link != "" {
			d.link("../"+filepath.Base(b.File), b.Link)
		}
	}
	return d
}

// k3s is a node of k3s with everything installed.
func k3s(t *testing.T) disk {
	d := kubeadm(t)
	d.remove(drop)
	d.write("/etc/systemd/system/k3s.service", "[Service]\nExecStart=/usr/local/bin/k3s server\n")
	d.write("/var/lib/rancher/credentialprovider/config.yaml", rendered(t, 34, registry.MatchImages()))
	d.write("/var/lib/rancher/credentialprovider/bin/ecr-credential-provider", program(elf.EM_X86_64, false))
	d.chmod("/var/lib/rancher/credentialprovider/bin/ecr-credential-provider", 0o755)
	return d
}

// a running process, as /proc shows it, that has started at a time.
type running struct {
	args    []string
	started time.Time
}

// proc is a folder with a kubelet in it, and an init.
func proc(t *testing.T, all ...running) kubelet.Proc {
	d := disk{t, t.TempDir()}
	d.write("1/status", "Name:\tsystemd\nState:\tS (sleeping)\n")
	booted := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	for i, p := range all {
		dir := fmt.Sprint(812 + i)
		d.write(dir+"/status", "Name:\tkubelet\nState:\tS (sleeping)\n")
		d.write(dir+"/cmdline", strings.Join(p.args, "\x00")+"\x00")
		d.write(dir+"/stat", fmt.Sprintf("812 (kubelet) S 1 %s%d 0\n", strings.Repeat("0 ", 17), p.started.Sub(booted).Milliseconds()/10))
	}
	return kubelet.Proc{
		Path: d.root, Now: func() time.Time { return booted },
		SinceBoot: func() (time.Duration, error) { return 0, nil },
	}
}

var (
	before = time.Date(2021, 1, 1, 0, 0, 0, 0, time.UTC) // any file of a test was written
	after  = time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)
)

// unreachable is a client of which nothing is listening where it asks.
var unreachable = &http.Client{Transport: tripper(func(*http.Request) (*http.Response, error) { return nil, errors.New("refused") })}

type tripper func(*http.Request) (*http.Response, error)

func (t tripper) RoundTrip(r *http.Request) (*http.Response, error) { return t(r) }

var times = regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC`)

// examine runs the doctor, with what differs from run to run replaced in what it says.
func examine(t *testing.T, d doctor.Doctor, hide ...string) []doctor.Check {
	t.Helper()
	report, err := d.Examine(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	replace := strings.NewReplacer(append([]string{d.Root, "ROOT"}, hide...)...)
	for i, c := range report.Checks {
		for _, s := range []*string{&c.Evidence, &c.Cause, &c.Fix} {
			*s = times.ReplaceAllString(replace.Replace(*s), "TIME")
		}
		report.Checks[i] = c
	}
	return report.Checks
}

// only is the checks that are not ok.
func only(all []doctor.Check, status ...doctor.Status) []doctor.Check {
	var some []doctor.Check
	for _, c := range all {
		for _, s := range status {
			if c.Status == s {
				some = append(some, c)
			}
		}
	}
	return some
}

func TestWholeWay(t *testing.T) {
	d := kubeadm(t)
	got := examine(t, doctor.Doctor{
		Root: d.root, Client: unreachable,
		Proc: proc(t, running{append([]string{"/usr/bin/kubelet"}, strings.Fields(flagged)...), after}),
	})
	want := []doctor.Check{
		{Code: "distribution", Status: "ok", Evidence: "kubeadm (" + drop + ")"},
		{Code: "kubelet-version", Status: "ok", Evidence: "1.34 (dpkg: kubelet 1.34.1-1.1)"},
		{Code: "kubelet-flags", Status: "ok", Evidence: "config " + config + ", bin dir " + binDir},
		{Code: "config-file", Status: "ok", Evidence: config},
		{Code: "config-owner", Status: "ok", Evidence: "only root may write " + config},
		{Code: "config-valid", Status: "ok", Evidence: "kubelet 1.34 takes it"},
		{Code: "config-entry", Status: "ok", Evidence: `provider "ecr-credential-provider" in ` + config},
		{Code: "config-globs", Status: "ok", Evidence: "20 globs, complete for aws, aws-us-gov, aws-cn, aws-eusc, aws-iso, aws-iso-b, aws-iso-e, aws-iso-f, ECR Public"},
		{Code: "config-cache", Status: "ok", Evidence: "defaultCacheDuration is 0s"},
		{Code: "program-file", Status: "ok", Evidence: plugin},
		{Code: "program-format", Status: "ok", Evidence: "static, for x86_64"},
		{Code: "program-owner", Status: "ok", Evidence: "only root may write " + plugin},
		{Code: "warm-units", Status: "ok", Evidence: "ecr-credential-provider.conf, ecr-credential-provider-warm.service, ecr-credential-provider-warm.timer are installed and enabled"},
		{Code: "cache-dir", Status: "warning", Evidence: "/run is not there", Cause: "the plugin cannot make its cache directory in it, and asks AWS for a token at every pull", Fix: "mkdir -p ROOT/run"},
		{Code: "kubelet-running", Status: "ok", Evidence: "process 812 (kubelet), since TIME"},
		{Code: "running-flags", Status: "ok", Evidence: "process 812 was started with this config and bin dir"},
		{
			Code: "config-loaded", Status: "ok",
			Evidence: config + ` was last changed TIME, and the kubelet started after that (by time; asking the kubelet for its metrics: Get "https://127.0.0.1:10250/metrics": refused)`,
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestNoNode wants an error, and no findings, where there is nothing to look at.
func TestNoNode(t *testing.T) {
	empty, two := disk{t, t.TempDir()}, kubeadm(t)
	empty.write("/etc/hostname", "")
	empty.write("/var/lib/misc", "")
	two.write("/usr/local/bin/k3s", "")
	for name, d := range map[string]doctor.Doctor{
		"no root":         {Root: filepath.Join(t.TempDir(), "none")},
		"no system":       {Root: t.TempDir()},
		"no distribution": {Root: empty.root},
		"two":             {Root: two.root},
		"unknown name":    {Root: two.root, Distribution: "k9s"},
		"bad version":     {Root: two.root, Distribution: "kubeadm", KubeletVersion: "2.0"},
		"generic alone":   {Root: two.root, Distribution: "generic"},
	} {
		if r, err := d.Examine(t.Context()); err == nil {
			t.Errorf("%s: %v", name, r)
		}
	}
}

// TestNothingChanges compares the tree before and after.
func TestNothingChanges(t *testing.T) {
	d := kubeadm(t)
	d.edit(config, "*.dkr-ecr.*.on.aws", "example.com")
	list := func() (all []string) {
		filepath.Walk(d.root, func(name string, info os.FileInfo, err error) error {
			all = append(all, fmt.Sprint(name, info.Mode(), info.Size(), info.ModTime(), err))
			return nil
		})
		return all
	}
	was := list()
	examine(t, doctor.Doctor{Root: d.root, Client: unreachable, Proc: proc(t)})
	if diff := cmp.Diff(was, list()); diff != "" {
		t.Error(diff)
	}
}
