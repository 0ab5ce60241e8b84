package account

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/account/policy"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
)

// merged is the policy with the changes made to the statements that they are of, and
// whether it differs from before. ECR keeps whole documents, so those of others are
// written too, as they were read.
func merged(d policy.Document, changes []plan.Change) (out policy.Document, differs bool, err error) {
	for _, c := range changes {
		present := statementOf(d, c.Name)
		switch {
		case sameStatement(present, c.After):
			continue
		case present != "" && !sameStatement(present, c.Before):
			return d, false, fmt.Errorf("%s has changed in the meantime: it is left", c.Object)
		}
		differs = true
		if c.After == "" {
			d = d.Without(c.Name)
			continue
		}
		statement, err := policy.Parse(c.After)
		if err != nil {
			return d, false, fmt.Errorf("%s: %w", c.Object, err)
		}
		d = d.With(statement.Statements...)
	}
	return d, differs, nil
}

// writeRegistryStatements changes statements of the registry's policy, all in one
// write. A policy that has none left is deleted.
func (a *Account) writeRegistryStatements(ctx context.Context, changes []plan.Change) error {
	present, err := a.registryPolicy(ctx)
	if err != nil {
		return err
	}
	document, differs, err := merged(present, changes)
	if err != nil || !differs {
		return err
	}
	if len(document.Statements) == 0 {
		_, err := a.ecr.DeleteRegistryPolicy(ctx, &ecr.DeleteRegistryPolicyInput{})
		if code(err) == "RegistryPolicyNotFoundException" {
			return nil
		}
		return does(err, "deleting the policy of the registry in %s", a.file.Region)
	}
	_, err = a.ecr.PutRegistryPolicy(ctx, &ecr.PutRegistryPolicyInput{PolicyText: aws.String(documentText(document))})
	err = does(err, "writing the policy of the registry in %s", a.file.Region)
	if err != nil && code(err) == "InvalidParameterException" {
		return hint.Wrap(err, "the roles of pull.allow must be there already; and a registry with the old policy scope takes no pulls: `aws ecr put-account-setting --region %s --name REGISTRY_POLICY_SCOPE --value V2`", a.file.Region)
	}
	return err
}

// writeRepositoryStatement changes a statement of a repository's policy. A policy that
// has none left is deleted.
func (a *Account) writeRepositoryStatement(ctx context.Context, c plan.Change) error {
	present, _, err := a.repositoryPolicy(ctx, c.Of)
	if err != nil {
		return err
	}
	document, differs, err := merged(present, []plan.Change{c})
	if err != nil || !differs {
		return err
	}
	if len(document.Statements) == 0 {
		_, err := a.ecr.DeleteRepositoryPolicy(ctx, &ecr.DeleteRepositoryPolicyInput{RepositoryName: &c.Of})
		if gone := []string{"RepositoryPolicyNotFoundException", "RepositoryNotFoundException"}; slices.Contains(gone, code(err)) {
			return nil
		}
		return does(err, "deleting the policy of repository %s", c.Of)
	}
	_, err = a.ecr.SetRepositoryPolicy(ctx, &ecr.SetRepositoryPolicyInput{RepositoryName: &c.Of, PolicyText: aws.String(documentText(document))})
	err = does(err, "writing the policy of repository %s", c.Of)
	if err != nil && code(err) == "InvalidParameterException" {
		// "Principal not found" (hashicorp/terraform-provider-aws#39064).
		return hint.Wrap(err, "the roles of pull.allow must be there already: let the other account create them first, or leave principals out, which lets in the account as a whole")
	}
	return err
}

func (r *reading) ofRegistry(ctx context.Context, o plan.Object) (plan.Present, error) {
	d, err := r.registryPolicy(ctx)
	return plan.Present{State: statementOf(d, o.Name)}, err
}

func (r *reading) ofRepository(ctx context.Context, o plan.Object) (plan.Present, error) {
	d, _, err := r.repositoryPolicy(ctx, o.Of)
	return plan.Present{State: statementOf(d, o.Name)}, err
}
