package config_test

// badNodes has groups of nodes that are not what AWS takes, or do not go together.
var badNodes = []badCase{
	{
		name: "names", schema: refuses,
		text: head +
			"nodes:\n" +
			"  - {name: a/b, roles: [worker], role: \"\", instanceProfile: ä, path: x}\n" +
			"  - {name: nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn, roles: [worker]}\n",
		want: []string{
			`6:12: nodes[0].name: want a name as IAM takes it: letters, digits and _ + = , . @ -, got "a/b"`,
			`6:40: nodes[0].role: want a name as IAM takes it: letters, digits and _ + = , . @ -, got ""`,
			`6:61: nodes[0].instanceProfile: want a name as IAM takes it: letters, digits and _ + = , . @ -, got "ä"`,
			`6:70: nodes[0].path: want a path that begins and ends in a slash, got "x"`,
			`7:12: nodes[1].name: 65 characters, and at most 64 are allowed: "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"`,
		},
	},
	{
		name: "names twice", schema: takes,
		text: head +
			"nodes:\n" +
			"  - {name: a, roles: [worker]}\n" +
			"  - {name: A, roles: [etcd]}\n",
		want: []string{
			`7:12: nodes[1].name: "A" is the name of nodes[0] too (line 6): a group has its own`,
		},
	},
	{
		name: "a role twice", schema: takes,
		text: head +
			"nodes:\n" +
			"  - {name: a, roles: [worker]}\n" +
			"  - {name: b, role: a, roles: [etcd]}\n" +
			"  - {name: c, roles: [etcd], instanceProfile: a}\n",
		want: []string{
			`7:21: nodes[1].role: "a" is the role of nodes[0] too (line 6): a group has its own`,
			`8:47: nodes[2].instanceProfile: "a" is the instance profile of nodes[0] too (line 6): a group has its own`,
		},
	},
	{
		name: "a role that is the name of another", schema: takes,
		text: head +
			"nodes:\n" +
			"  - {name: a, role: b, roles: [worker]}\n" +
			"  - {name: b, roles: [worker]}\n",
		want: []string{
			`7:5: nodes[1].role: "b" is the role of nodes[0] too (line 6): a group has its own`,
		},
	},
	{
		name: "constants", schema: refuses,
		text: head +
			"nodes:\n" +
			"  - {name: a, roles: [controlplane, master], features: [EBS], scope: all, profile: called, policyKind: inlined, iam: managed}\n" +
			"network:\n" +
			"  securityGroup: {id: sg-0abc, tag: none}\n" +
			"  subnets:\n" +
			"    - {ids: [subnet-01], elb: internet}\n",
		want: []string{
			`6:23: nodes[0].roles[0]: want control-plane, etcd or worker, got "controlplane"; did you mean "control-plane"?`,
			`6:37: nodes[0].roles[1]: want control-plane, etcd or worker, got "master"`,
			`6:57: nodes[0].features[0]: want elb, nlb-security-groups, routes, topology, tagging-controller, in-tree-ebs or nodeadm, got "EBS"`,
			`6:70: nodes[0].scope: want actions or cluster, got "all"`,
			`6:104: nodes[0].policyKind: want auto, inline or managed, got "inlined"; did you mean "inline"?`,
			`6:118: nodes[0].iam: want manage, verify, warn or ignore, got "managed"; did you mean "manage"?`,
			`8:37: network.securityGroup.tag: want owned or shared, got "none"`,
			`10:31: network.subnets[0].elb: want public or internal, got "internet"; did you mean "internal"?`,
		},
	},
	{
		name: "features without their component", schema: takes,
		text: head +
			"nodes:\n" +
			"  - {name: a, roles: [worker], features: [elb, in-tree-ebs, nodeadm]}\n" +
			"  - {name: b, roles: [control-plane], features: [nlb-security-groups, nodeadm]}\n",
		want: []string{
			"6:43: nodes[0].features[0]: elb is done by a component on nodes of the role control-plane, which this group has not",
			"7:50: nodes[1].features[0]: nlb-security-groups is a mode of elb, which this group has not",
			"7:71: nodes[1].features[1]: nodeadm is done by a component on nodes of the role worker, which this group has not",
		},
	},
	{
		name: "features of a published document", schema: takes,
		text: head +
			"nodes:\n" +
			"  - name: a\n" +
			"    roles: [control-plane, worker]\n" +
			"    profile: rancher\n" +
			"    features: [elb]\n" +
			"    scope: cluster\n",
		want: []string{
			"9:15: nodes[0].features: profile rancher is a document as published, which features do not change: take one of them out",
			"10:12: nodes[0].scope: profile rancher is a document as published, without conditions: take one of them out",
		},
	},
	{
		name: "features follow from roles", schema: refuses,
		text: head +
			"nodes:\n" +
			"  - {name: a, roles: [master], features: [elb]}\n",
		want: []string{
			`6:23: nodes[0].roles[0]: want control-plane, etcd or worker, got "master"`,
		},
	},
	{
		name: "a boundary that is a role", schema: refuses,
		text: head +
			"nodes:\n" +
			"  - name: a\n" +
			"    roles: [control-plane, worker]\n" +
			"    boundary: arn:aws:iam::123456789012:role/b\n",
		want: []string{
			`8:15: nodes[0].boundary: want the ARN of a policy, as arn:aws:iam::123456789012:policy/NAME, got "arn:aws:iam::123456789012:role/b"`,
		},
	},
	{
		name: "policies of others", schema: takes,
		text: head +
			"nodes:\n" +
			"  - name: a\n" +
			"    roles: [control-plane, worker]\n" +
			"    boundary: arn:aws:iam::210987654321:policy/b\n" +
			"    managedPolicies: [AmazonSSMManagedInstanceCore, service-role/AmazonEBSCSIDriverPolicyV2, arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore, arn:aws-cn:iam::aws:policy/AmazonSSMManagedInstanceCore]\n",
		want: []string{
			"8:15: nodes[0].boundary: a policy of the account 210987654321: want one of this account, 123456789012, or of AWS",
			"9:148: nodes[0].managedPolicies[3]: an ARN of the partition aws-cn, and the region eu-central-1 is in aws",
		},
	},
	{
		name: "policies too many", schema: takes,
		text: head +
			"nodes:\n" +
			"  - name: a\n" +
			"    roles: [control-plane, worker]\n" +
			"    managedPolicies: [p0, p1, p2, p3, p4, p5, p6, p7, p8, p9, p10, p11, p12, p13, p14, p15, p16, p17, p18, p19, p20]\n",
		want: []string{
			"8:22: nodes[0].managedPolicies: 21 policies, and a role takes at most 20",
		},
	},
	{
		name: "a service that is none", schema: refuses,
		text: head +
			"nodes:\n" +
			"  - name: a\n" +
			"    roles: [control-plane, worker]\n" +
			"    trustPrincipals: [ec2]\n",
		want: []string{
			`8:23: nodes[0].trustPrincipals[0]: want a service as trust policies name it, as ec2.amazonaws.com, got "ec2"`,
		},
	},
	{
		name: "tags", schema: takes,
		text: head +
			"nodes:\n" +
			"  - name: a\n" +
			"    roles: [control-plane, worker]\n" +
			"    tags: {\"AWS:a\": b, team: x, Team: y, kubernetes.io/cluster/prod-1: owned}\n",
		want: []string{
			`8:12: nodes[0].tags["AWS:a"]: keys that begin with aws: are AWS's own`,
			`8:30: nodes[0].tags.team: the key differs from "Team" in case alone, which IAM takes for the same`,
			`8:42: nodes[0].tags["kubernetes.io/cluster/prod-1"]: the ClusterID tag is written by this program`,
		},
	},
	{
		name: "tags of other signs", schema: refuses,
		text: head +
			"nodes:\n" +
			"  - name: a\n" +
			"    roles: [control-plane, worker]\n" +
			"    tags: {a*: b, c: \"d;\"}\n",
		want: []string{
			`8:12: nodes[0].tags["a*"]: want a tag's key: letters, digits, spaces and _ . : / = + @ -, got "a*"`,
			`8:22: nodes[0].tags.c: want a tag's value: letters, digits, spaces and _ . : / = + @ -, got "d;"`,
		},
	},
	{
		name: "tags too many", schema: takes,
		text: head +
			"nodes:\n" +
			"  - name: a\n" +
			"    roles: [control-plane, worker]\n" +
			"    tags: {t0: x, t1: x, t2: x, t3: x, t4: x, t5: x, t6: x, t7: x, t8: x, t9: x, t10: x, t11: x, t12: x, t13: x, t14: x, t15: x, t16: x, t17: x, t18: x, t19: x, t20: x, t21: x, t22: x, t23: x, t24: x, t25: x, t26: x, t27: x, t28: x, t29: x, t30: x, t31: x, t32: x, t33: x, t34: x, t35: x, t36: x, t37: x, t38: x, t39: x, t40: x, t41: x, t42: x, t43: x, t44: x, t45: x}\n",
		want: []string{
			"8:11: nodes[0].tags: 46 tags, and at most 45 fit beside our own",
		},
	},
	{
		name: "instances", schema: refuses,
		text: head +
			"nodes:\n" +
			"  - name: a\n" +
			"    roles: [control-plane, worker]\n" +
			"    instances: {ids: [prod-1, i-0ABC], tag: {\"\": a}, autoScalingGroup: \"a:b\"}\n",
		want: []string{
			`8:23: nodes[0].instances.ids[0]: want an instance's id, as i-0123456789abcdef0, got "prod-1"`,
			`8:31: nodes[0].instances.ids[1]: want an instance's id, as i-0123456789abcdef0, got "i-0ABC"`,
			`8:46: nodes[0].instances.tag[""]: want a tag's key, got ""`,
			`8:72: nodes[0].instances.autoScalingGroup: want the name of an Auto Scaling group, got "a:b"`,
		},
	},
	{
		name: "instances in two groups", schema: takes,
		text: head +
			"nodes:\n" +
			"  - {name: a, roles: [worker], instances: {ids: [i-0a, i-0b], autoScalingGroup: x, tag: {a: b, c: d}}}\n" +
			"  - name: b\n" +
			"    roles: [etcd]\n" +
			"    instances:\n" +
			"      ids: [i-0c, i-0b]\n" +
			"      tag: {c: d, a: b}\n" +
			"      autoScalingGroup: x\n",
		want: []string{
			"10:19: nodes[1].instances.ids[1]: this is in nodes[0] too (line 6), and an instance has one profile",
			"11:12: nodes[1].instances.tag: this is in nodes[0] too (line 6), and an instance has one profile",
			"12:25: nodes[1].instances.autoScalingGroup: this is in nodes[0] too (line 6), and an instance has one profile",
		},
	},
}
