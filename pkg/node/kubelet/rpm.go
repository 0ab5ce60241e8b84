package kubelet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/hint"
)

// rpmFolders are where rpm keeps its database; on newer systems the first is a link to
// the second (Fedora's change "Relocate RPM database to /usr").
var rpmFolders = [...]string{"/var/lib/rpm", "/usr/lib/sysimage/rpm"}

// rpmFiles are the database in the formats that rpm has had: SQLite, ndb and Berkeley DB
// (rpm, docs/man/rpm-config.5 and lib/backend/dbi.c). Where none is there, rpm would make
// one when it is asked, in a folder that it would make too.
var rpmFiles = [...]string{"rpmdb.sqlite", "Packages.db", "Packages"}

// fromRPM asks this machine's rpm, because its formats have no other reader that is
// everywhere.
func fromRPM(ctx context.Context, root string, s Sought) (Version, bool, error) {
	if len(s.Packages) == 0 {
		return Version{}, false, nil
	}
	for _, folder := range rpmFolders {
		dir, err := within(root, folder)
		if err != nil {
			return Version{}, false, err
		}
		if len(rpmIn(dir)) == 0 {
			continue
		}
		found, err := askRPM(ctx, root, dir, s.Packages)
		if err != nil {
			return Version{}, false, fmt.Errorf("reading the packages of rpm in %s: %w", dir, err)
		}
		return first("rpm", s.Packages, found)
	}
	return Version{}, false, nil
}

// rpmIn are the databases in a folder.
func rpmIn(dir string) []string {
	return slices.DeleteFunc(slices.Clone(rpmFiles[:]), func(name string) bool { return !exists(filepath.Join(dir, name)) })
}

// askRPM returns the versions of those packages that are installed. rpm --root would
// change its root, which needs privileges, and take the folder of its own machine, which
// is ~/.rpmdb for Debian's rpm. Even a question writes into the folder (the shared memory
// of SQLite; locks of Berkeley DB), so that a tree other than this machine's own is asked
// about in a copy.
func askRPM(ctx context.Context, root, dir string, packages []string) (map[string]string, error) {
	rpm, err := exec.LookPath("rpm")
	if err != nil {
		return nil, hint.Wrap(err, "install rpm on this machine, or %s", useFlag)
	}
	if !own(root) {
		copied, err := copyRPM(ctx, dir)
		if copied != "" {
			defer os.RemoveAll(copied)
		}
		if err != nil {
			return nil, fmt.Errorf("copying it: %w", err)
		}
		dir = copied
	}
	before := rpmIn(dir)
	args := []string{"-q", "--dbpath", dir, "--nosignature", "--nodigest", "--qf", `%{NAME}\t%{VERSION}-%{RELEASE}\n`, "--"}
	out, err := run(ctx, rpm, append(args, packages...)...)
	found := map[string]string{}
	for line := range strings.Lines(out.stdout) {
		// The others say that a package is not installed.
		if name, text, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok {
			found[name] = text
		}
	}
	if len(found) > 0 {
		return found, nil
	}
	// An rpm that was built without a format does not say so: it makes a database of its
	// own beside, with nothing in it. Debian's knows no ndb, which SUSE has.
	if after := rpmIn(dir); !slices.Equal(before, after) {
		return nil, hint.Wrap(fmt.Errorf("this machine's rpm does not read a database of the format of %s", before[0]), useFlag)
	}
	// rpm's status is how many packages it did not find. It is the same for a database
	// that it cannot read, of which it complains.
	if _, failed := errors.AsType[*exec.ExitError](err); err != nil && !failed {
		return nil, err
	}
	for line := range strings.Lines(out.stderr) {
		if complaint, ok := strings.CutPrefix(line, "error: "); ok {
			return nil, hint.Wrap(fmt.Errorf("rpm says: %s", strings.TrimSpace(complaint)), useFlag)
		}
	}
	return found, nil
}

// copyRPM copies a database into a folder of this machine, which is to be removed even if
// there is an error.
func copyRPM(ctx context.Context, dir string) (string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	copied, err := os.MkdirTemp("", "rpmdb-*")
	if err != nil {
		return "", err
	}
	for _, e := range entries {
		name := e.Name()
		// Locks and shared memory belong to processes of the moment.
		if !e.Type().IsRegular() || name == ".rpm.lock" || strings.HasPrefix(name, "__db.") || strings.HasSuffix(name, "-shm") {
			continue
		}
		if err := ctx.Err(); err != nil {
			return copied, err
		}
		if err := copyFile(filepath.Join(copied, name), filepath.Join(dir, name)); err != nil {
			return copied, err
		}
	}
	return copied, nil
}

func copyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
