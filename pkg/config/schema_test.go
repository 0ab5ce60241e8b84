package config

import (
	"bytes"
	stdcmp "cmp"
	"encoding/json"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/jsonschema-go/jsonschema"
)

var update = flag.Bool("update", false, "rewrite the JSON schema from the types")

// TestSchema makes the schema from the types, their comments and the forms, and
// compares.
func TestSchema(t *testing.T) {
	b, err := json.Marshal(schemaOf(t))
	if err != nil {
		t.Fatal(err)
	}
	head := `{"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "bootstrap.yaml of ecr-node-bootstrap",`
	var made bytes.Buffer
	if err := json.Indent(&made, append([]byte(head), b[1:]...), "", "  "); err != nil {
		t.Fatal(err)
	}
	made.WriteByte('\n')
	if *update {
		if err := os.WriteFile(SchemaName, made.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(SchemaName)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(made.String(), string(have)); diff != "" {
		t.Errorf("the schema is not what the types say; go generate ./pkg/config (-made +have)\n%s", diff)
	}
}

// TestFormsAreUsed finds rows of the table that no value has.
func TestFormsAreUsed(t *testing.T) {
	g := &generator{t: t, docs: docs(t), slots: map[string]bool{}}
	g.object(reflect.TypeFor[File](), spot{})
	for _, f := range forms {
		if !g.slots[f.slot] {
			t.Errorf("there is no value %s", f.slot)
		}
	}
}

func schemaOf(t *testing.T) *jsonschema.Schema {
	g := &generator{t: t, docs: docs(t), slots: map[string]bool{}, shared: map[string]*jsonschema.Schema{}}
	s := g.object(reflect.TypeFor[File](), spot{})
	s.Defs = g.shared
	return s
}

type generator struct {
	t      *testing.T
	docs   map[string]string             // by TYPE, TYPE.FIELD and TYPE=VALUE
	slots  map[string]bool               // whose form was asked for
	shared map[string]*jsonschema.Schema // types that have constants
}

func (g *generator) object(t reflect.Type, at spot) *jsonschema.Schema {
	s := &jsonschema.Schema{Type: "object", Properties: map[string]*jsonschema.Schema{}, AdditionalProperties: &jsonschema.Schema{Not: &jsonschema.Schema{}}}
	for _, k := range keysOf(t) {
		field := t.Field(k.index)
		p := g.schema(field.Type, at.key(k.name))
		p.Description = g.docs[t.Name()+"."+field.Name]
		for _, verb := range [...]string{" is ", " are ", " says ", " lists ", " makes "} {
			if rest, ok := strings.CutPrefix(p.Description, field.Name+verb); ok {
				p.Description = k.name + verb + rest // as the file calls it
			}
		}
		if p.Description == "" {
			g.t.Errorf("%s.%s has no comment", t.Name(), field.Name)
		}
		s.Properties[k.name] = p
		s.PropertyOrder = append(s.PropertyOrder, k.name)
		if k.required {
			s.Required = append(s.Required, k.name)
		}
	}
	return s
}

func (g *generator) schema(t reflect.Type, at spot) *jsonschema.Schema {
	one := 1
	switch t.Kind() {
	case reflect.Pointer:
		return g.schema(t.Elem(), at)
	case reflect.Struct:
		return g.object(t, at)
	case reflect.Slice:
		return &jsonschema.Schema{Type: "array", MinItems: &one, UniqueItems: t.Elem().Kind() == reflect.String, Items: g.schema(t.Elem(), at.item(0))}
	case reflect.Map:
		return &jsonschema.Schema{Type: "object", MinProperties: &one,
			PropertyNames: g.text(nil, spot{slot: at.slot + "{key}"}), AdditionalProperties: g.text(nil, at.entry(""))}
	case reflect.Bool:
		return &jsonschema.Schema{Type: "boolean"}
	case reflect.Int:
		var version any = 1
		return &jsonschema.Schema{Type: "integer", Const: &version} // there is one number, the version
	}
	return g.text(t, at)
}

func (g *generator) text(t reflect.Type, at spot) *jsonschema.Schema {
	g.slots[at.slot] = true
	f := formOf(at.slot, t)
	if f.pattern != nil {
		s := &jsonschema.Schema{Type: "string", Pattern: f.pattern.String()}
		if f.most > 0 {
			s.MaxLength = &f.most
		}
		return s
	}
	s := &jsonschema.Schema{Type: "string"}
	for _, one := range f.oneOf {
		s.Enum = append(s.Enum, one)
	}
	if len(s.Enum) == 0 {
		g.t.Fatalf("%s has no form", at.slot)
	}
	if !slices.Equal(f.oneOf, constantsOf(t)) {
		return s // narrower than its type
	}
	return g.constants(t, s)
}

// constants is a reference to the schema of a type that has constants.
func (g *generator) constants(t reflect.Type, s *jsonschema.Schema) *jsonschema.Schema {
	described := strings.TrimSpace(g.docs[t.Name()])
	declared := 0
	for name := range g.docs {
		if strings.HasPrefix(name, t.Name()+"=") {
			declared++
		}
	}
	if declared != len(s.Enum) {
		g.t.Errorf("type %s has %d constants, and %d values are known", t.Name(), declared, len(s.Enum))
	}
	for _, value := range s.Enum {
		described += "\n- " + value.(string)
		if doc := g.docs[t.Name()+"="+value.(string)]; doc != "" {
			described += ": " + doc
		}
	}
	s.Description = described
	if g.shared != nil {
		g.shared[t.Name()] = s
	}
	return &jsonschema.Schema{Ref: "#/$defs/" + t.Name()}
}

// docs are the comments in config.go, each in one line.
func docs(t *testing.T) map[string]string {
	file, err := parser.ParseFile(token.NewFileSet(), "config.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, d := range file.Decls {
		decl, ok := d.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, s := range decl.Specs {
			switch s := s.(type) {
			case *ast.TypeSpec:
				all[s.Name.Name] = inOneLine(decl.Doc)
				if body, ok := s.Type.(*ast.StructType); ok {
					for _, field := range body.Fields.List {
						all[s.Name.Name+"."+field.Names[0].Name] = inOneLine(field.Doc)
					}
				}
			case *ast.ValueSpec:
				value := strings.Trim(s.Values[0].(*ast.BasicLit).Value, `"`)
				doc := stdcmp.Or(inOneLine(s.Doc), inOneLine(s.Comment))
				all[s.Type.(*ast.Ident).Name+"="+value] = strings.TrimPrefix(doc, s.Names[0].Name+": ")
			}
		}
	}
	return all
}

func inOneLine(c *ast.CommentGroup) string { return strings.Join(strings.Fields(c.Text()), " ") }
