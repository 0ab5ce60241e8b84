package providerconfig

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/api/validate/content"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	kubeletv1 "k8s.io/kubelet/config/v1"
)

const kind = "CredentialProviderConfig"

// Check says whether a kubelet would start with a file that has this text. It is strict
// where that kubelet is not: a field that it does not know is a fault although one before
// 1.32 would ignore it, and so are a second YAML document and two providers of one name.
//
// The error is a join of all faults, one line each, which name the provider and the
// field. What is outside of the text is not looked at: whether the providers' files are
// in the bin dir, and which feature gates are on (see [Kubelet]).
func Check(text string, k Kubelet) error {
	if err := k.served(); err != nil {
		return err
	}
	return errors.Join(faults(text, k)...)
}

func faults(text string, k Kubelet) []error {
	c, err := read(text)
	if err != nil {
		return []error{err}
	}
	var all []error
	if line := secondDocument(text); line > 0 {
		all = append(all, fmt.Errorf("line %d: a second YAML document, of which a kubelet reads nothing: want one, with all providers in it", line))
	}
	if err := c.judgeKind(k); err != nil {
		return append(all, err)
	}
	decoded, err := strict(text)
	all = append(all, c.decodeFaults(err)...)
	for i, p := range c.providers {
		if m, ok := p.(map[string]any); ok {
			all = append(all, c.of(i, c.tooNew(m, "", k))...)
		}
	}
	if decoded == nil {
		return all
	}
	if len(decoded.Providers) == 0 {
		all = append(all, errors.New("providers: at least one is required"))
	}
	seen := map[string]bool{}
	for i, p := range decoded.Providers {
		found := judgeProvider(p, k)
		if seen[p.Name] {
			found = append(found, errors.New("name: another provider has it too"))
		}
		seen[p.Name] = true
		all = append(all, c.of(i, found)...)
	}
	return all
}

// judgeKind says whether the text is of a kind that the kubelet looks for.
func (c *config) judgeKind(k Kubelet) error {
	if got, _ := c.said["kind"].(string); got != kind {
		return fmt.Errorf("kind: want %s, got %q", kind, clip(got))
	}
	got, _ := c.said["apiVersion"].(string)
	minor, known := apiVersions[got]
	switch {
	case !known:
		return fmt.Errorf("apiVersion: want one of %s, got %q", strings.Join(slices.Sorted(maps.Keys(apiVersions)), ", "), clip(got))
	case !k.has(minor):
		return fmt.Errorf("apiVersion: %s came with kubelet 1.%d, this is %s", got, minor, k)
	}
	return nil
}

// strict decodes text as a kubelet of 1.32 and newer does, by the codec of its
// pkg/credentialprovider/plugin/plugin.go. Where the error is about fields that are
// unknown or there twice, the config is there too.
//
// v1beta1 and v1alpha1 are read into the type of v1, which has their fields and
// tokenAttributes (tooNew refuses those): the package of v1beta1 would bring klog and
// Prometheus along for other kinds that are in it.
func strict(text string) (*kubeletv1.CredentialProviderConfig, error) {
	scheme := runtime.NewScheme()
	for v := range apiVersions {
		gv, err := schema.ParseGroupVersion(v)
		if err != nil {
			return nil, err
		}
		scheme.AddKnownTypeWithName(gv.WithKind(kind), &kubeletv1.CredentialProviderConfig{})
	}
	codecs := serializer.NewCodecFactory(scheme, serializer.EnableStrict)
	object, _, err := codecs.UniversalDeserializer().Decode([]byte(text), nil, nil)
	c, _ := object.(*kubeletv1.CredentialProviderConfig)
	return c, err
}

// inProvider is how the codec says where a field is.
var inProvider = regexp.MustCompile(`"providers\[(\d+)\]\.([^"]*)"`)

// decodeFaults makes lines of the codec's error that name the providers.
func (c *config) decodeFaults(err error) []error {
	if err == nil {
		return nil
	}
	var all []error
	if several, ok := runtime.AsStrictDecodingError(err); ok {
		for _, err := range several.Errors() {
			line := oneLine(err).Error()
			place := inProvider.FindStringSubmatch(line)
			if place == nil {
				all = append(all, errors.New(line))
				continue
			}
			i, _ := strconv.Atoi(place[1])
			all = append(all, c.of(i, []error{errors.New(strings.Replace(line, place[0], strconv.Quote(place[2]), 1))})...)
		}
		return all
	}
	// A value of the wrong type: the codec says neither whose it is nor always which.
	for i, p := range c.providers {
		m, ok := p.(map[string]any)
		if !ok {
			all = append(all, c.of(i, []error{errors.New("want a mapping")})...)
		}
		for _, key := range slices.Sorted(maps.Keys(m)) {
			if err := c.wrongType(key, m[key]); err != nil {
				all = append(all, c.of(i, []error{err})...)
			}
		}
	}
	if all == nil {
		all = append(all, oneLine(err))
	}
	return all
}

