package config_test

import (
	"errors"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/config"
)

// FuzzParse: every text is a File or faults with their places. What is a File is one
// for the schema too, and is read back from what Write makes of it.
func FuzzParse(f *testing.F) {
	for _, tt := range goodCases {
		f.Add(tt.text)
	}
	for _, tt := range badCases() {
		f.Add(tt.text)
	}
	schema := resolved(f)
	f.Fuzz(func(t *testing.T, text string) {
		got, err := config.Parse("f", []byte(text))
		if err != nil {
			checkFaults(t, text, err)
			return
		}
		if err := schema.Validate(config.Values(text)); err != nil {
			t.Errorf("Parse(%q) takes what the schema refuses: %v", text, err)
		}
		written := config.Write(got, nil)
		again, err := config.Parse("f", written)
		if err != nil {
			t.Fatalf("Parse(%q), which is %q: %v", written, text, err)
		}
		if diff := cmp.Diff(got, again); diff != "" {
			t.Errorf("Parse(%q) and what Write makes of it (-first +again)\n%s", text, diff)
		}
	})
}

func checkFaults(t *testing.T, text string, err error) {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		t.Fatalf("Parse(%q): %v, want joined faults", text, err)
	}
	lines := strings.Count(text, "\n") + 1
	all := joined.Unwrap()
	for i, err := range all {
		fault, ok := errors.AsType[*config.Fault](err)
		if last := i == 10 && strings.HasPrefix(err.Error(), "f: and "); last && i == len(all)-1 {
			continue
		}
		if !ok || i >= 10 {
			t.Fatalf("Parse(%q): %v is no fault, or the eleventh", text, err)
		}
		if fault.Line < 1 || fault.Line > lines || fault.Column < 1 || fault.Problem == "" {
			t.Errorf("Parse(%q): %#v is nowhere in %d lines", text, fault, lines)
		}
		if strings.ContainsFunc(err.Error(), unicode.IsControl) || len(err.Error()) > 4000 {
			t.Errorf("Parse(%q): %q is not one line", text, err)
		}
	}
}
