package provider

import (
	"fmt"
	"strings"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/registry"
)

// Mirrors maps hosts, host[:port] as images name them, to the ECR registry whose
// tokens they take: a pull-through proxy, a CNAME, a VPC endpoint's own name.
type Mirrors map[string]registry.Registry

// Add reads HOST=ECR_HOST. It refuses a HOST that is an ECR registry itself or
// has been given for another registry.
func (m Mirrors) Add(s string) error {
	host, target, ok := strings.Cut(s, "=")
	if !ok {
		return fmt.Errorf("%q is not HOST=ECR_HOST", s)
	}
	if h, err := registry.Host(host); err != nil || h != host {
		return fmt.Errorf("%q is not a host as images begin with it: HOST or HOST:PORT", host)
	}
	if _, err := registry.Parse(host); err == nil {
		return fmt.Errorf("%s is an ECR registry itself: its tokens are never another's", host)
	}
	reg, err := registry.Parse(target)
	if err != nil {
		return err
	}
	if earlier, ok := m[host]; ok && earlier != reg {
		return fmt.Errorf("%s is given twice, for %s and %s", host, earlier, reg)
	}
	m[host] = reg
	return nil
}
