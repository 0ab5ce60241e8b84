package cache

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strconv"
	"time"
)

// magic begins the first line of an entry, and has the version of the format.
const magic = "kubelet-ecr cache 2 "

// field is one line of an entry: its name, and where its value is.
type field struct {
	name  string
	value any
}

// fields are the lines of an entry in their order. It is no JSON because every hit
// reads one, and what encoding/json must learn of a type first took a fifth of a
// millisecond: more than any other step of a hit.
func (r *record) fields() []field {
	return []field{
		{"key", &r.Key}, {"fingerprint", &r.Fingerprint}, {"origin", &r.Origin}, {"boot", &r.BootID}, {"generation", &r.Generation},
		{"labels", &r.Labels},
		{"secret", &r.Secret}, {"expires", &r.Expires}, {"issued", &r.Issued.Wall}, {"issued-boot", &r.Issued.Boot}, {"due", &r.Due},
		{"failed", (*string)(&r.Failed.Kind)}, {"message", &r.Failed.Message}, {"hint", &r.Failed.Hint},
		{"at", &r.Failed.At.Wall}, {"at-boot", &r.Failed.At.Boot}, {"count", &r.Failed.Count}, {"rest", &r.Failed.Rest},
	}
}

// encode writes an entry.
func (r *record) encode() []byte {
	var body []byte
	for _, f := range r.fields() {
		body = append(append(body, f.name...), ' ')
		switch v := f.value.(type) {
		case *string:
			body = strconv.AppendQuote(body, *v)
		case *[]byte:
			body = strconv.AppendQuote(body, string(*v))
		case *uint64:
			body = strconv.AppendUint(body, *v, 10)
		case *time.Duration:
			body = strconv.AppendInt(body, int64(*v), 10)
		case *time.Time:
			body = strconv.AppendInt(body, nanoseconds(*v), 10)
		case *map[string]string:
			for _, name := range slices.Sorted(maps.Keys(*v)) {
				body = strconv.AppendQuote(strconv.AppendQuote(body, name), (*v)[name])
			}
		}
		body = append(body, '\n')
	}
	sum := sha256.Sum256(body)
	return slices.Concat([]byte(magic+hex.EncodeToString(sum[:])+"\n"), body)
}

// decode reads what encode wrote, for the key and the boot that ask; "" is any.
// Everything else is nil: an entry is right or is not there.
func decode(b []byte, id, bootID string) *record {
	head, body, ok := bytes.Cut(b, []byte("\n"))
	sum := sha256.Sum256(body)
	if !ok || string(head) != magic+hex.EncodeToString(sum[:]) {
		return nil
	}
	r := &record{}
	for _, f := range r.fields() {
		line, rest, ok := bytes.Cut(body, []byte("\n"))
		text, named := bytes.CutPrefix(line, []byte(f.name+" "))
		if !ok || !named || f.read(string(text)) != nil {
			return nil
		}
		body = rest
	}
	if len(body) > 0 || id != "" && r.Key != id || bootID != "" && r.BootID != bootID {
		return nil
	}
	return r
}

// read sets the field to what text says.
func (f field) read(text string) (err error) {
	switch v := f.value.(type) {
	case *string:
		*v, err = strconv.Unquote(text)
	case *[]byte:
		var secret string
		if secret, err = strconv.Unquote(text); secret != "" {
			*v = []byte(secret)
		}
	case *uint64:
		*v, err = strconv.ParseUint(text, 10, 64)
	case *time.Duration:
		*v, err = duration(text)
	case *time.Time:
		var n time.Duration
		if n, err = duration(text); n != 0 {
			*v = time.Unix(0, int64(n)).UTC()
		}
	case *map[string]string:
		*v, err = labels(text)
	}
	return err
}

func duration(text string) (time.Duration, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	return time.Duration(n), err
}

// nanoseconds is a time as it is written: since 1970, 0 for none.
func nanoseconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

// labels reads quoted names and values, one after the other.
func labels(text string) (map[string]string, error) {
	var list []string
	for text != "" {
		quoted, err := strconv.QuotedPrefix(text)
		if err != nil {
			return nil, err
		}
		word, err := strconv.Unquote(quoted)
		if err != nil {
			return nil, err
		}
		list, text = append(list, word), text[len(quoted):]
	}
	if len(list)%2 != 0 {
		return nil, strconv.ErrSyntax
	}
	var all map[string]string
	for pair := range slices.Chunk(list, 2) {
		if all == nil {
			all = map[string]string{}
		}
		all[pair[0]] = pair[1]
	}
	return all, nil
}
