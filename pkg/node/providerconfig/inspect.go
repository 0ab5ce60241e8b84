package providerconfig

import (
	"fmt"
	"time"

	kubeletv1 "k8s.io/kubelet/config/v1"
)

// A Provider is what is common to all of a config.
type Provider struct {
	// Name is that of its program in the bin dir.
	Name string
	// CacheDuration is how long the kubelet keeps an answer that says no duration.
	CacheDuration time.Duration
}

// Providers returns those of a config, in its order. The text need not pass Check.
func Providers(text string) ([]Provider, error) {
	c, err := read(text)
	if err != nil {
		return nil, err
	}
	var all []Provider
	for i := range c.providers {
		var p kubeletv1.CredentialProvider
		if err := convert(c.providers[i], &p); err != nil {
			return nil, fmt.Errorf("provider %q: %w", clip(c.name(i)), oneLine(err))
		}
		found := Provider{Name: p.Name}
		if p.DefaultCacheDuration != nil {
			found.CacheDuration = p.DefaultCacheDuration.Duration
		}
		all = append(all, found)
	}
	return all, nil
}
