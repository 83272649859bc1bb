# Everything a developer or a build server calls. `make` alone lists the targets.

# sudo's own PATH has no Go, so the usual place is looked at last.
export PATH := $(PATH):/usr/local/go/bin
# No C compiler is needed, and every binary is static.
export CGO_ENABLED := 0
# Where git does not trust the checkout's owner, Go could not stamp the build and would stop.
export GOFLAGS := $(GOFLAGS) -buildvcs=$(shell git status >/dev/null 2>&1 && echo auto || echo false)

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  scripts/with-postgres bash    a shell with a private PostgreSQL in it: there,"
	@echo "                                'go test ./...' works for any package; exit removes it"

demo: ## build, make the sample company in ./sekisho-demo and serve it; ARGS="--story --listen … --seed …"
	@scripts/check-go
	@echo "初回のビルドには2〜4分かかります。/ The first build takes 2–4 minutes."
	@$(MAKE) --no-print-directory build
	@exec bin/sekisho demo --home ./sekisho-demo $(ARGS)

build: ## static binaries into bin/
	@scripts/check-go
	go build -trimpath -ldflags "-s -w" -o bin/ ./cmd/...

test: ## all that must hold before a commit, on both databases; installs what it needs
	@scripts/check-go
	@scripts/install-deps
	@unformatted=$$(gofmt -l .) && test -z "$$unformatted" || { echo "gofmt these files: $$unformatted" >&2; exit 1; }
	go vet ./...
	go build ./...
	go run ./scripts/coverage -check
	scripts/with-postgres go test -count=1 -p 2 -timeout 25m ./...

bench: ## measure both engines beside raw commits of the same run; commits are durable
	@scripts/check-go
	@scripts/install-deps
	WITH_FSYNC=1 scripts/with-postgres go test -tags bench -count=1 -timeout 60m -v $(ARGS) ./bench

fuzz: ## every fuzz target for FUZZTIME (60s) each, one after the other
	@scripts/check-go
	scripts/fuzz $(ARGS)

torture: ## kill, starve, mislead and tamper with it, for about an hour, as root; QUICK=1: five minutes
	@scripts/check-go
	@scripts/install-deps torture
	WITH_FSYNC=1 scripts/with-postgres go run ./scripts/torture $(if $(QUICK),-quick) $(ARGS)

release: ## archives of static binaries into dist/: Linux amd64 and arm64, Windows (compiled, not run)
	@scripts/check-go
	@scripts/install-deps release
	scripts/release

pictures: ## docs/pages.md and the README's pictures, taken from the demo's real pages
	@scripts/install-deps
	mkdir -p docs/pages docs/img
	SEKISHO_PAGES=$(CURDIR)/docs/pages go test -count=1 -timeout 30m -run 'EveryPageIsAccessible' ./internal/edge/web
	SEKISHO_SHOTS=$(CURDIR)/docs/img go test -count=1 -timeout 30m -run 'ThePicturesOfTheReadme' ./internal/edge/web

cover: ## write docs/coverage.md: which test proves which requirement
	go run ./scripts/coverage

.PHONY: help demo build test bench fuzz torture release pictures cover
