package doctor

import (
	"io/fs"
	"syscall"
	"time"
)

// changed is when a file was last written, renamed into its place, or given another
// owner or mode. Its time of modification is what an archive or cp -p says, and may be
// long before there was anything of it here.
func changed(info fs.FileInfo) time.Time {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return info.ModTime()
	}
	return time.Unix(s.Ctim.Unix())
}
