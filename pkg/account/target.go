package account

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
)

// Batch implements [plan.Target]. Tags of EC2 resources go together: CreateTags takes
// a thousand resources, each of which gets all tags of the call. Statements of the
// registry's policy go together because it is written whole: two writes at once would
// undo each other.
func (a *Account) Batch(c plan.Change) (key string, most int) {
	const mostResources = 1000
	switch c.Kind {
	case kindTag:
		return c.Name + "\x00" + c.Before + "\x00" + c.After, mostResources
	case kindRegistry:
		return kindRegistry, math.MaxInt
	}
	return "", 1
}

// Write implements [plan.Target].
func (a *Account) Write(ctx context.Context, runs plan.Runs, changes []plan.Change) error {
	c := changes[0]
	switch c.Kind {
	case kindPolicy:
		return a.writePolicy(ctx, runs, c)
	case kindVersion:
		return a.writeVersion(ctx, c)
	case kindRole:
		return a.writeRole(ctx, runs, c)
	case kindTrust:
		return a.writeTrust(ctx, c)
	case kindBoundary:
		return a.writeBoundary(ctx, c)
	case kindRoleTag:
		return a.writeRoleTag(ctx, c)
	case kindAttached:
		return a.writeAttached(ctx, c)
	case kindInline:
		return a.writeInline(ctx, c)
	case kindProfile:
		return a.writeProfile(ctx, runs, c)
	case kindProfileRole:
		return a.writeProfileRole(ctx, c)
	case kindAssociation:
		return a.writeAssociation(ctx, c)
	case kindTag:
		return a.writeTags(ctx, changes)
	case kindGroupTag:
		return a.writeGroupTag(ctx, c)
	case kindEntry:
		return a.writeEntry(ctx, runs, c)
	case kindAccessPolicy:
		return a.writeAccessPolicy(ctx, c)
	case kindRegistry:
		return a.writeRegistryStatements(ctx, changes)
	case kindRepository:
		return a.writeRepositoryStatement(ctx, c)
	}
	return fmt.Errorf("%s is of no kind that this version knows", c.Object)
}

// Kinds is the order in which the kinds of objects are made, for [plan.Undo].
func Kinds() []string { return slices.Clone(kinds) }

// Read implements [plan.Target]. Objects of one owner are read together.
func (a *Account) Read(ctx context.Context, objects []plan.Object) (map[plan.Object]plan.Present, error) {
	r := reading{Account: a, present: map[plan.Object]plan.Present{}, roles: map[string]*role{}, profiles: map[string]*profile{}}
	byKind := map[string][]plan.Object{}
	for _, o := range objects {
		byKind[o.Kind] = append(byKind[o.Kind], o)
	}
	for kind, all := range byKind {
		var err error
		switch kind {
		case kindTag:
			err = r.tags(ctx, all)
		case kindAssociation:
			err = r.associations(ctx, all)
		case kindGroupTag:
			err = r.groupTags(ctx, all)
		default:
			for _, o := range all {
				if err = r.one(ctx, o); err != nil {
					break
				}
			}
		}
		if err != nil {
			return nil, err
		}
	}
	return r.present, nil
}
