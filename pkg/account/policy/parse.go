package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
)

// Parse reads a policy document: JSON, or JSON that is URL-encoded as the IAM API
// gives it (RFC 3986). A value may stand where a list may, as in IAM.
//
// What it returns has all that text has. An element that the policy language did not
// have when this was written is an error, and so is one that is there twice: a
// document that is read here may be changed and written back whole, and leaving out
// what was not understood would take a permission away, or a denial.
func Parse(text string) (Document, error) {
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, "%") {
		decoded, err := url.PathUnescape(text)
		if err != nil {
			return Document{}, fmt.Errorf("read policy document: %w", err)
		}
		text = decoded
	}
	var d Document
	err := eachMember([]byte(text), func(element string, value json.RawMessage) (err error) {
		switch element {
		case "Version":
			d.Version, err = scalar(value)
		case "Id":
			d.ID, err = scalar(value)
		case "Statement":
			d.Statements, err = parseStatements(value)
		default:
			err = errUnknown
		}
		return err
	})
	if err != nil {
		return Document{}, fmt.Errorf("read policy document: %w", err)
	}
	if len(d.Statements) == 0 {
		return Document{}, errors.New("read policy document: it has no statement")
	}
	return d, nil
}

var errUnknown = errors.New("the policy language has no such element")

func parseStatements(text json.RawMessage) ([]Statement, error) {
	list, err := listOf(text)
	if err != nil {
		return nil, err
	}
	statements := make([]Statement, 0, len(list))
	for i, one := range list {
		s, err := parseStatement(one)
		if err != nil {
			return nil, fmt.Errorf("[%d]: %w", i, err)
		}
		statements = append(statements, s)
	}
	return statements, nil
}

func parseStatement(text json.RawMessage) (Statement, error) {
	var s Statement
	err := eachMember(text, func(element string, value json.RawMessage) (err error) {
		switch element {
		case "Sid":
			s.Sid, err = scalar(value)
		case "Effect":
			s.Effect, err = scalar(value)
		case "Principal":
			s.Principal, err = parsePrincipal(value)
		case "NotPrincipal":
			s.NotPrincipal, err = parsePrincipal(value)
		case "Action":
			s.Actions, err = someScalars(value)
		case "NotAction":
			s.NotActions, err = someScalars(value)
		case "Resource":
			s.Resources, err = someScalars(value)
		case "NotResource":
			s.NotResources, err = someScalars(value)
		case "Condition":
			s.Conditions, err = parseConditions(value)
		default:
			err = errUnknown
		}
		return err
	})
	if err == nil && s.Effect != Allow && s.Effect != Deny {
		err = fmt.Errorf("its Effect %q is neither Allow nor Deny", s.Effect)
	}
	return s, err
}

func parsePrincipal(text json.RawMessage) (Principal, error) {
	if bytes.HasPrefix(text, []byte(`"`)) {
		name, err := scalar(text)
		if err == nil && name != everyone {
			err = fmt.Errorf("%q is of no kind, and only * may be that", name)
		}
		return Principal{everyone: {everyone}}, err
	}
	p := Principal{}
	err := eachMember(text, func(kind string, value json.RawMessage) (err error) {
		if kind == everyone {
			return errUnknown
		}
		p[kind], err = someScalars(value)
		return err
	})
	if err == nil && len(p) == 0 {
		err = errors.New("it names nobody")
	}
	return p, err
}

func parseConditions(text json.RawMessage) (Conditions, error) {
	c := Conditions{}
	err := eachMember(text, func(operator string, value json.RawMessage) error {
		c[operator] = map[string][]string{}
		return eachMember(value, func(key string, value json.RawMessage) (err error) {
			c[operator][key], err = scalars(value)
			return err
		})
	})
	return c, err
}

// eachMember calls do for each member of a JSON object, in its order. An error has the
// way to the member in front.
func eachMember(text []byte, do func(name string, value json.RawMessage) error) error {
	d := json.NewDecoder(bytes.NewReader(text))
	start, err := d.Token()
	if err != nil {
		return notJSON(err)
	}
	if start != json.Delim('{') {
		return errors.New("it is not a JSON object")
	}
	seen := map[string]bool{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return notJSON(err)
		}
		name, _ := token.(string) // the decoder takes nothing else here
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return notJSON(err)
		}
		if seen[name] {
			return fmt.Errorf("%s: it is there twice", name)
		}
		seen[name] = true
		if err := do(name, value); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if _, err := d.Token(); err != nil {
		return notJSON(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is more after the JSON object")
	}
	return nil
}

func notJSON(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("it is not JSON: %w", err)
}

// listOf returns the elements of a JSON list, or what is no list as the only one.
func listOf(text json.RawMessage) ([]json.RawMessage, error) {
	if !bytes.HasPrefix(text, []byte("[")) {
		return []json.RawMessage{text}, nil
	}
	var list []json.RawMessage
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, notJSON(err)
	}
	return list, nil
}

// scalars reads strings, numbers and truth values, which are all strings to IAM.
func scalars(text json.RawMessage) ([]string, error) {
	list, err := listOf(text)
	if err != nil {
		return nil, err
	}
	read := make([]string, 0, len(list))
	for _, one := range list {
		s, err := scalar(one)
		if err != nil {
			return nil, err
		}
		read = append(read, s)
	}
	return read, nil
}

// someScalars is scalars that must not be none.
func someScalars(text json.RawMessage) ([]string, error) {
	list, err := scalars(text)
	if err == nil && len(list) == 0 {
		err = errors.New("the list is empty")
	}
	return list, err
}

func scalar(text json.RawMessage) (string, error) {
	switch text[0] {
	case '"':
		var s string
		if err := json.Unmarshal(text, &s); err != nil {
			return "", notJSON(err)
		}
		return s, nil
	case '{', '[', 'n':
		return "", fmt.Errorf("%.20s is not a value", text)
	default:
		return string(text), nil // a number as it is written, true or false
	}
}
