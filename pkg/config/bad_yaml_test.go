package config_test

// badYAML is refused before, or while, it is read as YAML.
var badYAML = []badCase{
	{
		name: "an empty file", schema: notForIt,
		text: "",
		want: []string{
			"1:1: the file is empty; ecr-node-bootstrap init writes one",
		},
	},
	{
		name: "comments alone", schema: notForIt,
		text: "# a file\n" +
			"\n",
		want: []string{
			"1:1: the file is empty; ecr-node-bootstrap init writes one",
		},
	},
	{
		name: "one value", schema: refuses,
		text: "prod-1\n",
		want: []string{
			"1:1: want a mapping, got a string",
		},
	},
	{
		name: "a list", schema: refuses,
		text: "- version: 1\n",
		want: []string{
			"1:1: want a mapping, got a list",
		},
	},
	{
		name: "text behind a quoted text", schema: notForIt,
		text: "cluster: \"prod\" 1\n",
		want: []string{
			"1:17: not YAML: value is not allowed in this context. map key-value is pre-defined",
		},
	},
	{
		name: "a list without its end", schema: notForIt,
		text: head +
			"pull: {repositories: [team/*}\n",
		want: []string{
			"5:29: not YAML: ',' or ']' must be specified",
		},
	},
	{
		name: "a tab in front", schema: notForIt,
		text: head +
			"nodes:\n" +
			"\t- name: a\n",
		want: []string{
			"6:1: a tab: YAML is indented with spaces",
		},
	},
	{
		name: "not UTF-8", schema: notForIt,
		text: "cluster: pr\xf8d\n",
		want: []string{
			"1:12: the file is not UTF-8",
		},
	},
	{
		name: "a control character", schema: notForIt,
		text: "version: 1\n" +
			"cluster: \"prod\x07\"\n",
		want: []string{
			"2:15: the control character U+0007, which no text has",
		},
	},
	{
		name: "two documents", schema: notForIt,
		text: head +
			"---\n" +
			"version: 1\n" +
			"cluster: prod-1\n" +
			"account: \"123456789012\"\n" +
			"region: eu-central-1\n",
		want: []string{
			"5:1: a second document begins here: a file describes one cluster",
		},
	},
	{
		name: "a document with an end", schema: notForIt,
		text: head +
			"...\n",
		want: []string{
			"5:1: the end of a document: take the line out",
		},
	},
	{
		name: "an anchor", schema: notForIt,
		text: head +
			"nodes: &nodes\n" +
			"  - name: a\n",
		want: []string{
			"5:8: an anchor: they are not read, so write the value where it is meant; a value that begins with & goes in quotes",
		},
	},
	{
		name: "a star without quotes", schema: notForIt,
		text: head +
			"pull:\n" +
			"  repositories: [team/*, *]\n",
		want: []string{
			"6:26: an alias: they are not read, so write the value where it is meant; a value that begins with * goes in quotes",
		},
	},
	{
		name: "a merge key", schema: notForIt,
		text: head +
			"pull:\n" +
			"  <<: {public: true}\n",
		want: []string{
			"6:3: a merge key: they are not read, so write the keys where they are meant",
		},
	},
	{
		name: "a tag of YAML", schema: notForIt,
		text: "version: !!int \"1\"\n",
		want: []string{
			"1:10: a YAML tag: they are not read; a value that begins with ! goes in quotes",
		},
	},
	{
		name: "a tag at the end", schema: notForIt,
		text: head +
			"!",
		want: []string{
			"5:1: a YAML tag: they are not read; a value that begins with ! goes in quotes",
		},
	},
	{
		name: "a directive", schema: notForIt,
		text: "%YAML 1.2\n" +
			"---\n" +
			"version: 1\n" +
			"cluster: prod-1\n" +
			"account: \"123456789012\"\n" +
			"region: eu-central-1\n",
		want: []string{
			"1:1: a directive: they are not read; a value that begins with % goes in quotes",
		},
	},
	{
		name: "a complex key", schema: notForIt,
		text: "? version\n" +
			": 1\n",
		want: []string{
			"1:1: a key after a question mark: write it as KEY: VALUE",
		},
	},
	{
		name: "a block of lines", schema: notForIt,
		text: "version: 1\n" +
			"cluster: >-\n" +
			"  prod-1\n",
		want: []string{
			"2:10: a block of lines: write the value in one line; a value that begins with > goes in quotes",
		},
	},
	{
		name: "several lines", schema: notForIt,
		text: head +
			"pull:\n" +
			"  repositories:\n" +
			"    team\n" +
			"    base\n",
		want: []string{
			"7:5: a text of several lines: write the value in one line, indent a mapping, begin each line of a list with a dash",
		},
	},
	{
		name: "several lines in quotes", schema: notForIt,
		text: "cluster: \"prod\n" +
			"  1\"\n",
		want: []string{
			"1:10: a text of several lines: write the value in one line",
		},
	},
	{
		name: "an unknown escape", schema: notForIt,
		text: "cluster: \"\\xprod\"\n",
		want: []string{
			`1:10: an escape that YAML does not have: a backslash in double quotes is written \\`,
		},
	},
	{
		name: "an account of two digits", schema: refuses,
		text: "version: 1\n" +
			"cluster: prod-1\n" +
			"account: 12\n" +
			"region: eu-central-1\n",
		want: []string{
			"3:10: account: want an account number, 12 digits in quotes, got the number 12",
		},
	},
	{
		name: "a colon without quotes in brackets", schema: notForIt,
		text: head +
			"pull:\n" +
			"  mirrors: {registry.corp.example:5000: 123456789012.dkr.ecr.eu-central-1.amazonaws.com}\n",
		want: []string{
			"6:13: a text with a colon before a space, or at its end, goes in quotes",
		},
	},
	{
		name: "a colon before quotes in brackets", schema: notForIt,
		text: head +
			"pull: {serviceAccounts: {audience:\"sts.amazonaws.com\"}}\n",
		want: []string{
			"5:35: no space between the colon and the quotes",
		},
	},
	{
		name: "a colon and a space", schema: notForIt,
		text: head +
			"nodes:\n" +
			"  - {name: a, roles: [worker], instances: {tag: {Name: a: b}}}\n",
		want: []string{
			"6:56: a text with a colon before a space, or at its end, goes in quotes",
		},
	},
	{
		name: "brackets in brackets", schema: notForIt,
		text: head +
			"nodes:\n" +
			"  - {name: a, roles: [worker], instances: {tag: {Name: a[1]}}}\n",
		want: []string{
			"6:57: not YAML: ',' or '}' must be specified",
		},
	},
	{
		name: "a dash in brackets", schema: notForIt,
		text: head +
			"pull: {repositories: - a}\n",
		want: []string{
			"5:22: a dash in brackets: write the list in brackets too",
		},
	},
	{
		name: "a sign in front", schema: notForIt,
		text: "cluster: ,prod\n",
		want: []string{
			"1:10: a value that begins with , goes in quotes",
		},
	},
	{
		name: "a bracket in a list", schema: notForIt,
		text: head +
			"pull:\n" +
			"  repositories: [a}]\n",
		want: []string{
			"6:18: a value in brackets that has brackets itself goes in quotes",
		},
	},
	{
		name: "a colon on the next line", schema: notForIt,
		text: head +
			"pull: {\"public\"\n" +
			"  : true}\n",
		want: []string{
			"5:8: pull.public: want the colon on the line of its key",
		},
	},
	{
		name: "a percent sign", schema: notForIt,
		text: "cluster: %prod\n",
		want: []string{
			"1:10: a directive: they are not read; a value that begins with % goes in quotes",
		},
	},
	{
		name: "a value in the column of its key", schema: notForIt,
		text: head +
			"pull:\n" +
			"public\n",
		want: []string{
			"6:1: pull: this is not indented more than its key",
		},
	},
	{
		name: "an item in the column of its dash", schema: notForIt,
		text: head +
			"pull:\n" +
			"  repositories:\n" +
			"  -\n" +
			"  a: b\n",
		want: []string{
			"8:3: pull.repositories[0]: nothing after the dash, and this is not indented",
		},
	},
	{
		name: "a key twice", schema: notForIt,
		text: "version: 1\n" +
			"cluster: prod-1\n" +
			"cluster: prod-2\n" +
			"account: \"123456789012\"\n" +
			"region: eu-central-1\n",
		want: []string{
			"3:1: cluster: is given twice, first in line 2",
		},
	},
	{
		name: "a version to come", schema: refuses,
		text: "version: 2\n" +
			"clusters: [a, b]\n",
		want: []string{
			"1:10: version: this program reads version 1 of the format, not 2",
		},
	},
	{
		name: "no number for the version", schema: refuses,
		text: "version: one\n" +
			"cluster: prod-1\n" +
			"account: \"123456789012\"\n" +
			"region: eu-central-1\n",
		want: []string{
			"1:10: version: want a number, got a string",
		},
	},
	{
		name: "the version in quotes", schema: refuses,
		text: "version: \"1\"\n" +
			"cluster: prod-1\n" +
			"account: \"123456789012\"\n" +
			"region: eu-central-1\n",
		want: []string{
			"1:10: version: want a number, got a string: write it without quotes, 1",
		},
	},
	{
		name: "half a version", schema: takes,
		text: "version: 1.0\n" +
			"cluster: prod-1\n" +
			"account: \"123456789012\"\n" +
			"region: eu-central-1\n",
		want: []string{
			"1:10: version: this program reads version 1 of the format, not 1.0",
		},
	},
	{
		name: "nothing of what is required", schema: refuses,
		text: "nodes:\n" +
			"  - roles: [worker]\n" +
			"network: {securityGroup: {}}\n" +
			"pull:\n" +
			"  crossAccount: [{}]\n" +
			"  serviceAccounts: {required: true}\n" +
			"eks: {access: [{}]}\n",
		want: []string{
			"1:1: version: is missing",
			"1:1: cluster: is missing",
			"1:1: account: is missing",
			"1:1: region: is missing",
			"2:5: nodes[0].name: is missing",
			"3:26: network.securityGroup.id: is missing",
			"5:18: pull.crossAccount[0].account: is missing",
			"6:20: pull.serviceAccounts.audience: is missing",
			"7:6: eks.name: is missing",
			"7:16: eks.access[0].principal: is missing",
			" and 1 more",
		},
	},
}
