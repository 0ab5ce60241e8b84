package doctor

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
)

// checkOwner says whether nobody but root, or who bakes an image, can write to what is at
// name, or exchange it, by its directory or one above.
func (w *walk) checkOwner(code, name, cause string) bool {
	way, err := w.way(name)
	if err != nil {
		w.failed(code, err, cause, "")
		return false
	}
	for _, file := range way {
		info, err := os.Lstat(file)
		if err != nil {
			w.failed(code, err, cause, "")
			return false
		}
		if evidence, command := w.loose(info); evidence != "" {
			w.error(code, w.within(file)+" "+evidence, cause, command+" "+shell(file))
			return false
		}
	}
	w.ok(code, "only root may write "+name)
	return true
}

// way is what leads to name, and itself, on this machine: each directory that somebody
// could exchange it in, also those that links lead through.
func (w *walk) way(name string) ([]string, error) {
	var (
		all  []string
		seen = map[string]bool{}
		root = w.tree.Path("/")
	)
	for at := path.Clean(name); ; at = path.Dir(at) {
		real, err := w.tree.Follow(at)
		if err != nil {
			return nil, err
		}
		for up := filepath.Clean(real); !seen[up]; up = filepath.Dir(up) {
			seen[up] = true
			all = append(all, up)
			if up == root {
				break
			}
		}
		if at == "/" {
			return all, nil
		}
	}
}

// loose says in words why somebody else than root may write to what has this info, and
// the command against it, "" if nobody may. In an image things belong to who bakes it.
// In a sticky directory nobody exchanges what belongs to root (unlink(2)), and of groups
// only files are asked: some systems give /usr/local to one.
func (w *walk) loose(info fs.FileInfo) (evidence, command string) {
	uid, gid := owner(info)
	perm := info.Mode().Perm()
	switch ours := !w.node.Live(); {
	case uid != 0 && !(ours && uid == os.Geteuid()):
		return fmt.Sprintf("belongs to user %d", uid), "chown root:root"
	case perm&0o002 != 0 && info.Mode()&fs.ModeSticky == 0:
		return fmt.Sprintf("has mode %04o: everybody may write to it", perm), "chmod o-w"
	case !info.IsDir() && perm&0o020 != 0 && gid != 0 && !(ours && gid == os.Getegid()):
		return fmt.Sprintf("has mode %04o: group %d may write to it", perm, gid), "chmod g-w"
	}
	return "", ""
}
