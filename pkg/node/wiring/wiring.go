// Package wiring writes what an administrator pastes to tell the kubelet of a
// distribution that this program must not or cannot write to: a flag of k0s, variables
// of Kubespray, a patch for Talos. The texts are in deploy/wiring, and say themselves
// where they go, what is restarted, and what is lost when.
//
// It is pure: it renders, and touches no file of a node.
package wiring

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/kubelet-ecr/kubelet-ecr/deploy"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/kubelet"
)

// Values are what is told. The zero value names the paths that other distributions
// have; what a form needs besides is said at each field.
type Values struct {
	// BinDir and Config are where the plugin and its CredentialProviderConfig lie:
	// clean absolute paths without spaces, quotes, $ or %, since no form can quote
	// those (see [Print]). "" is /opt/ecr-credential-provider/bin and
	// /etc/ecr-credential-provider/config.yaml. Talos and Bottlerocket have their own.
	BinDir, Config string

	// Document is the whole CredentialProviderConfig as YAML or JSON, as the kubelet
	// would read it from Config. kOps and Talos want it.
	Document string

	// MatchImages and Env are those of our provider's entry. Bottlerocket wants them,
	// which makes an entry of its own.
	MatchImages []string
	Env         []deploy.Variable
}

// Where program and config go where the distribution leaves that open. /usr is read-only
// on Flatcar and /opt is not; the SELinux policy of Red Hat's labels /opt/*/bin so that
// services may run what is there.
const (
	DefaultBinDir = "/opt/ecr-credential-provider/bin"
	DefaultConfig = "/etc/ecr-credential-provider/config.yaml"
)

// A form is what one distribution takes.
type form struct {
	name, file string
	needs      func(Values) error // nil if paths are enough
}

// forms are in the order in which they are listed to people.
var forms = [...]form{
	{"k0s", "wiring/k0s.sh", nil},
	{"microk8s", "wiring/microk8s", nil},
	{"kubespray", "wiring/kubespray.yaml", nil},
	{"kops", "wiring/kops.yaml", needsDocument},
	{"eks-hybrid", "wiring/eks-hybrid.yaml", nil},
	{"talos", "wiring/talos.yaml", needsDocument},
	{"bottlerocket", "wiring/bottlerocket.toml", needsMatchImages},
}

// Names are what [Print] knows.
func Names() []string {
	names := make([]string, 0, len(forms))
	for _, f := range forms {
		names = append(names, f.name)
	}
	return names
}

// Print returns the text for a distribution: a shell script for k0s, lines of an
// arguments file for MicroK8s, TOML for Bottlerocket, YAML for the others, with comments
// that say where it goes. It refuses a path that the way to the kubelet would break:
// k0s (internal/pkg/flags, Split), kubelite (cmd/kubelite/app/options,
// ReadArgsFromFile), and systemd with the environment files of Kubespray, kOps and
// nodeadm all split flags at spaces after the fact, and two of them expand $.
func Print(name string, v Values) (string, error) {
	i := slices.IndexFunc(forms[:], func(f form) bool { return f.name == name })
	if i < 0 {
		return "", hint.Wrap(fmt.Errorf("print wiring: no form is named %q; there are %s", name, strings.Join(Names(), ", ")),
			"kubeadm, k3s, rke2, eks and generic are written by ecr-node-bootstrap install")
	}
	v.BinDir, v.Config = cmp.Or(v.BinDir, DefaultBinDir), cmp.Or(v.Config, DefaultConfig)
	if err := cmp.Or(plainPath("bin dir", v.BinDir), plainPath("config", v.Config)); err != nil {
		return "", fmt.Errorf("print wiring of %s: %w", name, err)
	}
	if f := forms[i]; f.needs != nil {
		if err := f.needs(v); err != nil {
			return "", fmt.Errorf("print wiring of %s: %w", name, err)
		}
	}
	return deploy.Render(forms[i].file, struct {
		Values
		Flags                    []string
		IndentedBy6, IndentedBy8 string
	}{
		v,
		[]string{"--" + kubelet.BinDirFlag + "=" + v.BinDir, "--" + kubelet.ConfigFlag + "=" + v.Config},
		indent(v.Document, 6), indent(v.Document, 8),
	})
}

// plainPath says what is wrong with a path that ends up on a kubelet's command line.
func plainPath(what, p string) error {
	if !path.IsAbs(p) || path.Clean(p) != p || p == "/" {
		return fmt.Errorf("the %s %q is not a clean absolute path", what, p)
	}
	for _, r := range p {
		if !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("/._-+@:,=", r)) {
			return fmt.Errorf("the %s %q has a %q, which does not survive on the way to the kubelet", what, p, r)
		}
	}
	return nil
}

// needsDocument wants a document that can be moved to a deeper level of YAML.
func needsDocument(v Values) error {
	if strings.TrimSpace(v.Document) == "" {
		return errors.New("it contains the CredentialProviderConfig, and none is given")
	}
	if strings.HasPrefix(strings.TrimLeft(v.Document, "\n"), " ") {
		return errors.New("the CredentialProviderConfig begins with a space, which a literal block of YAML takes for its indentation")
	}
	for line := range strings.Lines(v.Document) {
		if strings.HasPrefix(line, "---") || strings.HasPrefix(line, "...") {
			return errors.New("the CredentialProviderConfig has a document marker of YAML, and can be no part of another one")
		}
	}
	return nil
}

func needsMatchImages(v Values) error {
	if len(v.MatchImages) == 0 {
		return errors.New("it lists the hosts, and none is given")
	}
	return nil
}

// indent moves a document to a deeper level of YAML. Its last line ends without a newline.
func indent(document string, by int) string {
	lines := strings.Split(strings.Trim(document, "\n"), "\n")
	for i, line := range lines {
		if line != "" {
			lines[i] = strings.Repeat(" ", by) + line
		}
	}
	return strings.Join(lines, "\n")
}
