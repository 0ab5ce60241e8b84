package aws

import (
	"context"
	"fmt"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
)

// Region is the node's: that of the environment or the profile, else the instance's.
// The metadata service has 3 s to answer.
func (t *Tokens) Region(ctx context.Context) (string, error) {
	f := fetch{Tokens: t}
	cfg, err := f.config(ctx)
	if err != nil {
		return "", f.explain(ctx, "reading the AWS configuration", err)
	}
	if cfg.Region != "" {
		return cfg.Region, nil
	}
	region, err := f.metadata.line(ctx, "/placement/region")
	if err != nil {
		return "", hint.Wrap(fmt.Errorf("finding the node's region: %w", err), "set AWS_REGION, or name the hosts to pull from")
	}
	return region, nil
}

// InstanceRole is the role of the instance profile whose credentials the node's
// default chain ends at; "" if it ends elsewhere, or the metadata service does not say
// within 3 s.
func (t *Tokens) InstanceRole(ctx context.Context) string {
	f := fetch{Tokens: t}
	cfg, err := f.config(ctx)
	if err != nil || !sdk.IsCredentialsProvider(cfg.Credentials, (*ec2rolecreds.Provider)(nil)) {
		return ""
	}
	role, _ := f.metadata.line(ctx, rolePath) // who fetches will say what is wrong
	return role
}
