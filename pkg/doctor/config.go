package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/kubelet-ecr/kubelet-ecr/pkg/node/providerconfig"
)

// config is a file with providers.
type config struct {
	name, text string
	providers  []providerconfig.Provider
}

// provider is our entry, and where it is.
type provider struct {
	providerconfig.Entry
	file          string
	cacheDuration time.Duration
}

// checkConfig is about the CredentialProviderConfig that the kubelet is told to read.
func checkConfig(_ context.Context, w *walk) {
	if w.told.Config == "" || w.tooOld() || !w.readConfigs() {
		return
	}
	w.checkOwner("config-owner", w.told.Config, "who writes it says what the kubelet runs as root")
	valid := w.checkValid()
	if !w.findEntry(valid) || !valid {
		return // what is in an entry that no kubelet reads can wait
	}
	w.checkGlobs()
	w.checkCacheDuration()
}

// readConfigs reads the file, or those of a directory, which kubelets since 1.34 take
// (kubernetes PR 131658).
func (w *walk) readConfigs() bool {
	const (
		code      = "config-file"
		directory = 34
	)
	name := w.told.Config
	files := []string{name}
	if w.tree.IsDirectory(name) {
		if minor := w.told.Kubelet.Minor; minor != 0 && minor < directory {
			w.error(code, fmt.Sprintf("%s is a directory, which kubelets take since 1.%d, and this is 1.%d", name, directory, minor), w.exits(), "name a file in it")
			return false
		}
		files = nil
		for _, pattern := range []string{"*.json", "*.yaml", "*.yml"} {
			files = append(files, w.tree.Glob(path.Join(name, pattern))...)
		}
		slices.Sort(files)
		if len(files) == 0 {
			w.error(code, "no file in "+name+" ends in .json, .yaml or .yml", w.exits(), w.install())
			return false
		}
	}
	for _, file := range files {
		text, err := w.read(file)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			w.error(code, file+" is not there", w.misses(), w.install())
			return false
		case err != nil:
			w.failed(code, err, w.exits(), w.install())
			return false
		}
		w.configs = append(w.configs, config{name: file, text: text})
	}
	w.ok(code, strings.Join(files, ", "))
	return true
}

// read is the text of a file, links followed.
func (w *walk) read(name string) (string, error) {
	if _, err := w.tree.Follow(name); err != nil {
		return "", err
	}
	return w.tree.ReadLinked(name)
}

// checkValid asks whether this minor would start with it.
func (w *walk) checkValid() bool {
	const code = "config-valid"
	k := providerconfig.Kubelet{Minor: w.told.Kubelet.Minor}
	gate := providerconfig.Kubelet{Minor: k.Minor, TokenGate: true}
	if faults, fix := w.faults(gate); faults != "" {
		w.error(code, faults, w.exits(), fix)
		return false
	}
	if faults, _ := w.faults(k); faults != "" {
		w.warning(code, faults, w.exits()+", and whether the gate is on was not looked at", "upgrade the kubelet to 1.34")
		return true
	}
	w.ok(code, k.String()+" takes it")
	return true
}

// faults are those of all files in a line, and what takes them out: what is our entry's
// an install writes anew, all else is for whoever wrote it.
func (w *walk) faults(k providerconfig.Kubelet) (evidence, fix string) {
	var all []string
	fix = w.install()
	for _, c := range w.configs {
		err := providerconfig.Check(c.text, k)
		if err == nil {
			continue
		}
		lines := strings.Split(err.Error(), "\n")
		all = append(all, c.name+": "+strings.Join(lines, "; "))
		others := func(line string) bool {
			return !strings.HasPrefix(line, fmt.Sprintf("provider %q: ", providerconfig.Name))
		}
		if slices.ContainsFunc(lines, others) {
			fix = w.edit(c.name)
		}
	}
	return strings.Join(all, "; "), fix
}

// edit is the command for a file that only people can mend.
func (w *walk) edit(name string) string { return "${EDITOR:-vi} " + w.file(name) }

// findEntry looks for our entry. It is silent where a config that is not valid has said
// why already.
func (w *walk) findEntry(valid bool) bool {
	const code = "config-entry"
	var in []string
	for i, c := range w.configs {
		e, found, err := providerconfig.Find(c.text)
		if err == nil {
			w.configs[i].providers, err = providerconfig.Providers(c.text)
		}
		if err != nil {
			if valid {
				w.error(code, c.name+": "+err.Error(), w.exits(), w.edit(c.name))
			}
			return false
		}
		if !found {
			continue
		}
		in = append(in, c.name)
		w.entry = &provider{Entry: e, file: c.name}
		for _, p := range w.configs[i].providers {
			if p.Name == providerconfig.Name {
				w.entry.cacheDuration = p.CacheDuration
			}
		}
	}
	switch {
	case len(in) == 0:
		w.error(code, fmt.Sprintf("no provider is named %q in %s", providerconfig.Name, w.told.Config), "the plugin is never run: images are pulled without credentials", w.install())
	case len(in) > 1:
		w.error(code, fmt.Sprintf("provider %q is in more than one file: %s", providerconfig.Name, strings.Join(in, ", ")), w.exits(), "rm "+w.file(in[len(in)-1]))
	default:
		w.ok(code, fmt.Sprintf("provider %q in %s", providerconfig.Name, w.entry.file))
	}
	return len(in) == 1
}

// checkCacheDuration is about answers that say no duration. Ours always do, the official
// plugin's do where AWS says when a token ends, and no token lives longer than this
// (docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html).
func (w *walk) checkCacheDuration() {
	const (
		code  = "config-cache"
		token = 12 * time.Hour
	)
	evidence := fmt.Sprintf("defaultCacheDuration is %s", w.entry.cacheDuration)
	if w.entry.cacheDuration > token {
		w.warning(code, evidence, "an answer without a duration would be used after its token has ended, and pulls fail", w.install())
		return
	}
	w.ok(code, evidence)
}
