package kubelet

import "strings"

// Flags returns what the arguments of a kubelet, of k3s or of rke2 say of the config and
// the bin dir of credential providers, each "" if they do not. Arguments are without the
// program's name; a line of a unit is to be split before.
//
// A flag stands as --flag=value or --flag value, with one dash or two, and with _ for -
// as the kubelet takes it (k8s.io/component-base/cli/flag, WordSepNormalizeFunc). The last
// one counts, but --kubelet-arg of k3s and rke2 is put over their own flags (k3s-io/k3s,
// pkg/util/args.go, GetArgs).
func Flags(args []string) (config, binDir string) {
	flags, over := map[string]string{}, map[string]string{}
	for i := 0; i < len(args) && args[i] != "--"; i++ {
		name, value, ok := flag(args[i])
		if !ok {
			continue
		}
		switch name {
		case ConfigFlag, BinDirFlag, kubeletArg:
		default:
			continue
		}
		if !strings.Contains(args[i], "=") {
			if i++; i == len(args) {
				break
			}
			value = args[i]
		}
		if name != kubeletArg {
			flags[name] = value
			continue
		}
		inner, value, _ := strings.Cut(strings.TrimLeft(value, "-"), "=")
		over[inner] = value
	}
	for name, value := range over {
		flags[name] = value
	}
	return flags[ConfigFlag], flags[BinDirFlag]
}

// The kubelet's flags of credential providers, without dashes
// (cmd/kubelet/app/options/options.go). They are in no other place: its config file has
// no fields for them.
const (
	ConfigFlag = "image-credential-provider-config"
	BinDirFlag = "image-credential-provider-bin-dir"
)

// kubeletArg is the flag with which k3s and RKE2 hand others on.
const kubeletArg = "kubelet-arg"

// flag takes an argument apart, if it is a flag.
func flag(arg string) (name, value string, ok bool) {
	name, ok = strings.CutPrefix(arg, "-")
	if !ok {
		return "", "", false
	}
	name, value, _ = strings.Cut(strings.TrimPrefix(name, "-"), "=")
	return strings.ReplaceAll(name, "_", "-"), value, true
}
