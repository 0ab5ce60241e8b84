package config_test

// badTypes has keys and values of which each is wrong by itself.
var badTypes = []badCase{
	{
		name: "unknown keys", schema: refuses,
		text: head +
			"Pull: {public: true}\n" +
			"nodes:\n" +
			"  - name: a\n" +
			"    roles: [worker]\n" +
			"    instances: {auto_scaling_group: a, id: [i-0abc]}\n" +
			"    colour: red\n" +
			"    lifecycle: ignore\n",
		want: []string{
			`5:1: Pull: unknown key; did you mean "pull"?`,
			`9:17: nodes[0].instances.auto_scaling_group: unknown key; did you mean "autoScalingGroup"?`,
			`9:40: nodes[0].instances.id: unknown key; did you mean "ids"?`,
			"10:5: nodes[0].colour: unknown key; known here: name, roles, instances, features, scope, profile, role, instanceProfile, path, boundary, trustPrincipals, managedPolicies, policyKind, tags, iam, tagging, association",
			"11:5: nodes[0].lifecycle: unknown key; known here: name, roles, instances, features, scope, profile, role, instanceProfile, path, boundary, trustPrincipals, managedPolicies, policyKind, tags, iam, tagging, association",
		},
	},
	{
		name: "a misspelt key is not missing too", schema: refuses,
		text: "version: 1\n" +
			"clutser: prod-1\n" +
			"account: \"123456789012\"\n" +
			"region: eu-central-1\n",
		want: []string{
			`2:1: clutser: unknown key; did you mean "cluster"?`,
		},
	},
	{
		name: "two letters swapped", schema: refuses,
		text: head +
			"ndoes: []\n",
		want: []string{
			`5:1: ndoes: unknown key; did you mean "nodes"?`,
		},
	},
	{
		name: "blanks behind the value", schema: refuses,
		text: "version: 1\n" +
			"cluster: a/b  \n" +
			"account: \"123456789012\"\n" +
			"region: eu-central-1\n",
		want: []string{
			`2:10: cluster: want a ClusterID: letters, digits and . _ - : + = @, a letter or digit first, got "a/b"`,
		},
	},
	{
		name: "a long unknown key", schema: refuses,
		text: head +
			"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx: 1\n",
		want: []string{
			`5:1: ["xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"]: unknown key; known here: version, cluster, account, region, nodes, network, pull, eks`,
		},
	},
	{
		name: "a key that needs quotes", schema: refuses,
		text: head +
			"\"a b.c\": 1\n",
		want: []string{
			`5:1: ["a b.c"]: unknown key; known here: version, cluster, account, region, nodes, network, pull, eks`,
		},
	},
	{
		name: "a list for a mapping", schema: refuses,
		text: head +
			"network: [subnet-01]\n",
		want: []string{
			"5:10: network: want a mapping, got a list",
		},
	},
	{
		name: "a mapping for a list", schema: refuses,
		text: head +
			"nodes: {name: a, roles: [worker]}\n",
		want: []string{
			"5:8: nodes: want a list of mappings, got a mapping",
		},
	},
	{
		name: "a list for a mapping of texts", schema: refuses,
		text: head +
			"pull: {mirrors: [registry.corp.example]}\n",
		want: []string{
			"5:17: pull.mirrors: want a mapping, got a list",
		},
	},
	{
		name: "a number for a list", schema: refuses,
		text: head +
			"nodes:\n" +
			"  - {name: a, roles: 7}\n",
		want: []string{
			"6:22: nodes[0].roles: want a list of strings, got a number",
		},
	},
	{
		name: "a string for a list", schema: refuses,
		text: head +
			"nodes:\n" +
			"  - {name: a, roles: worker}\n",
		want: []string{
			"6:22: nodes[0].roles: want a list of strings, got a string: write it in brackets, [worker]",
		},
	},
	{
		name: "a number for a string", schema: refuses,
		text: head +
			"nodes:\n" +
			"  - {name: 7, roles: [worker]}\n",
		want: []string{
			`6:12: nodes[0].name: want a string, got a number: write it in quotes, "7"`,
		},
	},
	{
		name: "true for a string", schema: refuses,
		text: head +
			"nodes:\n" +
			"  - {name: a, roles: [worker], tags: {team: True}}\n",
		want: []string{
			`6:45: nodes[0].tags.team: want a string, got true or false: write it in quotes, "True"`,
		},
	},
	{
		name: "old numbers are numbers", schema: refuses,
		text: head +
			"nodes:\n" +
			"  - {name: a, roles: [worker], tags: {a: 1_000, b: 0x1F, c: 1e3, d: .5}}\n",
		want: []string{
			`6:42: nodes[0].tags.a: want a string, got a number: write it in quotes, "1_000"`,
			`6:52: nodes[0].tags.b: want a string, got a number: write it in quotes, "0x1F"`,
			`6:61: nodes[0].tags.c: want a string, got a number: write it in quotes, "1e3"`,
			`6:69: nodes[0].tags.d: want a string, got a number: write it in quotes, ".5"`,
		},
	},
	{
		name: "yes for true", schema: refuses,
		text: head +
			"pull: {public: yes}\n",
		want: []string{
			"5:16: pull.public: want true or false, got a string",
		},
	},
	{
		name: "two clusters", schema: refuses,
		text: "version: 1\n" +
			"cluster: [prod-1, prod-2]\n" +
			"account: \"123456789012\"\n" +
			"region: eu-central-1\n",
		want: []string{
			"2:10: cluster: want a string, got a list: a file describes one cluster",
		},
	},
	{
		name: "nothing", schema: refuses,
		text: head +
			"network:\n" +
			"pull: ~\n",
		want: []string{
			"5:9: network: want a mapping, got nothing: fill it in, or take the key out",
			"6:7: pull: want a mapping, got nothing: fill it in, or take the key out",
		},
	},
	{
		name: "an empty list", schema: refuses,
		text: head +
			"pull: {repositories: []}\n",
		want: []string{
			"5:22: pull.repositories: an empty list: take the key out, or name something",
		},
	},
	{
		name: "an empty mapping", schema: refuses,
		text: head +
			"pull: {mirrors: {}}\n",
		want: []string{
			"5:17: pull.mirrors: an empty mapping: take the key out, or name something",
		},
	},
	{
		name: "twice in a list", schema: refuses,
		text: head +
			"nodes:\n" +
			"  - {name: a, roles: [worker, etcd, worker]}\n",
		want: []string{
			`6:37: nodes[0].roles[2]: "worker" is there twice, first in line 6`,
		},
	},
	{
		name: "an account without quotes", schema: refuses,
		text: "version: 1\n" +
			"cluster: prod-1\n" +
			"account: 123456789012\n" +
			"region: eu-central-1\n",
		want: []string{
			`3:10: account: 123456789012 is a number without quotes, which loses its zeros in front: write "123456789012"`,
		},
	},
	{
		name: "an account without quotes and zeros", schema: refuses,
		text: "version: 1\n" +
			"cluster: prod-1\n" +
			"account: 3456789012\n" +
			"region: eu-central-1\n",
		want: []string{
			`3:10: account: 3456789012 is a number of 10 digits, and an account has 12: if zeros in front were lost, write "003456789012", in quotes`,
		},
	},
	{
		name: "an account with a zero in front, without quotes", schema: refuses,
		text: "version: 1\n" +
			"cluster: prod-1\n" +
			"account: 012345670123\n" +
			"region: eu-central-1\n",
		want: []string{
			`3:10: account: 012345670123 is a number without quotes, which loses its zeros in front: write "012345670123"`,
		},
	},
	{
		name: "an account as a fraction", schema: refuses,
		text: "version: 1\n" +
			"cluster: prod-1\n" +
			"account: 1.5e11\n" +
			"region: eu-central-1\n",
		want: []string{
			"3:10: account: want an account number, 12 digits in quotes, got the number 1.5e11",
		},
	},
	{
		name: "an account of 11 digits", schema: refuses,
		text: "version: 1\n" +
			"cluster: prod-1\n" +
			"account: \"23456789012\"\n" +
			"region: eu-central-1\n",
		want: []string{
			`3:10: account: want an account number, 12 digits, got 11: "23456789012"`,
		},
	},
	{
		name: "an account with hyphens", schema: refuses,
		text: "version: 1\n" +
			"cluster: prod-1\n" +
			"account: \"1234-5678-9012\"\n" +
			"region: eu-central-1\n",
		want: []string{
			`3:10: account: want an account number, 12 digits without hyphens, got "1234-5678-9012"`,
		},
	},
	{
		name: "another account without quotes", schema: refuses,
		text: head +
			"pull: {crossAccount: [{account: 210987654321}]}\n",
		want: []string{
			`5:33: pull.crossAccount[0].account: 210987654321 is a number without quotes, which loses its zeros in front: write "210987654321"`,
		},
	},
	{
		name: "a ClusterID of 106 characters", schema: refuses,
		text: "version: 1\n" +
			"cluster: cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc\n" +
			"account: \"123456789012\"\n" +
			"region: eu-central-1\n",
		want: []string{
			"2:10: cluster: 106 characters, and at most 105 are allowed: the key of the tag kubernetes.io/cluster/... would have 128, EC2 allows 127",
		},
	},
	{
		name: "a ClusterID with a slash", schema: refuses,
		text: "version: 1\n" +
			"cluster: team/prod\n" +
			"account: \"123456789012\"\n" +
			"region: eu-central-1\n",
		want: []string{
			`2:10: cluster: want a ClusterID: letters, digits and . _ - : + = @, a letter or digit first, got "team/prod"`,
		},
	},
	{
		name: "an empty ClusterID", schema: refuses,
		text: "version: 1\n" +
			"cluster: \"\"\n" +
			"account: \"123456789012\"\n" +
			"region: eu-central-1\n",
		want: []string{
			`2:10: cluster: want a ClusterID: letters, digits and . _ - : + = @, a letter or digit first, got ""`,
		},
	},
	{
		name: "an availability zone", schema: refuses,
		text: "version: 1\n" +
			"cluster: prod-1\n" +
			"account: \"123456789012\"\n" +
			"region: eu-central-1a\n",
		want: []string{
			`4:9: region: "eu-central-1a" is an availability zone: want its region, eu-central-1`,
		},
	},
	{
		name: "a region without its hyphen", schema: refuses,
		text: "version: 1\n" +
			"cluster: prod-1\n" +
			"account: \"123456789012\"\n" +
			"region: eu-central1\n",
		want: []string{
			`4:9: region: want a region, as eu-central-1, got "eu-central1"`,
		},
	},
	{
		name: "a region of no partition", schema: takes,
		text: "version: 1\n" +
			"cluster: prod-1\n" +
			"account: \"123456789012\"\n" +
			"region: us-isox-east-1\n",
		want: []string{
			`4:9: region: "us-isox-east-1" is a region of no partition that this program knows`,
		},
	},
	{
		name: "a text too long to repeat", schema: refuses,
		text: "version: 1\n" +
			"cluster: prod-1\n" +
			"account: \"123456789012\"\n" +
			"region: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n",
		want: []string{
			`4:9: region: want a region, as eu-central-1, got "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...`,
		},
	},
	{
		name: "keys of another format", schema: refuses,
		text: "b: 1\n" +
			"d: 1\n" +
			"f: 1\n" +
			"h: 1\n" +
			"j: 1\n" +
			"l: 1\n" +
			"q: 1\n" +
			"r: 1\n" +
			"s: 1\n" +
			"t: 1\n" +
			"u: 1\n" +
			"w: 1\n" +
			"x: 1\n" +
			"z: 1\n",
		want: []string{
			"1:1: b: unknown key; known here: version, cluster, account, region, nodes, network, pull, eks",
			"2:1: d: unknown key; known here: version, cluster, account, region, nodes, network, pull, eks",
			"3:1: f: unknown key; known here: version, cluster, account, region, nodes, network, pull, eks",
			"4:1: h: unknown key; known here: version, cluster, account, region, nodes, network, pull, eks",
			"5:1: j: unknown key; known here: version, cluster, account, region, nodes, network, pull, eks",
			"6:1: l: unknown key; known here: version, cluster, account, region, nodes, network, pull, eks",
			"7:1: q: unknown key; known here: version, cluster, account, region, nodes, network, pull, eks",
			"8:1: r: unknown key; known here: version, cluster, account, region, nodes, network, pull, eks",
			"9:1: s: unknown key; known here: version, cluster, account, region, nodes, network, pull, eks",
			"10:1: t: unknown key; known here: version, cluster, account, region, nodes, network, pull, eks",
			" and 4 more",
		},
	},
	{
		name: "a text twice in a mapping", schema: notForIt,
		text: head +
			"pull:\n" +
			"  mirrors:\n" +
			"    a: 123456789012.dkr.ecr.eu-central-1.amazonaws.com\n" +
			"    a: 123456789012.dkr.ecr.eu-west-1.amazonaws.com\n",
		want: []string{
			"8:5: pull.mirrors.a: is given twice, first in line 7",
		},
	},
	{
		name: "more faults than are told", schema: refuses,
		text: head +
			"nodes:\n" +
			"  - {name: a0, roles: [master], size: 0}\n" +
			"  - {name: a1, roles: [master], size: 1}\n" +
			"  - {name: a2, roles: [master], size: 2}\n" +
			"  - {name: a3, roles: [master], size: 3}\n" +
			"  - {name: a4, roles: [master], size: 4}\n" +
			"  - {name: a5, roles: [master], size: 5}\n",
		want: []string{
			`6:24: nodes[0].roles[0]: want control-plane, etcd or worker, got "master"`,
			"6:33: nodes[0].size: unknown key; known here: name, roles, instances, features, scope, profile, role, instanceProfile, path, boundary, trustPrincipals, managedPolicies, policyKind, tags, iam, tagging, association",
			`7:24: nodes[1].roles[0]: want control-plane, etcd or worker, got "master"`,
			"7:33: nodes[1].size: unknown key; known here: name, roles, instances, features, scope, profile, role, instanceProfile, path, boundary, trustPrincipals, managedPolicies, policyKind, tags, iam, tagging, association",
			`8:24: nodes[2].roles[0]: want control-plane, etcd or worker, got "master"`,
			"8:33: nodes[2].size: unknown key; known here: name, roles, instances, features, scope, profile, role, instanceProfile, path, boundary, trustPrincipals, managedPolicies, policyKind, tags, iam, tagging, association",
			`9:24: nodes[3].roles[0]: want control-plane, etcd or worker, got "master"`,
			"9:33: nodes[3].size: unknown key; known here: name, roles, instances, features, scope, profile, role, instanceProfile, path, boundary, trustPrincipals, managedPolicies, policyKind, tags, iam, tagging, association",
			`10:24: nodes[4].roles[0]: want control-plane, etcd or worker, got "master"`,
			"10:33: nodes[4].size: unknown key; known here: name, roles, instances, features, scope, profile, role, instanceProfile, path, boundary, trustPrincipals, managedPolicies, policyKind, tags, iam, tagging, association",
			" and 2 more",
		},
	},
}
