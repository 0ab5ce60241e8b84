package kubelet_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/kubelet"
)

var rke2 = kubelet.Sought{Packages: []string{"kubelet", "rke2-server", "rke2-common"}}

// TestInstalledRPM has an rpm that says what rpm 4.18 does, and writes as it does.
func TestInstalledRPM(t *testing.T) {
	const none = "package kubelet is not installed\npackage rke2-server is not installed\n"
	const says = "the version of the kubelet with --kubelet-version"
	for _, tt := range []struct {
		name  string
		files map[string]string
		rpm   string // lines of a script
		want  kubelet.Version
		err   string
		hint  string
	}{
		{
			name: "installed", files: map[string]string{"usr/lib/sysimage/rpm/rpmdb.sqlite": "database"},
			rpm:  "printf '" + none + "rke2-common\t1.34.1~rke2r1-0.el9\n'; exit 2",
			want: kubelet.Version{Minor: 34, Text: "1.34.1~rke2r1-0.el9", Evidence: "rpm: rke2-common 1.34.1~rke2r1-0.el9"},
		},
		{
			name: "the database is copied whole, and nothing of the moment",
			files: map[string]string{
				"usr/lib/sysimage/rpm/rpmdb.sqlite": "database", "usr/lib/sysimage/rpm/rpmdb.sqlite-wal": "log", "usr/lib/sysimage/rpm/rpmdb.sqlite-shm": "memory",
				"usr/lib/sysimage/rpm/.rpm.lock": "", "usr/lib/sysimage/rpm/__db.001": "lock", "var/lib/rpm": "-> ../../usr/lib/sysimage/rpm",
			},
			rpm:  `printf "kubelet\t1.31.0-$(cat "$3"/rpmdb.sqlite "$3"/rpmdb.sqlite-wal).$(ls -A "$3" | grep -vc shm)\n"`,
			want: kubelet.Version{Minor: 31, Text: "1.31.0-databaselog.2", Evidence: "rpm: kubelet 1.31.0-databaselog.2"},
		},
		{
			name: "what it is asked", files: map[string]string{"var/lib/rpm/Packages": "database"},
			rpm:  `[ "$1 $2 $4 $5 $6 $7 $8 $9" = '-q --dbpath --nosignature --nodigest --qf %{NAME}\t%{VERSION}-%{RELEASE}\n -- kubelet' ] && printf 'kubelet\t1.31.0-1\n'`,
			want: kubelet.Version{Minor: 31, Text: "1.31.0-1", Evidence: "rpm: kubelet 1.31.0-1"},
		},
		{
			name: "not installed", files: map[string]string{"var/lib/rpm/Packages.db": "database"},
			rpm: "printf '" + none + "'; echo 'warning: never mind' >&2; exit 3",
		},
		{
			name: "a database that it cannot read", files: map[string]string{"var/lib/rpm/rpmdb.sqlite": "database"},
			rpm:  "printf '" + none + "'; echo 'warning: oh' >&2; echo 'error: sqlite failure: file is not a database' >&2; exit 3",
			err:  "reading the packages of rpm in ROOT/var/lib/rpm: rpm says: sqlite failure: file is not a database",
			hint: "give " + says,
		},
		{
			name: "a database of a format that it does not know", files: map[string]string{"usr/lib/sysimage/rpm/Packages.db": "database"},
			rpm:  "printf '" + none + "'; : > \"$3/rpmdb.sqlite\"; exit 3",
			err:  "reading the packages of rpm in ROOT/usr/lib/sysimage/rpm: this machine's rpm does not read a database of the format of Packages.db",
			hint: "give " + says,
		},
		{
			name: "no rpm", files: map[string]string{"var/lib/rpm/rpmdb.sqlite": "database"},
			err:  `reading the packages of rpm in ROOT/var/lib/rpm: exec: "rpm": executable file not found in $PATH`,
			hint: "install rpm on this machine, or give " + says,
		},
		{
			name: "no database, so that none is made", files: map[string]string{"var/lib/rpm/.rpm.lock": ""},
			rpm: "printf 'kubelet\t1.31.0-1\n'",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bin := t.TempDir()
			if tt.rpm != "" {
				bin = tree(t, map[string]string{"rpm": "#!/bin/sh\nPATH=/usr/bin:/bin\n: > \"$3/rpmdb.sqlite-shm\"\n" + tt.rpm + "\n"})
			}
			t.Setenv("PATH", bin)
			temp := t.TempDir()
			t.Setenv("TMPDIR", temp)
			root := tree(t, tt.files)
			before := stamps(t, root)
			got, ok, err := kubelet.Installed(t.Context(), root, rke2)
			if diff := cmp.Diff(tt.want, got); diff != "" || ok != (tt.want != kubelet.Version{}) {
				t.Errorf("Installed() = _, %t, %v (-want +got)\n%s", ok, err, diff)
			}
			if text := message(err); strings.ReplaceAll(text, root, "ROOT") != tt.err || hint.Of(err) != tt.hint {
				t.Errorf("Installed(): %s; %s, want the error %s; %s", text, hint.Of(err), tt.err, tt.hint)
			}
			if diff := cmp.Diff(before, stamps(t, root)); diff != "" {
				t.Errorf("Installed() wrote into the root (-before +after)\n%s", diff)
			}
			if left := stamps(t, temp); len(left) != 1 {
				t.Errorf("Installed() left %v behind", left)
			}
		})
	}
}

