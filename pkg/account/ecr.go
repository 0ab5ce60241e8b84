package account

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/account/policy"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/config"
	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
)

// ecrWorld is the registry of the account and region as it is, as far as the file
// speaks of it. A policy without statements is none.
type ecrWorld struct {
	registry     policy.Document
	repositories map[string]policy.Document // by name, of those that were looked at
	missing      []string                   // repositories that the file names
	rules        []string                   // prefixes of the pull-through cache rules
}

// readECR reads the registry's policy, and those of the repositories that the file
// names as they are, without wildcards; of all, if it lets other accounts pull, so
// that what it no longer lets them pull is seen.
func (a *Account) readECR(ctx context.Context) (ecrWorld, error) {
	var w ecrWorld
	pull := a.file.Pull
	if pull.Lifecycle == config.Ignore {
		return w, nil
	}
	var err error
	if w.registry, err = a.registryPolicy(ctx); err != nil {
		return w, err
	}
	names := slices.DeleteFunc(slices.Clone(pull.Repositories), func(name string) bool { return strings.ContainsAny(name, "*?") })
	if len(pull.Allow) > 0 {
		all, err := a.allRepositories(ctx)
		if err != nil {
			return w, err
		}
		names = append(names, all...)
	}
	slices.Sort(names)
	if err := a.readRepositories(ctx, &w, slices.Compact(names)); err != nil {
		return w, err
	}
	if len(a.cached()) > 0 && a.hasPullThroughCache() {
		w.rules, err = a.cacheRules(ctx)
	}
	return w, err
}

// readRepositories reads the policies of repositories, some at a time: there is no
// call for several.
func (a *Account) readRepositories(ctx context.Context, w *ecrWorld, names []string) error {
	const atOnce = 8
	var (
		mu     sync.Mutex // of w and failed
		failed error
		group  sync.WaitGroup
		free   = make(chan struct{}, atOnce)
	)
	w.repositories = map[string]policy.Document{}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for _, name := range names {
		free <- struct{}{}
		group.Go(func() {
			defer func() { <-free }()
			document, found, err := a.repositoryPolicy(ctx, name)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil && failed == nil:
				failed = err
				cancel()
			case err == nil && found:
				w.repositories[name] = document
			case err == nil:
				w.missing = append(w.missing, name)
			}
		})
	}
	group.Wait()
	slices.Sort(w.missing)
	return failed
}

// repositoryPolicy is the policy of a repository, and whether there is the repository.
func (a *Account) repositoryPolicy(ctx context.Context, repository string) (d policy.Document, found bool, err error) {
	text, found, err := a.repositoryText(ctx, repository)
	if err == nil && text != "" {
		d, err = policy.Parse(text)
		err = does(err, "reading the policy of repository %s", repository)
	}
	return d, found, err
}

// repositoryText is the policy as ECR has it, "" if there is none.
func (a *Account) repositoryText(ctx context.Context, repository string) (text string, found bool, err error) {
	out, err := a.ecr.GetRepositoryPolicy(ctx, &ecr.GetRepositoryPolicyInput{RepositoryName: &repository})
	switch code(err) {
	case "RepositoryPolicyNotFoundException":
		return "", true, nil
	case "RepositoryNotFoundException":
		return "", false, nil
	}
	if err != nil {
		return "", false, does(err, "reading the policy of repository %s", repository)
	}
	return aws.ToString(out.PolicyText), true, nil
}

func (a *Account) registryPolicy(ctx context.Context) (d policy.Document, err error) {
	text, err := a.registryText(ctx)
	if err == nil && text != "" {
		d, err = policy.Parse(text)
		err = does(err, "reading the policy of the registry in %s", a.file.Region)
	}
	return d, err
}

