package config

import (
	"math"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// Values is the text as an editor hands it to the schema: the values of JSON.
// It is nil for what is no document.
func Values(text string) any {
	r := &reader{places: map[string]place{}}
	if body := r.document([]byte(text)); body != nil {
		return values(body)
	}
	return nil
}

func values(n ast.Node) any {
	switch n := n.(type) {
	case *ast.MappingNode:
		m := map[string]any{}
		for _, entry := range n.Values {
			m[keyOf(entry.Key)] = values(entry.Value)
		}
		return m
	case *ast.SequenceNode:
		all := []any{}
		for _, item := range n.Values {
			all = append(all, values(item))
		}
		return all
	}
	switch s := scalarOf(n); s.kind {
	case nothing:
		return nil
	case aBool:
		return strings.EqualFold(s.text, "true")
	case aNumber:
		f, err := strconv.ParseFloat(s.text, 64)
		if err != nil {
			return math.MaxFloat64 // any number that is not meant
		}
		return f
	default:
		return s.text
	}
}
