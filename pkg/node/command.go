package node

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// commandTime bounds what is done beside the files.
const commandTime = time.Minute

// each runs commands one after the other, and returns in words what failed.
func each(ctx context.Context, commands [][]string) []string {
	var failed []string
	for _, c := range commands {
		bounded, cancel := context.WithTimeout(ctx, commandTime)
		if err := run(bounded, c); err != nil {
			failed = append(failed, err.Error())
		}
		cancel()
	}
	return failed
}

// run runs a command of the system.
func run(ctx context.Context, command []string) error {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.WaitDelay = time.Second
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Run(); err != nil {
		if line := firstLine(strings.TrimSpace(said.String())); line != "" {
			return fmt.Errorf("%s: %w: %s", strings.Join(command, " "), err, line)
		}
		return fmt.Errorf("%s: %w", strings.Join(command, " "), err)
	}
	return nil
}
