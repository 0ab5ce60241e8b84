package deploy

import (
	"fmt"
	"reflect"
	"strings"
	"text/template/parse"
)

// The templates are those of text/template, read by its own parser, but not carried out
// by it: it can call any method by its name, and so makes the linker keep every
// exported method in the program, the hundreds of each AWS client among them. The
// bootstrapper would be 62 MB instead of 20. What is carried out here is what the files
// need: fields, variables, if, with, range, and functions.

// execution carries out one template.
type execution struct {
	out       strings.Builder
	functions map[string]any
	variables []variable
}

type variable struct {
	name  string
	value reflect.Value
}

// execute makes the text of a template. A field that data does not have is an error.
func execute(name, text string, functions map[string]any, data any) (string, error) {
	builtin := map[string]any{"print": fmt.Sprint}
	trees, err := parse.Parse(name, text, "{{", "}}", functions, builtin)
	if err != nil {
		return "", err
	}
	e := &execution{functions: functions}
	e.variables = []variable{{"$", reflect.ValueOf(data)}}
	if err := e.walk(trees[name].Root, reflect.ValueOf(data)); err != nil {
		return "", err
	}
	return e.out.String(), nil
}

func (e *execution) walk(node parse.Node, dot reflect.Value) error {
	switch n := node.(type) {
	case *parse.ListNode:
		if n == nil {
			return nil
		}
		for _, child := range n.Nodes {
			if err := e.walk(child, dot); err != nil {
				return err
			}
		}
	case *parse.TextNode:
		e.out.Write(n.Text)
	case *parse.CommentNode:
	case *parse.ActionNode:
		value, err := e.pipe(n.Pipe, dot)
		if err == nil && len(n.Pipe.Decl) == 0 {
			fmt.Fprint(&e.out, value.Interface())
		}
		return err
	case *parse.IfNode:
		return e.branch(&n.BranchNode, dot, false)
	case *parse.WithNode:
		return e.branch(&n.BranchNode, dot, true)
	case *parse.RangeNode:
		return e.each(n, dot)
	default:
		return fmt.Errorf("%s: no template here needs that", node)
	}
	return nil
}

// branch carries out if and with, which makes the value the dot.
func (e *execution) branch(n *parse.BranchNode, dot reflect.Value, with bool) error {
	defer e.forget(len(e.variables))
	value, err := e.pipe(n.Pipe, dot)
	if err != nil {
		return err
	}
	if !truth(value) {
		return e.walk(n.ElseList, dot)
	}
	if with {
		dot = value
	}
	return e.walk(n.List, dot)
}

func (e *execution) each(n *parse.RangeNode, dot reflect.Value) error {
	defer e.forget(len(e.variables))
	declared := n.Pipe.Decl
	n.Pipe.Decl = nil
	value, err := e.pipe(n.Pipe, dot)
	n.Pipe.Decl = declared
	if err != nil {
		return err
	}
	if value.Kind() != reflect.Slice {
		return fmt.Errorf("%s: it is no list", n.Pipe)
	}
	if value.Len() == 0 {
		return e.walk(n.ElseList, dot)
	}
	for i := range value.Len() {
		mark := len(e.variables)
		switch len(declared) {
		case 1:
			e.declare(declared[0], value.Index(i))
		case 2:
			e.declare(declared[0], reflect.ValueOf(i))
			e.declare(declared[1], value.Index(i))
		}
		if err := e.walk(n.List, value.Index(i)); err != nil {
			return err
		}
		e.forget(mark)
	}
	return nil
}

func (e *execution) declare(v *parse.VariableNode, value reflect.Value) {
	e.variables = append(e.variables, variable{v.Ident[0], value})
}

func (e *execution) forget(mark int) { e.variables = e.variables[:mark] }

// truth is what if and with ask of a value: whether it is not empty.
func truth(v reflect.Value) bool {
	if v.Kind() == reflect.Slice || v.Kind() == reflect.Map {
		return v.Len() > 0
	}
	return v.IsValid() && !v.IsZero()
}

// pipe is the value of a pipeline: each command gets the one before as its last
// argument.
func (e *execution) pipe(p *parse.PipeNode, dot reflect.Value) (value reflect.Value, err error) {
	for i, c := range p.Cmds {
		var last []reflect.Value
		if i > 0 {
			last = []reflect.Value{value}
		}
		if value, err = e.command(c, dot, last); err != nil {
			return value, err
		}
	}
	for _, v := range p.Decl {
		e.declare(v, value)
	}
	return value, nil
}

func (e *execution) command(c *parse.CommandNode, dot reflect.Value, last []reflect.Value) (reflect.Value, error) {
	name, isCall := c.Args[0].(*parse.IdentifierNode)
	if !isCall {
		if len(c.Args) > 1 || len(last) > 0 {
			return reflect.Value{}, fmt.Errorf("%s: it is no function", c)
		}
		return e.value(c.Args[0], dot)
	}
	var args []reflect.Value
	for _, a := range c.Args[1:] {
		v, err := e.value(a, dot)
		if err != nil {
			return v, err
		}
		args = append(args, v)
	}
	return e.call(name.Ident, append(args, last...))
}

// call calls a function; print is the only one that text/template has and this has too.
func (e *execution) call(name string, args []reflect.Value) (reflect.Value, error) {
	if name == "print" {
		all := make([]any, len(args))
		for i, a := range args {
			all[i] = a.Interface()
		}
		return reflect.ValueOf(fmt.Sprint(all...)), nil
	}
	results := reflect.ValueOf(e.functions[name]).Call(args)
	if len(results) == 2 && !results[1].IsNil() {
		return reflect.Value{}, fmt.Errorf("%s: %w", name, results[1].Interface().(error))
	}
	return results[0], nil
}

// value is that of one word of a command.
func (e *execution) value(node parse.Node, dot reflect.Value) (reflect.Value, error) {
	switch n := node.(type) {
	case *parse.DotNode:
		return dot, nil
	case *parse.FieldNode:
		return field(dot, n.Ident)
	case *parse.VariableNode:
		for i := len(e.variables) - 1; i >= 0; i-- {
			if e.variables[i].name == n.Ident[0] {
				return field(e.variables[i].value, n.Ident[1:])
			}
		}
	case *parse.StringNode:
		return reflect.ValueOf(n.Text), nil
	case *parse.NumberNode:
		return reflect.ValueOf(int(n.Int64)), nil
	case *parse.PipeNode:
		return e.pipe(n, dot)
	}
	return reflect.Value{}, fmt.Errorf("%s: no template here needs that", node)
}

// field is a field of a struct, of its field and so on.
func field(v reflect.Value, names []string) (reflect.Value, error) {
	for _, name := range names {
		for v.Kind() == reflect.Pointer {
			v = v.Elem()
		}
		if v.Kind() != reflect.Struct || !v.FieldByName(name).IsValid() {
			return v, fmt.Errorf("the data has no %s", name)
		}
		v = v.FieldByName(name)
	}
	return v, nil
}
