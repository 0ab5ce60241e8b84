package policy

// PullGrant returns the statement of a repository's policy that lets roles pull from
// it: for roles of other accounts, whose own policies are not enough. It is bound to
// the repository by being in its policy
// (docs.aws.amazon.com/AmazonECR/latest/userguide/repository-policy-examples.html).
func PullGrant(sid string, roles []string) Statement {
	anyNode := Ask{Roles: everyRole}
	s := anyNode.allow(sid, pull, images, nil)
	s.Principal = Principal{"AWS": set(roles)}
	return s
}

// CacheGrant returns the statement of a registry's policy that lets roles fill its
// repositories of a pull-through cache, and create them, by pulling. Names may have *
// and ?
// (docs.aws.amazon.com/AmazonECR/latest/userguide/pull-through-cache-iam.html).
func CacheGrant(sid string, roles []string, partition, region, account string, names []string) Statement {
	anyNode := Ask{Roles: everyRole, Partition: partition}
	s := anyNode.allow(sid, pullCache, caches, anyNode.repositories(region, account, names))
	s.Principal = Principal{"AWS": set(roles)}
	return s
}
