//go:build linux

package isolation

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A hierarchy is a mounted hierarchy of cgroups (cgroups(7)).
type hierarchy struct {
	mount   string // where
	options string // the controllers, as mount(2) takes them; "" for version 2
	below   string // the directory in it that new groups go into
}

// hierarchies reads which there are. On a machine with version 1 new groups go
// below the one that this process is in, whose limits hold on. In version 2 a group
// with processes in it can have no such groups below it, so there they go to the top.
func hierarchies() ([]hierarchy, error) {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil, err
	}
	paths := map[string]string{} // by controllers
	for line := range strings.Lines(string(own)) {
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		paths[f[1]] = f[2]
	}
	var all []hierarchy
	for line := range strings.Lines(string(mounts)) {
		where, what, _ := strings.Cut(strings.TrimSpace(line), " - ")
		f, kind := strings.Fields(where), strings.Fields(what)
		h := hierarchy{mount: f[4], below: f[4]}
		switch kind[0] {
		case "cgroup":
			controllers, path := controllersOf(kind[2], paths)
			h.options = controllers
			if inside, err := filepath.Rel(f[3], path); err == nil && !strings.HasPrefix(inside, "..") {
				h.below = filepath.Join(f[4], inside)
			}
		case "cgroup2":
		default:
			continue
		}
		if !slices.ContainsFunc(all, func(o hierarchy) bool { return o.options == h.options }) {
			all = append(all, h)
		}
	}
	return all, nil
}

// controllersOf finds, among the options of a mounted hierarchy, its controllers, and
// with them the path of this process.
func controllersOf(options string, paths map[string]string) (controllers, path string) {
	for name, path := range paths {
		if name == "" {
			continue
		}
		all := true
		for c := range strings.SplitSeq(name, ",") {
			all = all && slices.Contains(strings.Split(options, ","), c)
		}
		if all {
			if strings.HasPrefix(name, "name=") {
				return "none," + name, path
			}
			return name, path
		}
	}
	return "", "/"
}

// A group is a cgroup of a run in one hierarchy.
type group struct {
	hierarchy
	dir string
}

// groups are the cgroups of the run of that name, which may not be there.
func groups(name string) ([]group, error) {
	all, err := hierarchies()
	if err != nil {
		return nil, err
	}
	var groups []group
	for _, h := range all {
		groups = append(groups, group{h, filepath.Join(h.below, name)})
	}
	return groups, nil
}

func (g group) create() error {
	if err := os.Mkdir(g.dir, 0o755); err != nil {
		return err
	}
	// A cpuset of version 1 takes no process before it has processors and memory.
	for _, file := range [...]string{"cpuset.cpus", "cpuset.mems"} {
		value, err := os.ReadFile(filepath.Join(g.below, file))
		if errors.Is(err, fs.ErrNotExist) || g.options == "" {
			continue
		}
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(g.dir, file), value, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// join moves this process into the group.
func (g group) join() error {
	return os.WriteFile(filepath.Join(g.dir, "cgroup.procs"), []byte("0"), 0o644)
}

// tree lists the group and all below it, the lowest first.
func (g group) tree() []string {
	var dirs []string
	filepath.WalkDir(g.dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			dirs = append(dirs, path)
		}
		return nil // what vanishes meanwhile is no concern
	})
	slices.Reverse(dirs)
	return dirs
}

// kill kills what is in the group and below it, and returns how many that were.
func (g group) kill() int {
	n := 0
	for _, dir := range g.tree() {
		procs, _ := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
		for line := range strings.Lines(string(procs)) {
			if pid, err := strconv.Atoi(strings.TrimSpace(line)); err == nil && pid > 0 {
				syscall.Kill(pid, syscall.SIGKILL)
				n++
			}
		}
	}
	return n
}

func (g group) remove() error {
	var first error
	for _, dir := range g.tree() {
		if err := syscall.Rmdir(dir); err != nil && !errors.Is(err, fs.ErrNotExist) && first == nil {
			first = fmt.Errorf("removing cgroup %s: %w", dir, err)
		}
	}
	return first
}

// removeGroups ends every process of the run and removes its cgroups.
func removeGroups(name string) error {
	groups, err := groups(name)
	if err != nil {
		return err
	}
	const patience = 30 * time.Second // for processes that the kernel still holds
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		left := 0
		for _, g := range groups {
			left += g.kill()
		}
		var failed error
		if left == 0 {
			for _, g := range groups {
				failed = errors.Join(failed, g.remove())
			}
			if failed == nil {
				return nil
			}
		}
		if time.Now().After(end) {
			return errors.Join(failed, fmt.Errorf("%d processes of %s do not end", left, name))
		}
	}
}
