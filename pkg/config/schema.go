package config

import (
	_ "embed"
	"slices"
)

//go:generate go test -run TestSchema -update

//go:embed bootstrap.schema.json
var schema []byte

// SchemaName is what a file that init writes calls its schema, beside it.
const SchemaName = "bootstrap.schema.json"

// Schema is the JSON schema of bootstrap.yaml (draft 2020-12): its keys, their types,
// what they mean and what their values look like. It is made of the types and forms of
// this package. What Parse takes, the schema takes; the rules between values, which a
// schema cannot say, are Parse's alone.
func Schema() []byte { return slices.Clone(schema) }
