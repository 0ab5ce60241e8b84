package integration

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"time"
)

// startMoto starts moto_server, and returns its address and how to end it.
func startMoto(env ...string) (url string, end func(), err error) {
	path, err := exec.LookPath("moto_server")
	if err != nil {
		return "", nil, errors.New("moto_server is not on the PATH: pip install 'moto[server]'")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	l.Close()
	if err != nil {
		return "", nil, err
	}
	cmd := exec.Command(path, "-H", "127.0.0.1", "-p", port)
	cmd.Env = append(os.Environ(), env...)
	ownGroup(cmd) // it is a script that starts another process
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	end = func() {
		killGroup(cmd)
		cmd.Wait()
	}
	url = "http://127.0.0.1:" + port
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/moto-api/", nil)
		if err != nil {
			end()
			return "", nil, err
		}
		if response, err := http.DefaultClient.Do(request); err == nil {
			response.Body.Close()
			return url, end, nil
		}
		select {
		case <-ctx.Done():
			end()
			return "", nil, fmt.Errorf("moto_server does not answer at %s", url)
		case <-time.After(100 * time.Millisecond):
		}
	}
}
