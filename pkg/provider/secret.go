package provider

import "fmt"

// Secret is a string that shows itself to nobody by accident: every fmt verb,
// slog and encoding/json print REDACTED. The few places that must hand it on say
// so with a conversion, string(s).
type Secret string

// String returns REDACTED, or "" for an empty secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "REDACTED"
}

// Format prints what String returns under every verb; without it %q and %x
// would print the bytes.
func (s Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, s.String()) }

// MarshalText is what encoding/json writes.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
