package minors

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/providerconfig"
)

// judged is what a kubelet's own code says of a config; see test/contract.
type judged struct {
	name     string
	config   string
	verdicts map[string]string // by minor: takes, or refuses and why
}

func readVerdicts(t *testing.T) []judged {
	t.Helper()
	archive, err := txtar.ParseFile("../contract/testdata/verdicts.txtar")
	if err != nil {
		t.Fatal(err)
	}
	var all []judged
	for _, file := range archive.Files {
		j := judged{file.Name, string(file.Data), map[string]string{}}
		for strings.HasPrefix(j.config, "# v1.") {
			var line string
			line, j.config, _ = strings.Cut(j.config, "\n")
			minor, verdict, _ := strings.Cut(strings.TrimPrefix(line, "# "), " ")
			j.verdicts[minor] = verdict
		}
		all = append(all, j)
	}
	return all
}

// stricter are configs that the product refuses although a kubelet of 1.37 takes them,
// and why.
var stricter = map[string]string{
	"a second document": "whoever wrote it meant it to be read",
}

// TestCheck holds the product's rules against the kubelets': it refuses what a kubelet
// of 1.31 or of 1.37 refuses, or the types of any minor do, and takes what one of 1.37
// takes, but for what is stricter on purpose.
func TestCheck(t *testing.T) {
	all := readVerdicts(t)
	onEach(t, func(t *testing.T, m minor) {
		for _, j := range all {
			err := providerconfig.Check(j.config, providerconfig.Kubelet{Minor: m.Number, TokenGate: true})
			verdict, asked := j.verdicts[m.String()]
			if strings.HasPrefix(verdict, "refuses") && err == nil {
				t.Errorf("%s: Check takes what the kubelet %s", j.name, verdict)
			}
			if asked && m == minors[len(minors)-1] && verdict == "takes" && (err != nil) != (stricter[j.name] != "") {
				t.Errorf("%s: the kubelet takes it, Check says %v", j.name, err)
			}
			if !strings.Contains(j.config, "kubelet.config.k8s.io/v1\n") {
				continue // the decoders know no other version
			}
			if _, refused := m.decode(j.config); refused != nil && err == nil {
				t.Errorf("%s: Check takes what cannot be decoded: %v", j.name, refused)
			}
		}
	})
	if n := len(all); n < 80 {
		t.Errorf("%d configs", n)
	}
	for name, reason := range stricter {
		if !strings.Contains(fmt.Sprint(all), name) {
			t.Errorf("%s (%s) is none of the configs", name, reason)
		}
	}
}