// wrongType says why the codec does not take a value for the field of a provider.
func (c *config) wrongType(field string, value any) error {
	alone, err := json.Marshal(map[string]any{
		"apiVersion": c.said["apiVersion"], "kind": kind, "providers": []any{map[string]any{field: value}},
	})
	if err == nil {
		_, err = strict(string(alone))
	}
	if err == nil || runtime.IsStrictDecodingError(err) {
		return nil
	}
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("%s: want %s, got %s", strings.TrimPrefix(wrong.Field, "providers."), wrong.Type, wrong.Value)
	}
	return fmt.Errorf("%s: %w", field, oneLine(err))
}

// pluginVersions are what a provider's apiVersion may be.
var pluginVersions = []string{
	"credentialprovider.kubelet.k8s.io/v1", "credentialprovider.kubelet.k8s.io/v1alpha1", "credentialprovider.kubelet.k8s.io/v1beta1",
}

// judgeProvider has the rules of the kubelet's validateCredentialProviderConfig
// (pkg/credentialprovider/plugin/config.go, the same from 1.33 to 1.37 but for
// cacheType), and that of its registration that the name is a file's.
func judgeProvider(p kubeletv1.CredentialProvider, k Kubelet) []error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	switch {
	case p.Name == "":
		fault("name: required")
	case p.Name == ".", p.Name == "..", strings.ContainsAny(p.Name, "/ "):
		fault("name: want the name of a file in the bin dir, without slashes and spaces")
	}
	switch {
	case p.APIVersion == "":
		fault("apiVersion: required")
	case !slices.Contains(pluginVersions, p.APIVersion):
		fault("apiVersion: want one of %s, got %q", strings.Join(pluginVersions, ", "), clip(p.APIVersion))
	}
	if len(p.MatchImages) == 0 {
		fault("matchImages: at least one is required")
	}
	for i, glob := range p.MatchImages {
		if _, err := url.Parse("https://" + glob); err != nil {
			fault("matchImages[%d]: %w", i, oneLine(err))
		}
	}
	switch d := p.DefaultCacheDuration; {
	case d == nil:
		fault("defaultCacheDuration: required")
	case d.Duration < 0:
		fault("defaultCacheDuration: want none below 0, got %s", d.Duration)
	}
	if p.TokenAttributes != nil {
		if p.APIVersion != pluginVersions[0] {
			fault("tokenAttributes: want the apiVersion %s with them", pluginVersions[0])
		}
		for _, err := range judgeTokens(p.TokenAttributes, k) {
			fault("tokenAttributes.%w", err)
		}
	}
	return faults
}

// judgeTokens has the rules of tokenAttributes.
func judgeTokens(t *kubeletv1.ServiceAccountTokenAttributes, k Kubelet) []error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if t.ServiceAccountTokenAudience == "" {
		fault("serviceAccountTokenAudience: required")
	}
	switch {
	case t.RequireServiceAccount == nil:
		fault("requireServiceAccount: required")
	case !*t.RequireServiceAccount && len(t.RequiredServiceAccountAnnotationKeys) > 0:
		fault("requiredServiceAccountAnnotationKeys: not while requireServiceAccount is false")
	}
	switch t.CacheType {
	case kubeletv1.ServiceAccountServiceAccountTokenCacheType, kubeletv1.TokenServiceAccountTokenCacheType:
	case "":
		if k.has(since("tokenAttributes.cacheType")) {
			fault("cacheType: required from kubelet 1.%d on, ServiceAccount or Token", since("tokenAttributes.cacheType"))
		}
	default:
		fault("cacheType: want ServiceAccount or Token, got %q", clip(string(t.CacheType)))
	}
	faults = append(faults, judgeKeys("requiredServiceAccountAnnotationKeys", t.RequiredServiceAccountAnnotationKeys)...)
	faults = append(faults, judgeKeys("optionalServiceAccountAnnotationKeys", t.OptionalServiceAccountAnnotationKeys)...)
	for i, key := range t.OptionalServiceAccountAnnotationKeys {
		if slices.Contains(t.RequiredServiceAccountAnnotationKeys, key) {
			fault("optionalServiceAccountAnnotationKeys[%d]: %q is a required key too", i, clip(key))
		}
	}
	return faults
}

// judgeKeys has the rules of annotation keys: a label's, in any case.
func judgeKeys(field string, keys []string) []error {
	var faults []error
	for i, key := range keys {
		for _, problem := range content.IsLabelKey(strings.ToLower(key)) {
			faults = append(faults, fmt.Errorf("%s[%d]: %q: %s", field, i, clip(key), problem))
		}
		if slices.Contains(keys[:i], key) {
			faults = append(faults, fmt.Errorf("%s[%d]: %q is there twice", field, i, clip(key)))
		}
	}
	return faults
}
