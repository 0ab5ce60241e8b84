//go:build !linux

package kubelet

import (
	"errors"
	"time"
)

func sinceBoot() (time.Duration, error) { return 0, errors.ErrUnsupported }