// registryText is the policy as ECR has it, "" if there is none.
func (a *Account) registryText(ctx context.Context) (string, error) {
	out, err := a.ecr.GetRegistryPolicy(ctx, &ecr.GetRegistryPolicyInput{})
	if code(err) == "RegistryPolicyNotFoundException" {
		return "", nil
	}
	if err != nil {
		return "", does(err, "reading the policy of the registry in %s", a.file.Region)
	}
	return aws.ToString(out.PolicyText), nil
}

func (a *Account) allRepositories(ctx context.Context) ([]string, error) {
	var all []string
	pages := ecr.NewDescribeRepositoriesPaginator(a.ecr, &ecr.DescribeRepositoriesInput{MaxResults: aws.Int32(1000)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, does(err, "listing the repositories in %s", a.file.Region)
		}
		for _, r := range page.Repositories {
			all = append(all, aws.ToString(r.RepositoryName))
		}
	}
	return all, nil
}

func (a *Account) cacheRules(ctx context.Context) ([]string, error) {
	var all []string
	pages := ecr.NewDescribePullThroughCacheRulesPaginator(a.ecr, &ecr.DescribePullThroughCacheRulesInput{MaxResults: aws.Int32(1000)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, does(err, "listing the pull-through cache rules in %s", a.file.Region)
		}
		for _, r := range page.PullThroughCacheRules {
			all = append(all, aws.ToString(r.EcrRepositoryPrefix))
		}
	}
	return all, nil
}

