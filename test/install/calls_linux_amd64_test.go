package install

import "golang.org/x/sys/unix"

// form says where a system call names what it changes: by the numbers of its arguments.
type form struct {
	call          string
	kind          kind
	dir, name     int // -1 for a call without a directory
	fromDir, from int
	flags         int  // if it changes something with O_CREAT or O_TRUNC alone
	flagsAt       bool // the argument points at them
}

type kind int

const (
	byDescriptor kind = iota
	byName
	twoNames
	linkTo // the first is a text, no path
)

// forms are the calls that change a file or a directory, or may. What Go and its
// library make is among them, and what else an installer could do without noticing.
var forms = map[uint64]form{
	unix.SYS_OPEN:            {call: "create", kind: byName, dir: -1, name: 0, flags: 1},
	unix.SYS_CREAT:           {call: "create", kind: byName, dir: -1, name: 0},
	unix.SYS_OPENAT:          {call: "create", kind: byName, dir: 0, name: 1, flags: 2},
	unix.SYS_WRITE:           {call: "write", kind: byDescriptor},
	unix.SYS_PWRITE64:        {call: "write", kind: byDescriptor},
	unix.SYS_WRITEV:          {call: "writev", kind: byDescriptor},
	unix.SYS_PWRITEV:         {call: "writev", kind: byDescriptor},
	unix.SYS_SENDFILE:        {call: "sendfile", kind: byDescriptor},
	unix.SYS_COPY_FILE_RANGE: {call: "copy_file_range", kind: byDescriptor, name: 2},
	unix.SYS_SPLICE:          {call: "splice", kind: byDescriptor, name: 2},
	unix.SYS_IOCTL:           {call: "ioctl", kind: byDescriptor},
	unix.SYS_FALLOCATE:       {call: "fallocate", kind: byDescriptor},
	unix.SYS_FTRUNCATE:       {call: "truncate", kind: byDescriptor},
	unix.SYS_TRUNCATE:        {call: "truncate", kind: byName, dir: -1, name: 0},
	unix.SYS_RENAME:          {call: "rename", kind: twoNames, fromDir: -1, from: 0, dir: -1, name: 1},
	unix.SYS_RENAMEAT:        {call: "rename", kind: twoNames, fromDir: 0, from: 1, dir: 2, name: 3},
	unix.SYS_RENAMEAT2:       {call: "rename", kind: twoNames, fromDir: 0, from: 1, dir: 2, name: 3},
	unix.SYS_LINK:            {call: "link", kind: twoNames, fromDir: -1, from: 0, dir: -1, name: 1},
	unix.SYS_LINKAT:          {call: "link", kind: twoNames, fromDir: 0, from: 1, dir: 2, name: 3},
	unix.SYS_SYMLINK:         {call: "symlink", kind: linkTo, from: 0, dir: -1, name: 1},
	unix.SYS_SYMLINKAT:       {call: "symlink", kind: linkTo, from: 0, dir: 1, name: 2},
	unix.SYS_MKDIR:           {call: "mkdir", kind: byName, dir: -1, name: 0},
	unix.SYS_MKDIRAT:         {call: "mkdir", kind: byName, dir: 0, name: 1},
	unix.SYS_MKNODAT:         {call: "mknod", kind: byName, dir: 0, name: 1},
	unix.SYS_RMDIR:           {call: "rmdir", kind: byName, dir: -1, name: 0},
	unix.SYS_UNLINK:          {call: "unlink", kind: byName, dir: -1, name: 0},
	unix.SYS_UNLINKAT:        {call: "unlink", kind: byName, dir: 0, name: 1},
	unix.SYS_CHMOD:           {call: "chmod", kind: byName, dir: -1, name: 0},
	unix.SYS_FCHMOD:          {call: "chmod", kind: byDescriptor},
	unix.SYS_FCHMODAT:        {call: "chmod", kind: byName, dir: 0, name: 1},
	unix.SYS_FCHMODAT2:       {call: "chmod", kind: byName, dir: 0, name: 1},
	unix.SYS_CHOWN:           {call: "chown", kind: byName, dir: -1, name: 0},
	unix.SYS_LCHOWN:          {call: "chown", kind: byName, dir: -1, name: 0},
	unix.SYS_FCHOWN:          {call: "chown", kind: byDescriptor},
	unix.SYS_FCHOWNAT:        {call: "chown", kind: byName, dir: 0, name: 1},
	unix.SYS_SETXATTR:        {call: "setxattr", kind: byName, dir: -1, name: 0},
	unix.SYS_LSETXATTR:       {call: "setxattr", kind: byName, dir: -1, name: 0},
	unix.SYS_FSETXATTR:       {call: "setxattr", kind: byDescriptor},
	unix.SYS_REMOVEXATTR:     {call: "removexattr", kind: byName, dir: -1, name: 0},
	unix.SYS_LREMOVEXATTR:    {call: "removexattr", kind: byName, dir: -1, name: 0},
	unix.SYS_FREMOVEXATTR:    {call: "removexattr", kind: byDescriptor},
	unix.SYS_UTIMENSAT:       {call: "utimens", kind: byName, dir: 0, name: 1},
	unix.SYS_OPENAT2:         {call: "create", kind: byName, dir: 0, name: 1, flags: 2, flagsAt: true},
}
