//go:build linux

package isolation

// Settings are what a kubelet sets in the kernel.
var Settings = settings

// ParentOf is the parent of a process, 0 if there is no such process.
func ParentOf(pid int) int {
	parent, _, _ := parentOf(pid)
	return parent
}

// DieWithAncestors is what a run does first.
var DieWithAncestors = dieWithAncestors
