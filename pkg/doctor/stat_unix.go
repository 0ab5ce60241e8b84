//go:build unix

package doctor

import (
	"io/fs"
	"syscall"
)

// owner is who a file belongs to; nobody that is known if it does not say.
func owner(info fs.FileInfo) (uid, gid int) {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return -1, -1
	}
	return int(s.Uid), int(s.Gid)
}
