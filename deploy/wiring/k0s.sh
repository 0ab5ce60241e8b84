# k0s, on each worker. The unit of k0s has the kubelet's flags in it, so it is written
# anew, with the flags that this worker had (systemctl cat k0sworker) and one more. k0s
# splits its value at spaces (internal/pkg/flags, Split) and puts it last on the
# kubelet's command line. The unit survives an upgrade of k0s, but not a later `k0s
# install` or k0sctl's without the flag. A controller that runs pods (--enable-worker)
# takes the same flag with `k0s install controller`. `k0s stop` leaves pods running.
#
# With k0sctl instead, under spec.hosts[], after the files are on the host:
#   installFlags:
#     - {{quote .KubeletExtraArgs}}
ecr-node-bootstrap install --distribution generic --bin-dir {{shell .BinDir}} --config {{shell .Config}} &&
k0s stop &&
k0s install worker --force --token-file "${TOKEN_FILE:?the file with the join token of this worker}" \
  {{shell .KubeletExtraArgs}} &&
k0s start
