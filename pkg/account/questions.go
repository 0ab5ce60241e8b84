package account

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/smithy-go/auth"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// regionKey is the condition key that region locks of organisations ask for. The
// simulator does not fill it in, and decides as if there were no region.
const regionKey = "aws:RequestedRegion"

// place is where a call is made: IAM's are made in the one region of a partition that
// has IAM.
func (a *Account) place(ctx context.Context, action string) map[string][]string {
	region := a.file.Region
	if strings.HasPrefix(action, "iam:") {
		endpoint, err := iam.NewDefaultEndpointResolverV2().ResolveEndpoint(ctx, iam.EndpointParameters{Region: &region})
		if err != nil {
			return nil
		}
		options, _ := auth.GetAuthOptions(&endpoint.Properties)
		for _, o := range options {
			if signing, ok := smithyhttp.GetSigV4SigningRegion(&o.SignerProperties); ok {
				region = signing
			}
		}
	}
	return map[string][]string{regionKey: {region}}
}

// with is both contexts in one.
func with(a, b map[string][]string) map[string][]string {
	all := maps.Clone(a)
	if all == nil {
		all = map[string][]string{}
	}
	maps.Copy(all, b)
	return all
}

func contextText(context map[string][]string) string {
	var b strings.Builder
	for _, key := range sorted(context) {
		b.WriteString(" " + key + "=" + strconv.Quote(strings.Join(context[key], ",")))
	}
	return b.String()
}

// A question is calls that can be simulated in one request, by their indices: for what
// one of them says in its context, none says anything else.
type question struct {
	calls   []int
	context map[string][]string
	star    bool // they have no resource
}

// questions sorts calls into at most so many questions, if that can be. If they say
// too many different things, the key that differs most is left out everywhere: the
// simulator then says itself that a policy asks for it.
func questions(calls []Call, most int) []question {
	calls = slices.Clone(calls)
	for {
		all := sortOut(calls)
		key := ""
		if len(all) > most {
			key = mostVaried(calls)
		}
		if key == "" {
			return all
		}
		for i := range calls {
			calls[i].Context = maps.Clone(calls[i].Context)
			delete(calls[i].Context, key)
		}
	}
}

// sortOut puts each call to the first question that it fits.
func sortOut(calls []Call) []question {
	takes := taken(calls)
	var all []question
	for i, c := range calls {
		fits := func(q question) bool {
			if q.star != (c.Resource == "*") {
				return false
			}
			for key, values := range c.Context {
				if known, ok := q.context[key]; ok && !slices.Equal(known, values) {
					return false
				} else if !ok && slices.ContainsFunc(q.calls, func(j int) bool { return takes[calls[j].Action][key] }) {
					return false
				}
			}
			for key := range q.context {
				if _, ok := c.Context[key]; !ok && takes[c.Action][key] {
					return false
				}
			}
			return true
		}
		at := slices.IndexFunc(all, fits)
		if at < 0 {
			at = len(all)
			all = append(all, question{context: map[string][]string{}, star: c.Resource == "*"})
		}
		all[at].calls = append(all[at].calls, i)
		maps.Copy(all[at].context, c.Context)
	}
	return all
}

// taken are the condition keys that each action has in any of the calls.
func taken(calls []Call) map[string]map[string]bool {
	takes := map[string]map[string]bool{}
	for _, c := range calls {
		if takes[c.Action] == nil {
			takes[c.Action] = map[string]bool{}
		}
		for key := range c.Context {
			takes[c.Action][key] = true
		}
	}
	return takes
}

// mostVaried is the key with most different values, "" if no key has two. What
// policies ask for most often goes last: tags; and regions stay.
func mostVaried(calls []Call) string {
	takes := taken(calls)
	values := map[string]map[string]bool{}
	for _, c := range calls {
		for key := range takes[c.Action] {
			if values[key] == nil {
				values[key] = map[string]bool{}
			}
			values[key][strings.Join(c.Context[key], "\x00")] = true
		}
	}
	best := ""
	rank := func(key string) int {
		n := len(values[key])
		if !strings.HasPrefix(key, "aws:") {
			n += len(calls)
		}
		return n
	}
	for _, key := range sorted(values) {
		if key != regionKey && len(values[key]) > 1 && (best == "" || rank(key) > rank(best)) {
			best = key
		}
	}
	return best
}

// request is the question with the actions and resources of its calls.
func (q question) request(calls []Call) request {
	r := request{context: q.context}
	actions, resources := map[string]bool{}, map[string]bool{}
	for _, i := range q.calls {
		actions[calls[i].Action], resources[calls[i].Resource] = true, true
	}
	r.actions = sorted(actions)
	if !q.star {
		r.resources = sorted(resources)
	}
	return r
}
