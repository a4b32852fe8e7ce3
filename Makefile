# make help lists what there is to make.

GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo 0.1.0-dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
BIN     := bin/learndocker

.DEFAULT_GOAL := help
.PHONY: help lesson build install test test-deps unit lint cross bench record golden generate clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

lesson: build ## run the hello-world lesson, live
	@if [ -t 0 ] && [ -t 1 ]; then $(BIN) lesson hello-world --step; else $(BIN) lesson hello-world; fi

build: ## build bin/learndocker
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN) ./cmd/learndocker

install: build ## install to /usr/local/bin (PREFIX changes it)
	install -D $(BIN) $(DESTDIR)$(or $(PREFIX),/usr/local)/bin/learndocker

test: test-deps lint cross unit ## install what the tests need (Debian, Ubuntu) and run them all

test-deps: ## install what the tests need
	scripts/test-deps

unit: build ## run the tests, without installing anything
	CI=$(or $(CI),true) $(GO) test -count=1 -timeout 15m ./...

lint: ## formatting, go vet, staticcheck
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo 'run: gofmt -w .'; exit 1; }
	$(GO) vet ./...
	$(GO) tool -modfile=tools.mod staticcheck ./...

cross: ## check the code for every system: the engine on Linux, the rest on macOS and Windows too
	CGO_ENABLED=0 GOARCH=arm64 $(GO) vet ./...
	CGO_ENABLED=0 GOARCH=386 $(GO) vet ./...
	CGO_ENABLED=0 GOOS=darwin GOARCH=arm64 $(GO) vet ./cmd/... ./narrate/...
	CGO_ENABLED=0 GOOS=windows GOARCH=amd64 $(GO) vet ./cmd/... ./narrate/...

bench: build ## measure against runc, crun and docker, and print ratios
	scripts/bench

record: build ## make the bundled recordings anew, as root and as an ordinary user
	$(BIN) lesson hello-world --record lessons/recordings/hello-world.jsonl >/dev/null
	dir=$$(mktemp -d) && chmod 777 $$dir && install $(BIN) $$dir/learndocker && \
	(cd $$dir && HOME=$$dir setpriv --reuid=12345 --regid=12345 --clear-groups ./learndocker lesson hello-world --record hello-world.jsonl >/dev/null) && \
	install -m 644 $$dir/hello-world.jsonl lessons/recordings/hello-world.rootless.jsonl && rm -rf $$dir

golden: build ## rewrite the golden files
	$(GO) test ./cmd/learndocker -run Golden -update

generate: ## rewrite generated files
	$(GO) generate ./...

clean: ## remove what was built
	rm -rf bin
