# make help lists what there is to make.

GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo 0.1.0-dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
BIN     := bin/learndocker
TOOLBOX := engine/registry/toolbox
CROSS   := linux-amd64 linux-arm64 linux-386 darwin-amd64 darwin-arm64 windows-amd64 windows-arm64

.DEFAULT_GOAL := help
.PHONY: help lesson build install test test-deps unit lint cross fuzz race guards suites bench record golden generate clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

lesson: build ## run the hello-world lesson, live
	@if [ -t 0 ] && [ -t 1 ]; then $(BIN) lesson hello-world --step; else $(BIN) lesson hello-world; fi

build: ## build bin/learndocker
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN) ./cmd/learndocker

install: build ## install to /usr/local/bin (PREFIX changes it)
	install -D $(BIN) $(DESTDIR)$(or $(PREFIX),/usr/local)/bin/learndocker

test: test-deps lint cross unit ## install what the tests need (Debian, Ubuntu) and run them all
	FUZZTIME=$(or $(FUZZTIME),4s) scripts/fuzz

test-deps: ## install what the tests need
	scripts/test-deps

unit: build ## run the tests, without installing anything
	CI=$(or $(CI),true) $(GO) tool -modfile=tools.mod gotestsum --format pkgname-and-test-fails --hide-summary skipped -- -count=1 -timeout 40m ./...
	CI=$(or $(CI),true) $(GO) test -C $(TOOLBOX) -count=1 -timeout 5m ./...

lint: ## formatting, go vet, staticcheck
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo 'run: gofmt -w .'; exit 1; }
	$(GO) vet ./...
	$(GO) tool -modfile=tools.mod staticcheck ./...
	$(GO) vet -C $(TOOLBOX) ./...
	cd $(TOOLBOX) && $(GO) tool -modfile=$(CURDIR)/tools.mod staticcheck ./...

cross: $(CROSS:%=cross-%) ## check and build for every system: bin/learndocker-OS-ARCH; the engine is Linux's
	CGO_ENABLED=0 $(GO) vet -trimpath -tags noengine ./cmd/learndocker
	CGO_ENABLED=0 GOARCH=arm64 $(GO) vet -trimpath ./...
	CGO_ENABLED=0 GOARCH=386 $(GO) vet -trimpath ./...
	CGO_ENABLED=0 GOARCH=arm64 $(GO) vet -C $(TOOLBOX) -trimpath ./...
	CGO_ENABLED=0 GOARCH=386 $(GO) vet -C $(TOOLBOX) -trimpath ./...
	CGO_ENABLED=0 GOOS=darwin GOARCH=arm64 $(GO) vet -trimpath ./cmd/... ./narrate/...
	CGO_ENABLED=0 GOOS=windows GOARCH=amd64 $(GO) vet -trimpath ./cmd/... ./narrate/...

cross-%:
	CGO_ENABLED=0 GOOS=$(word 1,$(subst -, ,$*)) GOARCH=$(word 2,$(subst -, ,$*)) $(GO) build -trimpath -ldflags '$(LDFLAGS)' \
		-o bin/learndocker-$*$(if $(filter windows-%,$*),.exe) ./cmd/learndocker

fuzz: ## try what nobody thought of: each fuzz target for FUZZTIME (10s)
	scripts/fuzz

race: ## look for data races, in the tests and in the daemons that they start (as root, with gcc; some minutes)
	$(GO) test -race -count=1 ./engine/...
	LEARNDOCKER_TEST_RACE=1 $(GO) test -count=1 -timeout 30m -run '$(RACED)' ./cmd/learndocker

# Tests in which much happens at once, and that do not count time, memory or threads.
RACED := TestManyContainers|TestRemovedTwice|TestLogsSurvive|TestCommandsStart|TestPublished|TestNetwork|TestHealth|TestKill$$|TestStreams|TestVolumes|TestManyPulls|TestBadWatchers|TestBadRequests|TestScript/(life|containers|images)

guards: ## take each guard out, in a copy, and see that a test notices (as root; some minutes)
	$(GO) test -tags guards -count=1 -timeout 60m -v -run TestGuards .

suites: ## run moby's integration tests against the daemon and print what passes (as root; some minutes)
	$(GO) test -tags suites -count=1 -timeout 90m -v -run TestMoby ./cmd/learndocker

bench: build ## measure against runc, crun and docker, and print ratios
	scripts/bench

record: build ## make the bundled recordings anew, of hello-world as an ordinary user too
	for l in lessons/*.yaml; do l=$$(basename $$l .yaml); $(BIN) lesson $$l --record lessons/recordings/$$l.jsonl >/dev/null || exit; done
	$(BIN) replay lessons/recordings/hello-world.jsonl --lang en --transcript docs/way.svg --stable
	dir=$$(mktemp -d) && chmod 777 $$dir && install $(BIN) $$dir/learndocker && \
	(cd $$dir && HOME=$$dir setpriv --reuid=12345 --regid=12345 --clear-groups ./learndocker lesson hello-world --record hello-world.jsonl >/dev/null) && \
	install -m 644 $$dir/hello-world.jsonl lessons/recordings/hello-world.rootless.jsonl && rm -rf $$dir

golden: build ## rewrite the golden files
	$(GO) test ./cmd/learndocker ./narrate/doctor -run 'Golden|^TestParity$$' -update

generate: ## rewrite generated files
	$(GO) generate ./...

clean: ## remove what was built
	rm -rf bin
