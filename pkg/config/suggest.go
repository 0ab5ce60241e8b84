package config

import (
	"slices"
	"strings"
)

// nearest is the one of known that word was probably meant to be. Upper case, hyphens
// and underscores do not count; one letter in three may be wrong.
func nearest(word string, known []string) (string, bool) {
	const most = 40 // letters of anything known, and some more
	if slices.Contains(known, word) {
		return word, true
	}
	if len(word) > most {
		return "", false
	}
	word = folded(word)
	best, least := "", max(len(word)/3, 1)+1
	for _, k := range known {
		if d := distance(word, folded(k)); d < least {
			best, least = k, d
		}
	}
	return best, best != ""
}

func folded(s string) string {
	return strings.NewReplacer("-", "", "_", "", " ", "").Replace(strings.ToLower(s))
}

// distance counts the letters to add, take out, change or swap with the next one to
// make b of a.
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			change := 1
			if a[i] == b[j] {
				change = 0
			}
			row[j+1] = min(last[j]+change, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

// choice is "a, b or c".
func choice(words []string) string {
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
