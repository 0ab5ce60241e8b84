// Command serve runs a fakeaws in a process of its own, for trying the plugin by
// hand. It prints the environment that leads an AWS SDK to it.
package main

import (
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"time"

	"github.com/kubelet-ecr/kubelet-ecr/test/fakeaws"
)

func main() {
	log.SetFlags(0)
	s := fakeaws.New()
	listen := flag.String("listen", "127.0.0.1:0", "address to serve at")
	flag.DurationVar(&s.TokenLife, "token-life", s.TokenLife, "how long ECR tokens live")
	flag.StringVar(&s.InstanceRole, "instance-role", s.InstanceRole, "role of the instance profile, empty for none")
	flag.Func("fault", "a fault from the start, as 'SERVICE KIND [option=value...]' (repeatable)", func(line string) error {
		faults, err := fakeaws.ParseFault(line)
		for _, f := range faults {
			s.Inject(f)
		}
		return err
	})
	flag.Parse()

	l, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	url := "http://" + l.Addr().String()
	fmt.Printf("export AWS_ENDPOINT_URL=%[1]s AWS_EC2_METADATA_SERVICE_ENDPOINT=%[1]s\n", url)
	fmt.Printf("# curl %[1]s/fakeaws/calls; curl -d 'ecr throttle times=3' %[1]s/fakeaws/faults\n", url)
	server := http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}
	log.Fatal(server.Serve(l))
}
