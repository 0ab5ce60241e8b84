package node

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What systemd makes of it is from its own tests (src/test/test-env-file.c) and its parser.
func TestEnvironmentFilesMeanWhatSystemdMakesOfThem(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want map[string]string
	}{
		"nothing":                           {"", map[string]string{}},
		"no quotes":                         {"A=--b --c\n", map[string]string{"A": "--b --c"}},
		"no newline at the end":             {"A=b", map[string]string{"A": "b"}},
		"double quotes":                     {`A="b c"`, map[string]string{"A": "b c"}},
		"single quotes":                     {`A='b c'`, map[string]string{"A": "b c"}},
		"white space in quotes stays":       {"A=\" b \" \n", map[string]string{"A": " b "}},
		"quotes behind quotes join":         {`A="b" 'c'd`, map[string]string{"A": "bcd"}},
		"quotes within a value are of it":   {`A=--x="b c"` + "\n", map[string]string{"A": `--x="b c"`}},
		"the last assignment wins":          {"A=1\nB=2\nA=3\n", map[string]string{"A": "3", "B": "2"}},
		"an empty value":                    {"A=\nB=''\nC", map[string]string{"A": "", "B": ""}},
		"comments":                          {"# A=1\n; B=2\n  # C=3\nD=4 # 5\n", map[string]string{"D": "4 # 5"}},
		"a comment does not go on":          {"# no \\\nA=1\n", map[string]string{"A": "1"}},
		"a backslash within a comment":      {"# a\\b\nA=1\n", map[string]string{"A": "1"}},
		"a line that goes on":               {"A=b \\\n  c\nD=e\n", map[string]string{"A": "b   c", "D": "e"}},
		"a line that goes on within quotes": {"A=\"b \\\nc\"\n", map[string]string{"A": "b c"}},
		"newlines within quotes":            {"A=\"b\nB=c\"\nD='e\nf'\n", map[string]string{"A": "b\nB=c", "D": "e\nf"}},
		"escapes":                           {`A=\"b\ c`, map[string]string{"A": `"b c`}},
		"escapes within double quotes":      {`A="\"\\\$\x"`, map[string]string{"A": `"\$\x`}},
		"no escapes within single quotes":   {`A='\"'`, map[string]string{"A": `\"`}},
		"white space that is escaped stays": {`A=b\  `, map[string]string{"A": "b "}},
		"spaces around the name":            {"  A = b\n", map[string]string{"A": "b"}},
		"lines of Windows":                  {"A=b\r\nC=\"d\"\r\n", map[string]string{"A": "b", "C": "d"}},
		"no names":                          {"export A=1\n1B=2\n=3\nC-D=4\n", map[string]string{}},
		"quotes that do not close":          {"A=\"b\nC=d\n", map[string]string{"A": "b\nC=d\n"}},
		"a backslash at the end":            {`A=b\`, map[string]string{"A": "b"}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, readEnvironment(c.text)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestArgumentsGoBehindTheUsersAndAwayAgain(t *testing.T) {
	args := []string{"--x=1", "--y=2"}
	for name, c := range map[string]struct{ text, want string }{
		"no file":                     {"", "V=\"--x=1 --y=2\"\n"},
		"no such variable":            {"W=1", "W=1\nV=\"--x=1 --y=2\"\n"},
		"a comment that seems to go":  {"# W \\\n", "# W \\\n\nV=\"--x=1 --y=2\"\n"},
		"commented out":               {"#V=--a\n", "#V=--a\nV=\"--x=1 --y=2\"\n"},
		"empty":                       {"V=\nW=1\n", "V=\"--x=1 --y=2\"\nW=1\n"},
		"empty, at the end":           {"V=", `V="--x=1 --y=2"`},
		"empty in quotes":             {`V=""`, `V="--x=1 --y=2"`},
		"without quotes":              {"V=--a --b \nW=1\n", "V=--a --b --x=1 --y=2 \nW=1\n"},
		"double quotes":               {"V=\"--a --b\"\n", "V=\"--a --b --x=1 --y=2\"\n"},
		"single quotes":               {"V='--a'\n", "V='--a --x=1 --y=2'\n"},
		"a quote within, at the end":  {"V=--a=\"b c\"\n", "V=--a=\"b c\" --x=1 --y=2\n"},
		"a single one":                {"V=--a='b'\n", "V=--a='b' --x=1 --y=2\n"},
		"quotes, and more behind":     {"V=\"--a\"-b\n", "V=\"--a\"-b --x=1 --y=2\n"},
		"two in quotes":               {"V=\"--a \" '--b'\n", "V=\"--a \" '--b --x=1 --y=2'\n"},
		"escaped quotes in quotes":    {`V="--a=\"b c\""`, `V="--a=\"b c\" --x=1 --y=2"`},
		"going on":                    {"V=--a \\\n  --b\n", "V=--a \\\n  --b --x=1 --y=2\n"},
		"the last counts":             {"V=--a\nV=--b\n", "V=--a\nV=--b --x=1 --y=2\n"},
		"one is there":                {"V=\"--y=2 --a\"\n", "V=\"--y=2 --a --x=1\"\n"},
		"both are there":              {"V=--x=1 --a --y=2\n", "V=--x=1 --a --y=2\n"},
		"one that begins so is there": {"V=--x=11\n", "V=--x=11 --x=1 --y=2\n"},
		"lines of Windows":            {"V=\"--a\"\r\nW=1\r\n", "V=\"--a --x=1 --y=2\"\r\nW=1\r\n"},
		"spaces around the name":      {" V = --a\n", " V = --a --x=1 --y=2\n"},
		"several lines in quotes":     {"V=\"--a\n--b\"\n", "V=\"--a\n--b --x=1 --y=2\"\n"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := withArguments(c.text, "V", args)
			if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
				t.Fatalf("%v\n%s", err, diff)
			}
			if again, err := withArguments(got, "V", args); again != got || err != nil {
				t.Errorf("a second time: %v\n%s", err, cmp.Diff(got, again))
			}
			lacked := slices.DeleteFunc(slices.Clone(args), func(a string) bool { return slices.Contains(words(readEnvironment(c.text)["V"]), a) })
			back, err := withoutArguments(got, "V", lacked, c.text)
			if err != nil || !same(back, c.text, "V") {
				t.Errorf("and back: %v\n%s", err, cmp.Diff(c.text, back))
			}
		})
	}
}

// A line that cannot be understood in one way is refused, not guessed at.
func TestValuesThatDoNotEndAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		"V=\"--a\n":        "the value of V does not end: its quotes do not close, or a backslash is the last of the file",
		"V='--a":           "the value of V does not end: its quotes do not close, or a backslash is the last of the file",
		`V=--a\`:           "the value of V does not end: its quotes do not close, or a backslash is the last of the file",
		"V=--a=\"b\n":      "nothing can be put behind the value of V that systemd would take for arguments",
		"W=\"1\n":          "nothing can be put behind the value of V that systemd would take for arguments",
		"V=--a=\"b c' d\n": "nothing can be put behind the value of V that systemd would take for arguments",
	} {
		got, err := withArguments(text, "V", []string{"--x=1"})
		if err == nil || err.Error() != want || got != "" {
			t.Errorf("%q: got %q, %v", text, got, err)
		}
	}
}

func TestTakingArgumentsOutLeavesTheRest(t *testing.T) {
	args := []string{"--x=1", "--y=2"}
	for name, c := range map[string]struct{ text, before, want string }{
		"our line":                       {"W=1\nV=\"--x=1 --y=2\"\nX=2\n", "W=1\n", "W=1\nX=2\n"},
		"our line, the last of the file": {"V=\"--x=1 --y=2\"", "", ""},
		"a line of Windows":              {"V=\"--x=1 --y=2\"\r\nX=2\r\n", "", "X=2\r\n"},
		"the users' line":                {"V=\"--x=1 --y=2\"\n", "V=\n", "V=\"\"\n"},
		"others in front and behind":     {"V=\"--a --x=1 --y=2 --b\"\n", "", "V=\"--a --b\"\n"},
		"in another order, and apart":    {"V=--y=2 --a --x=1\n", "", "V=--a\n"},
		"twice":                          {"V=\"--x=1 --a --x=1\"\n", "", "V=\"--a\"\n"},
		"longer ones are others":         {"V=\"--x=11 --x=1 --a--y=2\"\n", "", "V=\"--x=11 --a--y=2\"\n"},
		"gone already":                   {"V=--a\n", "", "V=--a\n"},
		"the line is gone":               {"W=1\n", "", "W=1\n"},
		"going on":                       {"V=\"--a \\\n--x=1 --y=2\"\n", "", "V=\"--a \\\n\"\n"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := withoutArguments(c.text, "V", args, c.before)
			if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
				t.Errorf("%v\n%s", err, diff)
			}
		})
	}
	if got, err := withoutArguments("V=\"--x=\\\n1\"\n", "V", []string{"--x=1"}, "V=\n"); err == nil {
		t.Errorf("an argument that goes over two lines: got %q", got)
	}
}

// same says whether two files of environment mean the same, but for whether a variable
// is there that has no arguments.
func same(a, b, name string) bool {
	left, right := readEnvironment(a), readEnvironment(b)
	ok := slices.Equal(words(left[name]), words(right[name]))
	delete(left, name)
	delete(right, name)
	return ok && maps.Equal(left, right)
}

func FuzzArgumentsComeAndGo(f *testing.F) {
	for _, text := range []string{"", "V=", "V=\"--a\"", "V='--a' b\n", "V=--a=\"b c\"\n", "#V\\\nV=a\\\n b", " V = \\\" '\n", "V=\"\\\n\r\n\" ''"} {
		f.Add(text)
	}
	args := []string{"--x=1", "--y=2"}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "--x=1") || strings.Contains(text, "--y=2") {
			t.Skip("ours are there already")
		}
		with, err := withArguments(text, "V", args)
		if err != nil {
			return
		}
		before, after := readEnvironment(text), readEnvironment(with)
		if got, want := words(after["V"]), append(words(before["V"]), args...); !slices.Equal(got, want) {
			t.Fatalf("%q became %q: want arguments %q, got %q", text, with, want, got)
		}
		delete(before, "V")
		delete(after, "V")
		if !maps.Equal(before, after) {
			t.Fatalf("%q became %q: other variables changed", text, with)
		}
		back, err := withoutArguments(with, "V", args, text)
		if err != nil || !same(back, text, "V") {
			t.Fatalf("%q became %q, and then %q (%v)", text, with, back, err)
		}
	})
}
