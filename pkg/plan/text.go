package plan

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

var signs = map[Verb]string{Create: "+", Update: "~", Delete: "-"}

// Text writes changes for people: a sign, the object, why, and what differs, line by
// line. Neighbours that do the same to different objects are one block.
func Text(w io.Writer, changes []Change) {
	for len(changes) > 0 {
		c, same := changes[0], 1
		for same < len(changes) && alike(c, changes[same]) {
			same++
		}
		fmt.Fprintf(w, "%s %s\n", signs[c.Verb()], title(changes[:same]))
		if c.Why != "" {
			fmt.Fprintf(w, "    # %s\n", c.Why)
		}
		for _, line := range diff(lines(c.Before), lines(c.After)) {
			fmt.Fprintf(w, "    %s\n", line)
		}
		changes = changes[same:]
	}
}

// title is the object of changes that do the same to several: to one name of several
// owners, or to several names that belong to nothing.
func title(changes []Change) string {
	c := changes[0]
	if len(changes) == 1 {
		return c.Object.String()
	}
	const most = 8
	var all []string
	for _, c := range changes[:min(len(changes), most)] {
		all = append(all, cmp.Or(c.Of, c.Name))
	}
	list := strings.Join(all, ", ")
	if len(changes) > most {
		list += fmt.Sprintf(" and %d more", len(changes)-most)
	}
	if c.Of == "" {
		return c.Kind + " " + list
	}
	return c.Kind + " " + c.Name + " of " + list
}

func alike(a, b Change) bool {
	if a.Of == "" && b.Of == "" {
		a.Name, b.Name = "", ""
	} else {
		a.Of, b.Of = "", ""
	}
	return a == b
}

// lines is a state as people read it: JSON indented, all else as it is.
func lines(state string) []string {
	if state == "" {
		return nil
	}
	if state[0] == '{' || state[0] == '[' {
		var b bytes.Buffer
		if json.Indent(&b, []byte(state), "", "  ") == nil {
			state = b.String()
		}
	}
	return strings.Split(strings.TrimSuffix(state, "\n"), "\n")
}

// diff is the two texts in one, every line with a sign. Lines that both have are
// left out where they are not beside a difference.
func diff(before, after []string) []string {
	// What both begin and end with needs no looking for, and mostly is nearly all.
	head := common(before, after, func(lines []string, i int) string { return lines[i] })
	before, after, all := before[head:], after[head:], marked("  ", before[:head])
	tail := common(before, after, func(lines []string, i int) string { return lines[len(lines)-1-i] })
	end := marked("  ", before[len(before)-tail:])
	return near(slices.Concat(all, different(before[:len(before)-tail], after[:len(after)-tail]), end))
}

// common is how many lines the two have alike, from where at begins.
func common(before, after []string, at func(lines []string, i int) string) int {
	n := 0
	for n < min(len(before), len(after)) && at(before, n) == at(after, n) {
		n++
	}
	return n
}

// marked are the lines with a sign.
func marked(sign string, lines []string) []string {
	all := make([]string, len(lines))
	for i, line := range lines {
		all[i] = sign + line
	}
	return all
}

// different finds what two texts have in common that begin and end differently. It takes
// time and memory for each line of one and each of the other, so of long ones all is
// different.
func different(before, after []string) []string {
	const most = 1 << 22
	if len(before)*len(after) > most {
		return slices.Concat(marked("- ", before), marked("+ ", after))
	}
	// length[i][j] is how many lines before[i:] and after[j:] have in common, in order.
	length := make([][]int, len(before)+1)
	for i := range length {
		length[i] = make([]int, len(after)+1)
	}
	for i := len(before) - 1; i >= 0; i-- {
		for j := len(after) - 1; j >= 0; j-- {
			if before[i] == after[j] {
				length[i][j] = length[i+1][j+1] + 1
			} else {
				length[i][j] = max(length[i+1][j], length[i][j+1])
			}
		}
	}
	var all []string
	i, j := 0, 0
	for i < len(before) || j < len(after) {
		switch {
		case i < len(before) && j < len(after) && before[i] == after[j]:
			all = append(all, "  "+before[i])
			i, j = i+1, j+1
		case j == len(after) || i < len(before) && length[i+1][j] >= length[i][j+1]:
			all = append(all, "- "+before[i])
			i++
		default:
			all = append(all, "+ "+after[j])
			j++
		}
	}
	return all
}

// near drops the lines without a sign that have none within two lines.
func near(all []string) []string {
	const around = 2
	keep := make([]bool, len(all))
	for i, line := range all {
		if line[0] == ' ' {
			continue
		}
		for k := max(0, i-around); k <= min(len(all)-1, i+around); k++ {
			keep[k] = true
		}
	}
	var out []string
	for i, line := range all {
		switch {
		case keep[i]:
			out = append(out, line)
		case i == 0 || keep[i-1]:
			out = append(out, "  ...")
		}
	}
	return out
}
