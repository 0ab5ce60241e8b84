package providerconfig_test

import "strings"

// files are configs as they are found on nodes: what other programs write, and the
// layouts that people do. All are taken by a kubelet of 1.34.
var files = map[string]string{
	// nodeadm, internal/kubelet/image-credential-provider.go of awslabs/amazon-eks-ami
	"EKS": `{
  "apiVersion": "kubelet.config.k8s.io/v1",
  "kind": "CredentialProviderConfig",
  "providers": [
    {
      "name": "ecr-credential-provider",
      "matchImages": [
        "*.dkr.ecr.*.amazonaws.com",
        "*.dkr-ecr.*.on.aws",
        "*.dkr.ecr.*.amazonaws.com.cn",
        "*.dkr-ecr.*.on.amazonwebservices.com.cn",
        "*.dkr.ecr-fips.*.amazonaws.com",
        "*.dkr-ecr-fips.*.on.aws",
        "*.dkr.ecr.*.c2s.ic.gov",
        "*.dkr.ecr.*.sc2s.sgov.gov",
        "*.dkr.ecr.*.cloud.adc-e.uk",
        "*.dkr.ecr.*.csp.hci.ic.gov",
        "*.dkr.ecr.*.amazonaws.eu",
        "public.ecr.aws"
      ],
      "defaultCacheDuration": "12h0m0s",
      "apiVersion": "credentialprovider.kubelet.k8s.io/v1"
    }
  ]
}
`,
	// the YAML that the encoder in nodeup/pkg/model/kubelet.go of kubernetes/kops makes
	"kOps": `apiVersion: kubelet.config.k8s.io/v1
kind: CredentialProviderConfig
providers:
- apiVersion: credentialprovider.kubelet.k8s.io/v1
  args:
  - get-credentials
  defaultCacheDuration: 12h0m0s
  env:
  - name: AWS_REGION
    value: eu-central-1
  matchImages:
  - '*.dkr.ecr.*.amazonaws.com'
  - '*.dkr.ecr.*.amazonaws.com.cn'
  - '*.dkr.ecr-fips.*.amazonaws.com'
  - '*.dkr.ecr.us-iso-east-1.c2s.ic.gov'
  name: ecr-credential-provider
`,
	// ansible/roles/ecr_credential_provider of kubernetes-sigs/image-builder; the same
	// without a newline at its end
	"image-builder":   imageBuilder,
	"no last newline": strings.TrimSuffix(imageBuilder, "\n"),
	"JFrog and ACR": `# managed by the platform team
---
kind: CredentialProviderConfig   # sic
apiVersion: kubelet.config.k8s.io/v1

providers:
  # artifacts of the build
  - name: jfrog-credential-provider
    matchImages:
      - "*.jfrog.io"   # all of them
    apiVersion: credentialprovider.kubelet.k8s.io/v1
    defaultCacheDuration: "1h"
    env:
      - name: artifactory_url
        value: "https://corp.jfrog.io"
      # - name: secretTTL
      #   value: 5h

  - name: acr-credential-provider
    apiVersion: credentialprovider.kubelet.k8s.io/v1
    defaultCacheDuration: 10m
    matchImages: ["*.azurecr.io", "*.azurecr.cn"]
    args: [/etc/kubernetes/azure.json]
    # args: [/etc/kubernetes/other.json]

# the end
`,
	"official between others": `apiVersion: kubelet.config.k8s.io/v1
kind: CredentialProviderConfig
providers:
    - name: first
      apiVersion: credentialprovider.kubelet.k8s.io/v1
      defaultCacheDuration: 1h
      matchImages: [first.example]
    # the official plugin
    - name: ecr-credential-provider
      apiVersion: credentialprovider.kubelet.k8s.io/v1alpha1
      defaultCacheDuration: 12h
      # globs:
      matchImages: ["*.dkr.ecr.*.amazonaws.com"]
      # that is all

    # and one more
    - name: last
      apiVersion: credentialprovider.kubelet.k8s.io/v1
      defaultCacheDuration: 1h
      matchImages: [last.example]
`,
	"other keys below": `kind: CredentialProviderConfig
providers:
- {name: first, apiVersion: credentialprovider.kubelet.k8s.io/v1beta1, defaultCacheDuration: 1h, matchImages: [first.example]}
# of the file
apiVersion: kubelet.config.k8s.io/v1beta1
`,
	"a block of text": `apiVersion: kubelet.config.k8s.io/v1
kind: CredentialProviderConfig
providers:
- name: first
  apiVersion: credentialprovider.kubelet.k8s.io/v1
  defaultCacheDuration: 1h
  matchImages: [first.example]
  env:
  - name: SCRIPT
    value: |
      - name: not-a-provider
      # not a comment
      providers:
`,
	"flow in block": `apiVersion: kubelet.config.k8s.io/v1
kind: CredentialProviderConfig
providers: [
  {name: first, apiVersion: credentialprovider.kubelet.k8s.io/v1, defaultCacheDuration: 1h, matchImages: ["first.example"], args: ["a]b", 'it''s', x#y]}, # one
  {name: it's, apiVersion: credentialprovider.kubelet.k8s.io/v1, defaultCacheDuration: 1h, matchImages: ["second.example"]}
] # both
`,
	"flow": "# YAML all the same\n" + `{apiVersion: kubelet.config.k8s.io/v1, kind: CredentialProviderConfig, 'providers': [` +
		`{name: first, apiVersion: credentialprovider.kubelet.k8s.io/v1, defaultCacheDuration: 1h, matchImages: [first.example]}]}` + "\n",
	"compact JSON": `{"kind":"CredentialProviderConfig","apiVersion":"kubelet.config.k8s.io/v1","providers":[` +
		`{"name":"ecr-credential-provider","matchImages":["*.dkr.ecr.*.amazonaws.com"],"defaultCacheDuration":"12h","apiVersion":"credentialprovider.kubelet.k8s.io/v1"},` +
		`{"name":"second","matchImages":["second.example"],"args":["\",{["],"defaultCacheDuration":"1h","apiVersion":"credentialprovider.kubelet.k8s.io/v1"}]}`,
	"JSON in one line": `{"apiVersion": "kubelet.config.k8s.io/v1", "kind": "CredentialProviderConfig", "providers": [` +
		`{"name": "first", "matchImages": ["first.example"], "defaultCacheDuration": "12h", "apiVersion": "credentialprovider.kubelet.k8s.io/v1"}]}` + "\n",
	"JSON with tabs": "{\n\t\"apiVersion\": \"kubelet.config.k8s.io/v1\",\n\t\"kind\": \"CredentialProviderConfig\",\n\t\"providers\": [{\n" +
		"\t\t\"name\": \"first\",\n\t\t\"matchImages\": [\"first.example\"],\n\t\t\"defaultCacheDuration\": \"1h\",\n" +
		"\t\t\"apiVersion\": \"credentialprovider.kubelet.k8s.io/v1\"\n\t}]\n}\n",
	"CRLF": strings.ReplaceAll(imageBuilder, "\n", "\r\n"),
	"JSON with CRLF": strings.ReplaceAll(`{
  "apiVersion": "kubelet.config.k8s.io/v1",
  "kind": "CredentialProviderConfig",
  "providers": [
    {
      "name": "first",
      "matchImages": ["first.example"],
      "defaultCacheDuration": "1h",
      "apiVersion": "credentialprovider.kubelet.k8s.io/v1"
    }
  ]
}
`, "\n", "\r\n"),
	"byte order mark": "\ufeffapiVersion: kubelet.config.k8s.io/v1\nkind: CredentialProviderConfig\nproviders:\n" +
		"- {name: first, apiVersion: credentialprovider.kubelet.k8s.io/v1, defaultCacheDuration: 1h, matchImages: [first.example]}\n...\n# the end\n",
	"anchors of others": `apiVersion: kubelet.config.k8s.io/v1
kind: CredentialProviderConfig
providers:
- name: first
  apiVersion: &v credentialprovider.kubelet.k8s.io/v1
  defaultCacheDuration: 1h
  matchImages: [first.example]
- name: second
  apiVersion: *v
  defaultCacheDuration: 1h
  matchImages: [second.example]
`,
}

const imageBuilder = `apiVersion: kubelet.config.k8s.io/v1
kind: CredentialProviderConfig
providers:
  - name: ecr-credential-provider
    matchImages:
      - "*.dkr.ecr.*.amazonaws.com"
      - "*.dkr.ecr.*.amazonaws.com.cn"
    defaultCacheDuration: "12h"
    apiVersion: credentialprovider.kubelet.k8s.io/v1
`
