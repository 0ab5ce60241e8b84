package policy

import "slices"

// pullStatements is what it takes to pull. A token is no resource's; all else is bound
// to repositories. What the identity is allowed counts in other accounts too, where
// the repository's policy must let it in besides
// (docs.aws.amazon.com/AmazonECR/latest/userguide/repository-policies.html).
func (a Ask) pullStatements() []Statement {
	own := a.Pull.Repositories
	if len(own) > 0 {
		own = append(slices.Clone(own), a.Pull.Cache...) // what a pull puts there, it also reads
	}
	var cached, foreign, roles []string
	if len(a.Pull.Cache) > 0 {
		cached = a.repositories(a.Region, a.Account, a.Pull.Cache)
	}
	for _, other := range a.Pull.CrossAccount {
		if other.Assume != "" {
			roles = append(roles, other.Assume)
			continue
		}
		region := other.Region
		if region == "" {
			region = a.Region
		}
		foreign = append(foreign, a.repositories(region, other.Account, other.Repositories)...)
	}
	var public []string
	if a.Pull.Public {
		public = []string{"*"}
	}
	return slices.DeleteFunc([]Statement{
		a.allow("EcrToken", pull, anywhere, []string{"*"}),
		a.allow("EcrPull", pull, images, a.repositories(a.Region, a.Account, own)),
		a.allow("EcrPullCrossAccount", pull, images, set(foreign)),
		a.allow("EcrPullThroughCache", pullCache, caches, cached),
		a.allow("EcrPullRoles", pullAssume, pullRoles, set(roles)),
		a.allow("EcrPublicToken", pullPublic, anywhere, public),
	}, func(s Statement) bool { return len(s.Resources) == 0 })
}

func (a Ask) allow(sid string, f Feature, on form, resources []string) Statement {
	actions := a.actions([]Feature{f}, func(c call) bool { return c.form == on })
	return Statement{Sid: sid, Effect: Allow, Actions: actions, Resources: resources}
}

// repositories are the ARNs of repositories, sorted; of all if none is named.
func (a Ask) repositories(region, account string, names []string) []string {
	if len(names) == 0 || slices.Contains(names, "*") {
		names = []string{"*"}
	}
	arns := make([]string, 0, len(names))
	for _, name := range names {
		arns = append(arns, "arn:"+a.Partition+":ecr:"+region+":"+account+":repository/"+name)
	}
	return set(arns)
}
