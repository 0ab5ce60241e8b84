package node

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/tree"
)

// grow makes a tree of these files in a root of its own. A text that begins with "-> " is
// a link, and a name that ends in a slash is a directory.
func grow(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		file := filepath.Join(root, name)
		err := os.MkdirAll(filepath.Dir(file), 0o755)
		switch {
		case err != nil:
		case name[len(name)-1] == '/':
			err = os.MkdirAll(file, 0o755)
		case len(text) > 3 && text[:3] == "-> ":
			err = os.Symlink(text[3:], file)
		default:
			err = os.WriteFile(file, []byte(text), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// plant opens a tree of these files.
func plant(t *testing.T, files map[string]string) *tree.Tree {
	t.Helper()
	tr, err := tree.Open(grow(t, files), originals)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tr.Close() })
	return tr
}

const etcUnit, libUnit = "/etc/systemd/system/x.service", "/usr/lib/systemd/system/x.service"

func TestUnitsAreReadWithTheirDropIns(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		file  string
		want  map[string][]string
	}{
		"none": {files: map[string]string{"/etc/systemd/system/x.service.d/a.conf": "[Service]\nUser=root\n"}},
		"the first of the directories counts": {
			files: map[string]string{
				libUnit: "[Service]\nUser=lib\n", "/run/systemd/system/x.service": "[Service]\nUser=run\n",
				"/usr/local/lib/systemd/system/x.service": "[Service]\nUser=local\n", "/lib/systemd/system/x.service": "[Service]\nUser=old\n",
			},
			file: "/run/systemd/system/x.service", want: map[string][]string{"User": {"run"}},
		},
		"drop-ins by their names, whatever their directories": {
			files: map[string]string{
				libUnit:                "[Service]\nExecStart=a\n",
				etcUnit + ".d/20.conf": "[Service]\nExecStart=etc20\n",
				libUnit + ".d/10.conf": "[Service]\nExecStart=lib10\n",
				"/run/systemd/system/x.service.d/30.conf": "[Service]\nExecStart=run30\n",
			},
			file: libUnit, want: map[string][]string{"ExecStart": {"a", "lib10", "etc20", "run30"}},
		},
		"one drop-in stands for another of its name": {
			files: map[string]string{
				libUnit:                "[Service]\nExecStart=a\n",
				libUnit + ".d/10.conf": "[Service]\nExecStart=lib\n",
				"/usr/local/lib/systemd/system/x.service.d/10.conf": "[Service]\nExecStart=local\n",
				etcUnit + ".d/10.conf":                              "[Service]\nExecStart=etc\n",
			},
			file: libUnit, want: map[string][]string{"ExecStart": {"a", "etc"}},
		},
		"a drop-in that is masked": {
			files: map[string]string{libUnit: "[Service]\nExecStart=a\n", libUnit + ".d/10.conf": "[Service]\nExecStart=b\n", etcUnit + ".d/10.conf": "", libUnit + ".d/.11.conf": "[Service]\nExecStart=c\n", libUnit + ".d/12": "[Service]\nExecStart=d\n"},
			file:  libUnit, want: map[string][]string{"ExecStart": {"a"}},
		},
		"an empty one begins anew": {
			files: map[string]string{libUnit: "[Service]\nExecStart=a\nEnvironment=A=1\n", etcUnit + ".d/1.conf": "[Service]\nExecStart=\nExecStart=b\nEnvironment=\n"},
			file:  libUnit, want: map[string][]string{"ExecStart": {"b"}},
		},
		"other sections, comments and lines that go on": {
			files: map[string]string{etcUnit: "[Unit]\nUser=no\n[Service]\n# User=no \\\n; User=no\nnothing\nExecStart = a \\\n  b \\\n# c \\\n  ; d\n  e\\\\\nUser=root\n[Install]\nUser=no\nExecStart=a\\"},
			file:  etcUnit, want: map[string][]string{"ExecStart": {`a    b    e\\`}, "User": {"root"}},
		},
		"a link, as systemctl link makes it": {
			files: map[string]string{etcUnit: "-> /opt/x/x.service", "/opt/x/x.service": "[Service]\nUser=root\n"},
			file:  etcUnit, want: map[string][]string{"User": {"root"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			u, ok, err := readUnit(plant(t, c.files), "x.service")
			if err != nil || ok != (c.file != "") || u.file != c.file {
				t.Fatalf("got %v %q, %v", ok, u.file, err)
			}
			if diff := cmp.Diff(c.want, u.settings); ok && diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestArgumentsOfAUnitAreThoseOfItsProcess(t *testing.T) {
	files := map[string]string{
		"/etc/first": "A=first\nB='b c'\n", "/etc/second": "A=\"--second --q='x y'\"\n", "/etc/default/x": "D=named\n",
	}
	for name, c := range map[string]struct {
		unit string
		want []string
	}{
		"no variables":                  {"ExecStart=/bin/x --a 'b c' \"d\" e\\ f '--g='\\''h'", []string{"/bin/x", "--a", "b c", "d", "e f", "--g='h"}},
		"a word of its own is split":    {"EnvironmentFile=/etc/second\nExecStart=x $A", []string{"x", "--second", "--q=x y"}},
		"and is nothing if empty":       {"Environment=A=\nExecStart=x $A $NONE y", []string{"x", "y"}},
		"braces keep it whole":          {"EnvironmentFile=/etc/first\nExecStart=x ${B} --b=${B}- ${NONE}", []string{"x", "b c", "--b=b c-", ""}},
		"a dollar":                      {"Environment=A=1\nExecStart=x $$A a$A ${A $ $-", []string{"x", "$A", "a$A", "${A", "$", "$-"}},
		"the last file wins":            {"EnvironmentFile=/etc/first\nEnvironmentFile=-/etc/second\nEnvironmentFile=-/etc/none\nExecStart=x $A", []string{"x", "--second", "--q=x y"}},
		"files win over the unit":       {"Environment=A=unit \"C=c d\"\nEnvironmentFile=/etc/first\nExecStart=x $A $C", []string{"x", "first", "c", "d"}},
		"files named after the unit":    {"EnvironmentFile=-/etc/default/%N\nExecStart=x $D %n %N %p 5%%", []string{"x", "named", "x.service", "x", "x", "5%"}},
		"a pattern of files":            {"EnvironmentFile=-/etc/[fs][ie]*\nExecStart=x $A ${B}", []string{"x", "--second", "--q=x y", "b c"}},
		"quotes are part of a path":     {"EnvironmentFile=\"/etc/first\"\nExecStart=x $A", []string{"x"}},
		"a relative path is ignored":    {"EnvironmentFile=-etc/first\nExecStart=x $A", []string{"x"}},
		"nothing that is to be started": {"User=root", nil},
	} {
		t.Run(name, func(t *testing.T) {
			files[etcUnit] = "[Service]\n" + c.unit + "\n"
			tr := plant(t, files)
			u, _, err := readUnit(tr, "x.service")
			if err != nil {
				t.Fatal(err)
			}
			got, err := u.arguments(tr)
			if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
				t.Errorf("%v\n%s", err, diff)
			}
		})
	}
}

func TestFilesOfEnvironmentThatCannotBeReadAreErrors(t *testing.T) {
	tr := plant(t, map[string]string{etcUnit: "[Service]\nEnvironmentFile=/etc\nExecStart=x\n", libUnit + ".d/1.conf/": ""})
	if _, _, err := readUnit(tr, "x.service"); err == nil {
		t.Error("a directory in the place of a drop-in was read")
	}
	u := unit{name: "x.service", settings: map[string][]string{"EnvironmentFile": {"/etc"}}}
	if _, err := u.arguments(tr); err == nil {
		t.Error("a directory in the place of a file of environment was read")
	}
}
