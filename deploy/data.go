package deploy

// Names of files that [Render] makes, and what of.
const (
	WarmService = "node/ecr-credential-provider-warm.service" // of a Warm
	WarmTimer   = "node/ecr-credential-provider-warm.timer"   // of nil
	Tmpfiles    = "node/tmpfiles.conf"                        // of a Warm
	OpenRCWarm  = "node/openrc-warm"                          // of a Warm
	CronWarm    = "node/periodic-warm"                        // of nil

	NodeConfig = "node/nodeconfig.yaml" // of a NodeConfigDropIn

	UserDataFile    = "bake/user-data.yaml"             // of a UserData
	BootstrapScript = "bake/bootstrap-node.sh"          // of a UserData
	PackerTemplate  = "bake/ecr-node-bootstrap.pkr.hcl" // of a Bake

	DaemonSetFile = "daemonset.yaml" // of a DaemonSet
)

// Warm is what the units need that fetch tokens before pulls do. They find the entries
// of the cache that the kubelet's plugin will look for only if they run it as the
// kubelet does, so all of this is of the kubelet and of our entry in its
// CredentialProviderConfig.
type Warm struct {
	// Plugin is the program, an absolute path without an equals sign, which env(1)
	// would take for a variable.
	Plugin string

	// Args and Env are those of the entry.
	Args []string
	Env  []Variable

	// User is "root" where the kubelet's unit has User=root, which makes systemd set
	// HOME (k3s, RKE2), and otherwise "".
	User string

	// Environment is what the kubelet's unit sets itself of what the plugin heeds.
	Environment []Variable

	// EnvironmentFiles are what the kubelet's unit reads, in its order, if they are
	// there (/etc/default/k3s). They win over Environment, and Env wins over them, as in
	// the kubelet.
	EnvironmentFiles []string

	// CacheDir is the plugin's --cache-dir, an absolute path.
	CacheDir string
}

// UserData is what a node's cloud-init user-data needs.
type UserData struct {
	// Bootstrap is the text of the node's bootstrap.yaml, "" for none.
	Bootstrap string

	// Distribution and KubeletVersion are install's flags of these names, "" to leave
	// them to install, which then finds out. A distribution that comes only after
	// cloud-init has to be named.
	Distribution   string
	KubeletVersion string

	// ArchiveURL is where to get the two programs: http or https, a .tar.gz with both
	// at its top. ArchiveSHA256 is the archive's, in lower-case hex. Without them, both
	// programs have been baked in at /usr/local/bin.
	ArchiveURL    string
	ArchiveSHA256 string

	// Restart has install restart the kubelet if it runs and has to.
	Restart bool
}

// Bake is what the Packer template starts from: the defaults of its variables, all of
// which may be "".
type Bake struct {
	Region         string
	Distribution   string // as install's --distribution
	KubeletVersion string // as install's --kubelet-version, "" if the image has the kubelet
}

// DaemonSet is what the example for nodes that cannot be made anew needs.
type DaemonSet struct {
	// Image has ecr-node-bootstrap and ecr-credential-provider at its root. PauseImage
	// is any that sleeps, as a container runtime's does (registry.k8s.io/pause).
	Image, PauseImage string

	// Bootstrap is the text of the nodes' bootstrap.yaml, "" for none.
	Bootstrap string

	// Distribution is install's flag of this name, and Service the unit of which the
	// kubelet is part: kubelet, k3s-agent, rke2-agent. ServerService is that of servers
	// where they have another: k3s, rke2-server.
	Distribution, Service, ServerService string

	// KubeletVersion is install's flag of this name, "" where the node says it.
	KubeletVersion string
}

// A NodeConfigDropIn is what the NodeConfig needs that wires the kubelet of an EKS AMI.
type NodeConfigDropIn struct {
	Flags []string // of the kubelet
}