// stamps are when each file of a tree was written, and its size.
func stamps(t *testing.T, root string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(root, func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		all[name] = info.ModTime().String() + " " + info.Mode().String()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestInstalledRealRPM has the real rpm make a database of each format that it can write,
// and reads it.
func TestInstalledRealRPM(t *testing.T) {
	for _, tool := range [...]string{"rpm", "rpmbuild"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("there is no %s here", tool)
		}
	}
	rpm := func(t *testing.T, args ...string) error {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Env = append(os.Environ(), "HOME="+t.TempDir()) // where Debian's rpm has its own database
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Logf("%v: %v\n%s", args, err, out)
		}
		return err
	}
	top := tree(t, map[string]string{"rke2-common.spec": "Name: rke2-common\nVersion: 1.34.1~rke2r1\nRelease: 0\nSummary: x\nLicense: x\nBuildArch: noarch\n%description\nx\n%files\n"})
	if err := rpm(t, "rpmbuild", "--define", "_topdir "+top, "-bb", filepath.Join(top, "rke2-common.spec")); err != nil {
		t.Fatal(err)
	}
	built := filepath.Join(top, "RPMS/noarch/rke2-common-1.34.1~rke2r1-0.noarch.rpm")
	for _, format := range [...]string{"sqlite", "ndb"} {
		t.Run(format, func(t *testing.T) {
			root := t.TempDir()
			dir := filepath.Join(root, "usr/lib/sysimage/rpm")
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			install := []string{"rpm", "--define", "_db_backend " + format, "--dbpath", dir, "-i", "--justdb", "--nodeps", built}
			// Debian's rpm wants to be told that it is meant.
			if rpm(t, install...) != nil && rpm(t, append(install, "--force-debian")...) != nil {
				t.Skipf("this rpm makes no database of the format %s", format)
			}
			before := stamps(t, root)
			got, ok, err := kubelet.Installed(t.Context(), root, rke2)
			want := kubelet.Version{Minor: 34, Text: "1.34.1~rke2r1-0", Evidence: "rpm: rke2-common 1.34.1~rke2r1-0"}
			if diff := cmp.Diff(want, got); diff != "" || !ok || err != nil {
				t.Errorf("Installed() = _, %t, %v (-want +got)\n%s", ok, err, diff)
			}
			if _, ok, err := kubelet.Installed(t.Context(), root, kubelet.Sought{Packages: []string{"kubelet"}}); ok || err != nil {
				t.Errorf("Installed() = _, %t, %v for a package that is not there", ok, err)
			}
			if diff := cmp.Diff(before, stamps(t, root)); diff != "" {
				t.Errorf("Installed() wrote into the root (-before +after)\n%s", diff)
			}
		})
	}
	for _, name := range [...]string{"rpmdb.sqlite", "Packages.db", "Packages"} {
		t.Run("what only looks like "+name, func(t *testing.T) {
			root := tree(t, map[string]string{"var/lib/rpm/" + name: strings.Repeat("no database", 1000)})
			if _, ok, err := kubelet.Installed(t.Context(), root, rke2); ok || err == nil {
				t.Errorf("Installed() = _, %t, %v, want that rpm cannot read it", ok, err)
			}
		})
	}
}
