# Everything that is run more than once. `make help` lists it.

GO      ?= go
GO_TEST ?= $(GO) test
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)

# Tools are run at a version, not installed, and stay out of go.mod.
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2

# What a release is built with: static, without the builder's paths, stripped.
BUILD = CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w -X main.stamp=$(VERSION)'

# The race detector needs a C compiler.
RACE := $(if $(shell command -v $$($(GO) env CC) 2>/dev/null),-race)

PLATFORMS = linux/amd64 linux/arm64 windows/amd64

.DEFAULT_GOAL := help

.PHONY: help
help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## build both programs for this machine into bin/
	$(BUILD) -o bin/ ./cmd/...

.PHONY: demo
demo: build ## show a pull, and an account made fit and taken back: no AWS account, no root, ten seconds
	@$(GO) run ./test/demo

.PHONY: test
test: ## run all tests: a few minutes, no root, nothing but Go; packages under the race detector if there is a C compiler
	CGO_ENABLED=$(if $(RACE),1,0) $(GO_TEST) $(RACE) ./pkg/... ./test/fakeaws/...
	CGO_ENABLED=0 $(GO_TEST) ./cmd/... ./deploy ./test/demo ./test/deploy
	CGO_ENABLED=0 $(GO_TEST) -count=1 -parallel 16 ./test/integration # against fakeaws; most of its time is waiting
	CGO_ENABLED=0 $(GO_TEST) -count=1 ./test/install
	CGO_ENABLED=0 $(GO_TEST) -count=1 ./test # it builds the plugin by itself, which Go's cache of results does not see

.PHONY: contract
contract: ## have the kubelet's own code run the plugin and read its configs: three minutes, the first time twenty
	@for minor in v1.31 v1.37; do [ ! -t 2 ] || echo "compiling the kubelet's part of $$minor"; \
		CGO_ENABLED=0 $(GO) build -C test/contract/$$minor -trimpath -o /dev/null . || exit 1; done
	cd test/contract && CGO_ENABLED=0 $(GO_TEST) -count=1 ./...
	CGO_ENABLED=0 $(GO_TEST) -count=1 ./test/minors # the configs of every minor, through its own types

.PHONY: e2e
e2e: ## boot from user data, and pull with a real kubelet and containerd: root; minutes, and 20 more the first time; E2E=skip
	[ "$$E2E" = skip ] || CGO_ENABLED=0 $(GO_TEST) -count=1 ./test/bake
	cd test/e2e && exec setpriv --pdeathsig KILL $(GO_TEST) -v -count=1 -p 1 -timeout 55m ./...

.PHONY: integration
integration: ## tell the stories of accounts to moto, terraform and CloudFormation, which nobody here wrote: minutes
	TEST_AWS_ENDPOINT_URL=moto CGO_ENABLED=0 $(GO_TEST) -count=1 -timeout 30m ./test/integration

.PHONY: bench
bench: ## measure whole runs of the plugin against an empty program, and plans of a large account against a small one
	@$(GO) run ./test/bench
	@$(GO) run ./test/bench/plan

.PHONY: lint
lint: ## gofmt, go vet on every platform, staticcheck
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "not gofmt-ed: $$unformatted"; exit 1; fi
	$(GO) vet ./...
	GOOS=windows $(GO) vet ./cmd/... ./pkg/...
	$(GO) run $(STATICCHECK) ./...
	@for nested in test/contract test/e2e; do (cd $$nested && $(GO) vet ./... && $(GO) run $(STATICCHECK) ./...) || exit 1; done

.PHONY: verify
verify: ## check go.mod, the coverage of pkg (90 %) and the builds for every platform
	$(GO) mod tidy -diff
	@$(GO_TEST) -coverprofile=coverage.out ./pkg/... && $(GO) tool cover -func=coverage.out | awk \
		'/^total:/ { sub("%", "", $$3); print "coverage of pkg: " $$3 " %"; exit $$3 < 90 }'
	@for platform in $(PLATFORMS); do \
		echo "building for $$platform"; \
		GOOS=$${platform%/*} GOARCH=$${platform#*/} $(BUILD) -o bin/$$platform/ ./cmd/... || exit 1; \
	done

.PHONY: fmt
fmt: ## format the code
	gofmt -w .
