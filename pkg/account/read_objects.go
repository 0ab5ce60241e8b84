package account

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
)

// reading is one Read: roles and profiles that several objects are part of are asked
// for once.
type reading struct {
	*Account
	present  map[plan.Object]plan.Present
	roles    map[string]*role
	profiles map[string]*profile
}

func (r *reading) role(ctx context.Context, name string) (*role, error) {
	if known, ok := r.roles[name]; ok {
		return known, nil
	}
	found, err := r.readRole(ctx, name)
	if err == nil {
		r.roles[name] = found
	}
	return found, err
}

func (r *reading) profile(ctx context.Context, name string) (*profile, error) {
	if known, ok := r.profiles[name]; ok {
		return known, nil
	}
	found, err := r.getProfile(ctx, name)
	if err == nil {
		r.profiles[name] = found
	}
	return found, err
}

// one reads an object of a kind that is read one by one.
func (r *reading) one(ctx context.Context, o plan.Object) (err error) {
	var p plan.Present
	switch o.Kind {
	case kindRole, kindTrust, kindBoundary, kindRoleTag, kindAttached, kindInline:
		p, err = r.ofRole(ctx, o)
	case kindProfile, kindProfileRole:
		p, err = r.ofProfile(ctx, o)
	case kindPolicy:
		p, err = r.ofPolicy(ctx, o, r.policyARNs(o.Name))
	case kindVersion:
		p, err = r.ofPolicy(ctx, o, []string{o.Of})
	case kindEntry:
		p, err = r.ofEntry(ctx, o)
	case kindAccessPolicy:
		p, err = r.ofAccessPolicy(ctx, o)
	case kindRegistry:
		p, err = r.ofRegistry(ctx, o)
	case kindRepository:
		p, err = r.ofRepository(ctx, o)
	}
	r.present[o] = p
	return err
}

func (r *reading) ofRole(ctx context.Context, o plan.Object) (plan.Present, error) {
	name := o.Of
	if name == "" {
		name = o.Name
	}
	found, err := r.role(ctx, name)
	if found == nil || err != nil {
		return plan.Present{}, err
	}
	p := plan.Present{Run: found.run}
	switch o.Kind {
	case kindRole:
		p.State = encode(roleState{found.path, json.RawMessage(found.trust), found.boundary, found.tags})
	case kindTrust:
		p.State = found.trust
	case kindBoundary:
		p.State = found.boundary
	case kindRoleTag:
		if value, ok := found.tags[o.Name]; ok {
			p.State = tagText(value)
		}
	case kindAttached:
		if found.attached[o.Name] {
			p.State = attached
		}
	case kindInline:
		p.State = found.inline[o.Name]
	}
	if p.State == "" {
		p.Run = ""
	}
	return p, nil
}

func (r *reading) ofProfile(ctx context.Context, o plan.Object) (plan.Present, error) {
	found, err := r.profile(ctx, o.Name)
	if found == nil || err != nil {
		return plan.Present{}, err
	}
	if o.Kind == kindProfileRole {
		return plan.Present{State: found.role}, nil
	}
	return plan.Present{State: encode(profileState{found.path, found.tags}), Run: found.run}, nil
}

// policyARNs are where a managed policy of ours may be: under the paths of the file.
func (a *Account) policyARNs(name string) []string {
	var all []string
	for _, g := range a.file.Nodes {
		if arn := a.policyARN(g.Path, name); !slices.Contains(all, arn) {
			all = append(all, arn)
		}
	}
	return all
}

func (r *reading) ofPolicy(ctx context.Context, o plan.Object, arns []string) (plan.Present, error) {
	for _, arn := range arns {
		found, err := r.getPolicy(ctx, arn)
		if err != nil {
			return plan.Present{}, err
		}
		if found == nil {
			continue
		}
		if o.Kind == kindVersion {
			return plan.Present{State: found.document}, nil
		}
		return plan.Present{State: encode(policyState{found.path, json.RawMessage(found.document), found.tags}), Run: found.run}, nil
	}
	return plan.Present{}, nil
}

// mostValues is how many values a filter of EC2 takes.
const mostValues = 200

// tags reads tags of EC2 resources, those of 200 resources in a call.
func (r *reading) tags(ctx context.Context, objects []plan.Object) error {
	resources, keys := map[string]bool{}, map[string]bool{}
	for _, o := range objects {
		resources[o.Of], keys[o.Name] = true, true
	}
	for some := range slices.Chunk(sorted(resources), mostValues) {
		pages := ec2.NewDescribeTagsPaginator(r.ec2, &ec2.DescribeTagsInput{Filters: []types.Filter{
			{Name: aws.String("resource-id"), Values: some},
			{Name: aws.String("key"), Values: sorted(keys)},
		}})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return does(err, "reading tags of %d resources", len(some))
			}
			for _, t := range page.Tags {
				o := plan.Object{Kind: kindTag, Name: aws.ToString(t.Key), Of: aws.ToString(t.ResourceId)}
				r.present[o] = plan.Present{State: tagText(aws.ToString(t.Value))}
			}
		}
	}
	return nil
}

// associations reads the profiles of instances, those of 200 in a call.
func (r *reading) associations(ctx context.Context, objects []plan.Object) error {
	var ids []string
	for _, o := range objects {
		ids = append(ids, o.Name)
	}
	for some := range slices.Chunk(ids, mostValues) {
		found, err := r.associationsOf(ctx, some)
		if err != nil {
			return err
		}
		for _, as := range found {
			r.present[plan.Object{Kind: kindAssociation, Name: aws.ToString(as.InstanceId)}] = plan.Present{State: aws.ToString(as.IamInstanceProfile.Arn)}
		}
	}
	return nil
}

// associationsOf are the profiles that instances have or are about to have.
func (a *Account) associationsOf(ctx context.Context, instances []string) ([]types.IamInstanceProfileAssociation, error) {
	var all []types.IamInstanceProfileAssociation
	pages := ec2.NewDescribeIamInstanceProfileAssociationsPaginator(a.ec2, &ec2.DescribeIamInstanceProfileAssociationsInput{Filters: []types.Filter{
		{Name: aws.String("instance-id"), Values: instances},
		{Name: aws.String("state"), Values: []string{"associating", "associated"}},
	}})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, does(err, "reading the instance profiles of %d instances", len(instances))
		}
		for _, as := range page.IamInstanceProfileAssociations {
			if as.IamInstanceProfile != nil {
				all = append(all, as)
			}
		}
	}
	return all, nil
}
