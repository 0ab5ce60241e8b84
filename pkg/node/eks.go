package node

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/kubelet-ecr/kubelet-ecr/deploy"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
)

// nodeConfigDir is where nodeadm takes more NodeConfigs from, over those of the user
// data, if its unit says so.
const nodeConfigDir = "/etc/eks/nodeadm.d"

// nodeConfig is our drop-in. nodeadm reads the directory in the order of os.ReadDir,
// by the bytes of the names, and appends the flags of each to those before
// (awslabs/amazon-eks-ami, nodeadm/internal/configprovider/file.go,
// provideFromDirectory); the kubelet takes the last of a flag. So this one is to be the
// last.
const nodeConfig = nodeConfigDir + "/zz-ecr-credential-provider.yaml"

// nodeadmFlags is where nodeadm writes the kubelet's flags when the node boots
// (nodeadm/internal/kubelet/environment.go).
const nodeadmFlags = "/etc/eks/kubelet/environment"

// Where nodeadm has its own config and program
// (nodeadm/internal/kubelet/image-credential-provider.go).
const (
	nodeadmBinDir = "/etc/eks/image-credential-provider"
	nodeadmConfig = nodeadmBinDir + "/config.json"
)

// placeEKS has nodeadm give the kubelet our config and bin dir instead of its own,
// which it writes anew at every boot.
func placeEKS(p *planner) error {
	u, ok, err := readUnit(p.tree, "nodeadm-run.service")
	if err != nil {
		return err
	}
	if !ok {
		return hint.Wrap(errors.New("there is no nodeadm-run.service: this is no AMI of Amazon Linux 2023 for EKS"),
			"on Amazon Linux 2 and others use --distribution generic, and put the two flags into --kubelet-extra-args of bootstrap.sh")
	}
	p.out.Config, p.out.BinDir, p.told = freeConfig, freeBinDir, p.tree.Exists(nodeConfig)
	k, _, err := readUnit(p.tree, "kubelet.service")
	if err != nil {
		return err
	}
	p.service("kubelet.service", k)
	args, err := k.arguments(p.tree)
	if err != nil {
		return err
	}
	p.kubelet.TokenGate = tokenGate(p.tree, args)
	p.out.Effective, p.out.AtBoot = "at the next boot: nodeadm writes the kubelet's flags then", true
	if !strings.Contains(u.last("ExecStart"), "file://"+nodeConfigDir) {
		text, err := p.nodeConfigText()
		if err != nil {
			return err
		}
		p.find(plan.Finding{
			Code: "no-drop-ins", Level: plan.Blocks, Object: u.file,
			Detail: "it does not name " + nodeConfigDir + ", so that nodeadm would not read a NodeConfig there",
			Fix: fmt.Sprintf("install with --distribution generic --bin-dir %s --config %s, and put this into the user data, behind the other parts:\n%s",
				freeBinDir, freeConfig, text),
		})
		return nil
	}
	for _, other := range p.tree.Glob(path.Join(nodeConfigDir, "*")) {
		if other > nodeConfig {
			text, err := p.tree.ReadLinked(other)
			if err == nil && strings.Contains(text, "image-credential-provider") {
				return fmt.Errorf("%s comes behind ours and sets the same flags", other)
			}
		}
	}
	p.wire = append(p.wire, func() error {
		text, err := p.nodeConfigText()
		if err != nil {
			return err
		}
		return p.text(kindFlags, nodeConfig, "has nodeadm tell the kubelet where both are", text)
	})
	return nil
}

func (p *planner) nodeConfigText() (string, error) {
	return deploy.Render(deploy.NodeConfig, deploy.NodeConfigDropIn{Flags: p.flags()})
}

// placeGeneric puts both where the operator says. The kubelet is his to wire.
func placeGeneric(p *planner) error {
	o := p.options
	for _, flag := range [][2]string{{"--bin-dir", o.BinDir}, {"--config", o.Config}} {
		if value := flag[1]; !path.IsAbs(value) || path.Clean(value) != value {
			return hint.Wrap(fmt.Errorf("--distribution generic needs %s, a clean absolute path as the node knows it", flag[0]),
				"for example --bin-dir %s --config %s", freeBinDir, freeConfig)
		}
	}
	p.out.BinDir, p.out.Config = o.BinDir, o.Config
	p.out.Effective = "once the kubelet is started with " + strings.Join(p.flags(), " ")
	return nil
}
