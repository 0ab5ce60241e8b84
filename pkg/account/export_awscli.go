package account

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/plan"
)

// AWSCLI prints the changes as a script for bash and the AWS CLI, of either major
// version. The script refuses to run in another account, waits for what it creates,
// and stops at the first call that fails. It writes no repository policy that has
// changed since Policies was read.
func (e Export) AWSCLI() (text string, left []plan.Change) {
	s := script{Export: e, uses: map[string]bool{}}
	done := map[plan.Object]bool{}
	for _, c := range e.Changes {
		if done[c.Object] {
			continue
		}
		batch := s.batch(c, done)
		for _, c := range batch {
			done[c.Object] = true
		}
		commands, why := s.commands(batch)
		if why != "" {
			for _, c := range batch {
				s.leave(c, why)
			}
			continue
		}
		s.step(batch, commands)
	}
	return s.text(), s.left
}

// script is a script that is being written.
type script struct {
	Export
	remainder
	body strings.Builder
	uses map[string]bool // names of functions that body calls
}

const scriptHead = `#!/usr/bin/env bash
# What cluster %s needs in account %s, region %s,
# as commands of the AWS CLI. Printed by ` + "`ecr-node-bootstrap print awscli`" + ` for the
# account as it was then: if a command fails, the script stops. Print it anew then,
# and it has what is still to be done.
# shellcheck disable=SC1003,SC2016 # what is in single quotes is meant as it is
set -euo pipefail

export AWS_REGION=%[4]s AWS_DEFAULT_REGION=%[4]s AWS_PAGER=
exec 3>&1 >/dev/null # what AWS answers is not shown

`

const scriptCheck = `expected=%s
account=$(aws sts get-caller-identity --query Account --output text)
if [[ $account != "$expected" ]]; then
	stop "these are credentials of account $account, and the script is for $expected"
fi

`

func (s *script) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, scriptHead, oneLine(s.Cluster), oneLine(s.Account), oneLine(s.Region), shell(s.Region))
	for _, f := range scriptFunctions() {
		if f.name == "stop" || s.uses[f.name] {
			b.WriteString(f.text + "\n")
		}
	}
	fmt.Fprintf(&b, scriptCheck, shell(s.Account))
	b.WriteString(s.body.String())
	s.comment(&b)
	return b.String()
}

// step writes one step: why, what, and the commands.
func (s *script) step(batch []plan.Change, commands []string) {
	c := batch[0]
	if why := reasons(batch); why != "" {
		fmt.Fprintf(&s.body, "# %s\n", oneLine(why))
	}
	what := inWords(c)
	if more := len(batch) - 1; more > 0 {
		what += fmt.Sprintf(", and %d more", more)
	}
	fmt.Fprintf(&s.body, "%s %s\n", s.function("say"), shell(what))
	for _, command := range commands {
		s.body.WriteString(command + "\n")
	}
	s.body.WriteString("\n")
}

// batch is c and the changes that are made together with it: of the same tag, as far
// as CreateTags takes resources, and of the statements of one policy.
func (s *script) batch(c plan.Change, done map[plan.Object]bool) []plan.Change {
	const mostResources = 1000
	switch c.Kind {
	case kindTag:
		var batch []plan.Change
		for _, other := range s.Changes {
			same := other.Kind == c.Kind && other.Name == c.Name && other.Before == c.Before && other.After == c.After
			if same && !done[other.Object] && len(batch) < mostResources {
				batch = append(batch, other)
			}
		}
		return batch
	case kindRegistry, kindRepository:
		return s.ofPolicy(c)
	}
	return []plan.Change{c}
}

// commands are what makes the changes of a batch; why, if there are none.
func (s *script) commands(batch []plan.Change) (commands []string, why string) {
	c := batch[0]
	var err error
	switch c.Kind {
	case kindPolicy:
		commands, err = s.policy(c)
	case kindVersion:
		commands, err = s.version(c)
	case kindRole:
		commands, err = s.role(c)
	case kindTrust:
		commands, err = s.trust(c)
	case kindBoundary:
		commands = s.boundary(c)
	case kindRoleTag:
		commands = s.roleTag(c)
	case kindAttached:
		commands = s.attached(c)
	case kindInline:
		commands, err = s.inline(c)
	case kindProfile:
		commands, err = s.profile(c)
	case kindProfileRole:
		commands = s.profileRole(c)
	case kindAssociation:
		commands = s.association(c)
	case kindTag:
		commands = s.tags(batch)
	case kindGroupTag:
		commands, err = s.groupTag(c)
	case kindEntry:
		if c.After == "" {
			return nil, "Access entries, which may have got policies and groups of others since"
		}
		commands, err = s.entry(c)
	case kindAccessPolicy:
		commands, err = s.accessPolicy(c)
	case kindRegistry, kindRepository:
		commands, err = s.statements(batch)
	}
	if err != nil || len(commands) == 0 {
		return nil, whyUnreadable
	}
	return commands, ""
}

// function is the name of one of the script's functions, which it then has.
func (s *script) function(name string) string {
	s.uses[name] = true
	return name
}

// eventually is a call that is repeated as long as AWS answers what matches not yet.
func (s *script) eventually(notYet, operation string, options ...string) string {
	return command(s.function("eventually")+" "+shell(notYet)+" aws "+operation, options)
}

// call is a call of the AWS CLI.
func call(operation string, options ...string) string { return command("aws "+operation, options) }

// command is a command on one line, if it fits, or else a line for each option.
func command(start string, options []string) string {
	const width = 100
	line := strings.Join(append([]string{start}, options...), " ")
	if len(options) == 0 || len(line) <= width && !strings.Contains(line, "\n") {
		return line
	}
	return start + " \\\n\t" + strings.Join(options, " \\\n\t")
}

// option is an option with its values. One that begins with a dash would be taken for
// an option itself.
func option(name string, values ...string) string {
	if len(values) == 1 && strings.HasPrefix(values[0], "-") {
		return "--" + name + "=" + shell(values[0])
	}
	words := []string{"--" + name}
	for _, v := range values {
		words = append(words, shell(v))
	}
	return strings.Join(words, " ")
}

// structured is an option whose value is JSON on one line, for the AWS CLI's shorthand
// has no way to write every value.
func structured(name string, value any) string { return option(name, encode(value)) }

// document is an option whose value is a policy.
func document(name, text string) (string, error) {
	text, err := indented(text)
	return option(name, text), err
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+$`)

// shell is a text as one word of bash.
func shell(text string) string {
	if plainWord.MatchString(text) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// keyValue is a tag as IAM and EC2 take it.
type keyValue struct{ Key, Value string }

func tagOption(tags map[string]string) string {
	list := []keyValue{}
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, keyValue{key, tags[key]})
	}
	return structured("tags", list)
}
