package registry

// A partition is one row of the table: a separate AWS with its own accounts,
// regions and DNS names. Identifiers, classic suffixes and region prefixes are
// those of the SDK's partitions.json; TestPartitionsMatchSDK fails when the
// SDK learns one that is missing here.
type partition struct {
	id     string // as it stands in ARNs
	suffix string // what classic and FIPS hosts end in

	// dualStack is what dual-stack hosts end in, "" where AWS documents none
	// (docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-requests.html and
	// /general/latest/gr/ecr.html, its China edition for aws-cn).
	dualStack string

	// regions is what the partition's region names begin with, as in the SDK; "" for
	// the one of all that begin with nothing of the others.
	regions string

	// shared says that another partition has the same suffixes: hosts are told apart
	// by their regions, and this row comes before the other.
	shared bool
}

var partitions = [...]partition{
	{id: "aws-us-gov", suffix: "amazonaws.com", dualStack: "on.aws", regions: "us-gov-", shared: true},
	{id: "aws-cn", suffix: "amazonaws.com.cn", dualStack: "on.amazonwebservices.com.cn", regions: "cn-"},
	{id: "aws-eusc", suffix: "amazonaws.eu", regions: "eusc-"},
	{id: "aws-iso", suffix: "c2s.ic.gov", regions: "us-iso-"},
	{id: "aws-iso-b", suffix: "sc2s.sgov.gov", regions: "us-isob-"},
	{id: "aws-iso-e", suffix: "cloud.adc-e.uk", regions: "eu-isoe-"},
	{id: "aws-iso-f", suffix: "csp.hci.ic.gov", regions: "us-isof-"},
	{id: "aws", suffix: "amazonaws.com", dualStack: "on.aws"},
}

// A form is how a private registry's host says which network and which
// cryptography it serves: ACCOUNT.<label>.REGION.<suffix>.
//
// FIPS hosts are taken in every partition: AWS lists them for the US regions
// only, but the official plugin accepts them under every suffix and the SDK has
// a FIPS API endpoint in every partition, so refusing one would break a node
// that works today.
type form struct {
	label     string
	fips      bool
	dualStack bool
}

var forms = [...]form{
	{label: "dkr.ecr"},
	{label: "dkr.ecr-fips", fips: true},
	{label: "dkr-ecr", dualStack: true},
	{label: "dkr-ecr-fips", fips: true, dualStack: true},
}

// suffixIn is what a host of this form ends in within p, "" if p has none.
func (f form) suffixIn(p partition) string {
	if f.dualStack {
		return p.dualStack
	}
	return p.suffix
}

// publicRegion is the only region whose API gives out tokens for ECR Public
// (docs.aws.amazon.com/AmazonECR/latest/public/public-registry-auth.html).
const publicRegion = "us-east-1"

// A publicHost is one of the two names of ECR Public
// (docs.aws.amazon.com/AmazonECR/latest/public/public-ecr-requests.html).
type publicHost struct {
	host      string
	dualStack bool
}

var publicHosts = [...]publicHost{
	{host: "public.ecr.aws"},
	{host: "ecr-public.aws.com", dualStack: true},
}
