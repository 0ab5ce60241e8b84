package deploy

import (
	"fmt"
	"reflect"
	"strconv"
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
		if err != nil || len(n.Pipe.Decl) > 0 {
			return err
		}
		return e.print(n, value)
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

// print writes a text, a number or whether something is so. All else is a mistake in the
// template.
func (e *execution) print(node parse.Node, v reflect.Value) error {
	v = concrete(v)
	switch v.Kind() {
	case reflect.String, reflect.Bool, reflect.Int:
		fmt.Fprint(&e.out, v.Interface())
		return nil
	}
	return fmt.Errorf("%s: it is no text", node)
}

// concrete is what is in an interface.
func concrete(v reflect.Value) reflect.Value {
	if v.Kind() == reflect.Interface {
		return v.Elem()
	}
	return v
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
	value, err := e.commands(n.Pipe, dot)
	if err != nil {
		return err
	}
	if value = concrete(value); value.Kind() != reflect.Slice {
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

// truth is what if and with ask of a value: whether it is not empty. A struct never is.
func truth(v reflect.Value) bool {
	switch v = concrete(v); v.Kind() {
	case reflect.Slice, reflect.Map, reflect.Array:
		return v.Len() > 0
	case reflect.Struct:
		return true
	}
	return v.IsValid() && !v.IsZero()
}

// pipe is the value of a pipeline, which is given to the variables that it sets.
func (e *execution) pipe(p *parse.PipeNode, dot reflect.Value) (reflect.Value, error) {
	value, err := e.commands(p, dot)
	if err != nil {
		return value, err
	}
	for _, v := range p.Decl {
		if !p.IsAssign {
			e.declare(v, value)
		} else if set := e.variable(v.Ident[0]); set != nil {
			set.value = value
		}
	}
	return value, nil
}

// commands is the value of a pipeline: each command gets the one before as its last
// argument.
func (e *execution) commands(p *parse.PipeNode, dot reflect.Value) (value reflect.Value, err error) {
	for i, c := range p.Cmds {
		var last []reflect.Value
		if i > 0 {
			last = []reflect.Value{value}
		}
		if value, err = e.command(c, dot, last); err != nil {
			return value, err
		}
	}
	return value, nil
}

// variable is the innermost of that name, nil if there is none.
func (e *execution) variable(name string) *variable {
	for i := len(e.variables) - 1; i >= 0; i-- {
		if e.variables[i].name == name {
			return &e.variables[i]
		}
	}
	return nil
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
	function := reflect.ValueOf(fmt.Sprint)
	if name != "print" {
		function = reflect.ValueOf(e.functions[name])
	}
	for i, a := range args {
		if args[i] = concrete(a); !args[i].IsValid() {
			return a, fmt.Errorf("%s: argument %d is nothing", name, i+1)
		}
	}
	if err := fits(function.Type(), args); err != nil {
		return reflect.Value{}, fmt.Errorf("%s: %w", name, err)
	}
	results := function.Call(args)
	if len(results) == 2 && !results[1].IsNil() {
		return reflect.Value{}, fmt.Errorf("%s: %w", name, results[1].Interface().(error))
	}
	return results[0], nil
}

// fits is an error unless a function of that type takes the arguments.
func fits(function reflect.Type, args []reflect.Value) error {
	want := function.NumIn()
	if function.IsVariadic() {
		want--
	}
	if len(args) < want || len(args) > want && !function.IsVariadic() {
		return fmt.Errorf("it takes %d arguments, and gets %d", want, len(args))
	}
	for i, a := range args {
		in := function.In(min(i, function.NumIn()-1))
		if i >= want {
			in = in.Elem()
		}
		if !a.Type().AssignableTo(in) {
			return fmt.Errorf("argument %d is a %s and not a %s", i+1, a.Type(), in)
		}
	}
	return nil
}

// value is that of one word of a command.
func (e *execution) value(node parse.Node, dot reflect.Value) (reflect.Value, error) {
	switch n := node.(type) {
	case *parse.DotNode:
		return dot, nil
	case *parse.FieldNode:
		return field(dot, n.Ident)
	case *parse.VariableNode:
		if v := e.variable(n.Ident[0]); v != nil {
			return field(v.value, n.Ident[1:])
		}
	case *parse.StringNode:
		return reflect.ValueOf(n.Text), nil
	case *parse.NumberNode:
		if number, err := strconv.Atoi(n.Text); err == nil {
			return reflect.ValueOf(number), nil
		}
	case *parse.PipeNode:
		return e.pipe(n, dot)
	}
	return reflect.Value{}, fmt.Errorf("%s: no template here needs that", node)
}

// field is a field of a struct, of its field and so on.
func field(v reflect.Value, names []string) (reflect.Value, error) {
	for _, name := range names {
		for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
			v = v.Elem()
		}
		if v.Kind() != reflect.Struct {
			return v, fmt.Errorf("the data has no %s", name)
		}
		f, ok := v.Type().FieldByName(name)
		if !ok || !f.IsExported() {
			return v, fmt.Errorf("the data has no %s", name)
		}
		var err error
		if v, err = v.FieldByIndexErr(f.Index); err != nil {
			return v, fmt.Errorf("the data has no %s: %w", name, err)
		}
	}
	return v, nil
}