// cached are the patterns of repositories that pulls may create and fill, whoever
// pulls.
func (a *Account) cached() []string {
	all := slices.Clone(a.file.Pull.PullThroughCache)
	for _, other := range a.file.Pull.Allow {
		all = append(all, other.PullThroughCache...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// hasPullThroughCache says whether ECR has it in the partition
// (docs.aws.amazon.com/AmazonECR/latest/userguide/pull-through-cache.html,
// considerations).
func (a *Account) hasPullThroughCache() bool {
	return a.partition != "aws-cn" && a.partition != "aws-us-gov"
}

// planECR compares the policies of the registry and of its repositories. Pulls of
// this account's own nodes need nothing there: within an account the role's policy is
// enough, also for a pull-through cache
// (docs.aws.amazon.com/AmazonECR/latest/userguide/pull-through-cache-iam.html). What
// is granted is granted to other accounts; and what is denied is found.
func (a *Account) planECR(d *draft, w *world) {
	a.pullsByHand(d, w.groups)
	if a.file.Pull.Lifecycle == config.Ignore {
		return
	}
	a.checkCache(d, w.ecr)
	a.checkRepositories(d, w)
	a.planRegistry(d, w.ecr)
	a.planRepositories(d, w.ecr)
}

func registryObject(sid string) plan.Object { return plan.Object{Kind: kindRegistry, Name: sid} }

func repositoryObject(sid, repository string) plan.Object {
	return plan.Object{Kind: kindRepository, Name: sid, Of: repository}
}

// checkCache looks for the rules without which nothing is cached.
func (a *Account) checkCache(d *draft, w ecrWorld) {
	for _, pattern := range a.cached() {
		object := plan.Object{Kind: "pull-through cache", Name: pattern}
		if !a.hasPullThroughCache() {
			d.find("ecr-no-pull-through-cache", plan.Warning, object, "take it out of pull.pullThroughCache, and push the images",
				"ECR has no pull-through cache in the partition %s", a.partition)
			continue
		}
		// The rule ROOT is for all that no other is for.
		if slices.ContainsFunc(w.rules, func(prefix string) bool { return prefix == "ROOT" || overlap(pattern, prefix+"/*") }) {
			continue
		}
		prefix, _, _ := strings.Cut(pattern, "/")
		d.find("ecr-no-cache-rule", plan.Warning, object,
			fmt.Sprintf("aws ecr create-pull-through-cache-rule --region %s --ecr-repository-prefix %s --upstream-registry-url HOST (with --credential-arn where the upstream wants a login)", a.file.Region, prefix),
			"no pull-through cache rule has a prefix of it, and ECR answers pulls as if the repository did not exist")
	}
}

// checkRepositories says which of the file's repositories are not there, and what
// policies in the registry deny to the nodes, which no policy of their roles mends.
func (a *Account) checkRepositories(d *draft, w *world) {
	for _, repository := range w.ecr.missing {
		d.find("ecr-repository-missing", plan.Note, plan.Object{Kind: "repository", Name: repository},
			fmt.Sprintf("aws ecr create-repository --region %s --repository-name %s", a.file.Region, repository),
			"the file names it, and there is no such repository in account %s, region %s", a.file.Account, a.file.Region)
	}
	const fix = "exempt the roles from the statement, if their nodes shall pull"
	for _, s := range w.ecr.registry.Statements {
		if who := a.denied(s, w.groups); who != "" {
			d.find("ecr-denied", plan.Warning, registryObject(s.Sid), fix, "it denies pulls to %s", who)
		}
	}
	for _, repository := range sorted(w.ecr.repositories) {
		if !a.pulls(repository) {
			continue
		}
		for _, s := range w.ecr.repositories[repository].Statements {
			if who := a.denied(s, w.groups); who != "" {
				d.find("ecr-denied", plan.Warning, repositoryObject(s.Sid, repository), fix, "it denies pulls to %s", who)
			}
		}
	}
}

// pulls says whether the file's nodes pull from the repository.
func (a *Account) pulls(repository string) bool {
	return len(a.file.Pull.Repositories) == 0 ||
		slices.ContainsFunc(a.file.Pull.Repositories, func(pattern string) bool { return overlap(pattern, repository) })
}

// planRegistry compares the statements of the registry's policy that let other
// accounts fill a pull-through cache. They have to be there: a repository that is not
// yet there has no policy.
func (a *Account) planRegistry(d *draft, w ecrWorld) {
	wanted := map[string]string{}
	for _, s := range a.cacheGrants() {
		wanted[s.Sid] = statementText(s)
	}
	a.planStatements(d, w.registry, wanted, a.cacheSids().MatchString, registryObject)
}

// planRepositories compares the statements that let other accounts pull, one for each
// repository.
func (a *Account) planRepositories(d *draft, w ecrWorld) {
	for _, other := range a.file.Pull.Allow {
		for _, pattern := range other.Repositories {
			if !slices.ContainsFunc(sorted(w.repositories), func(name string) bool { return overlap(pattern, name) }) {
				d.find("ecr-allow-nothing", plan.Note, plan.Object{Kind: "repository", Name: pattern}, "apply again once there is one",
					"account %s is to pull from it, and there is no such repository", other.Account)
			}
		}
	}
	ours := func(sid string) bool { return sid == a.sid("Pull") }
	for _, repository := range sorted(w.repositories) {
		wanted := map[string]string{}
		if who := a.pullers(repository); len(who) > 0 {
			s := policy.PullGrant(a.sid("Pull"), who)
			wanted[s.Sid] = statementText(s)
		}
		a.planStatements(d, w.repositories[repository], wanted, ours, func(sid string) plan.Object {
			return repositoryObject(sid, repository)
		})
	}
}

// planStatements compares those statements of a policy that are ours by their Sid.
func (a *Account) planStatements(d *draft, present policy.Document, wanted map[string]string, ours func(sid string) bool, object func(sid string) plan.Object) {
	sids := map[string]bool{}
	for sid := range wanted {
		sids[sid] = true
	}
	for _, s := range present.Statements {
		if ours(s.Sid) {
			sids[s.Sid] = true
		}
	}
	for _, sid := range sorted(sids) {
		before := statementOf(present, sid)
		if sameStatement(before, wanted[sid]) {
			continue
		}
		d.differ(a.file.Pull.Lifecycle, plan.Change{
			Object: object(sid), Why: "pull.allow", Before: before, After: wanted[sid],
		})
	}
}
