//go:build !unix

package plan

import "os"

// openPrivate opens or creates a file. Modes, locks and links as Unix has them are
// not there; the directory's own protection is all there is.
func openPrivate(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
}

// syncDirectory does nothing: elsewhere a directory cannot be synced.
func syncDirectory(string) error { return nil }
