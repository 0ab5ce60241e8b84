# k0s, on each worker. The kubelet's flags are in the unit of k0s, which is written anew
# here: add the flags that it has now (systemctl cat k0sworker). k0s splits the value of
# this one at spaces (internal/pkg/flags, Split) and gives it to the kubelet last. k0s and
# with it the kubelet restart. The unit outlives upgrades of k0s, but no later `k0s
# install`, and no run of k0sctl without the flag. A controller that runs pods
# (--enable-worker) takes the same flag with `k0s install controller`.
#
# With k0sctl instead, under spec.hosts[], after the files are on the host:
#   installFlags:
#     - --kubelet-extra-args="{{range $i, $f := .Flags}}{{if $i}} {{end}}{{$f}}{{end}}"
: "${TOKEN_FILE:?the file with the join token of this worker}" &&
ecr-node-bootstrap install --distribution generic --bin-dir {{shell .BinDir}} --config {{shell .Config}} &&
k0s stop &&
k0s install worker --force --token-file "$TOKEN_FILE" \
  --kubelet-extra-args="{{range $i, $f := .Flags}}{{if $i}} {{end}}{{$f}}{{end}}" &&
k0s start
