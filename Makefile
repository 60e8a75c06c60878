# `make` lists the targets.
ADDR ?= :8080
FUZZTIME ?= 3s
# Modules of their own, so that what they need never enters go.mod.
MODULES = $(patsubst ./%/go.mod,%,$(sort $(shell find . -mindepth 2 -name go.mod)))

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-10s %s\n", $$1, $$2}'

run: ## start the echo server: make run ADDR=:9000
	go run ./examples/echo -addr $(ADDR)

test: ## vet, build every example, run the tests with the race detector, fuzz briefly
	go vet ./...
	go build -o /dev/null ./examples/... ./autobahn/...
	@set -e; for module in $(MODULES); do echo "$$module: vet and test"; (cd $$module && go vet ./... && go test ./...); done
	go test -race -tags spindriftdebug -timeout 10m ./...
	go test ./frame ./pipeline
	go test -tags purego ./frame
	go test -run OfThousands ./actors ./sockets
	@$(MAKE) --no-print-directory fuzz FUZZTIME=$(FUZZTIME)

# Go's fuzzer now and then calls the end of its own time a failure: go.dev/issue/75804.
LATE = { grep -q '^    context deadline exceeded' fuzz.log && ! grep -q 'Failing input' fuzz.log; }

fuzz: ## every fuzz target for FUZZTIME each: make fuzz FUZZTIME=10m
	@set -e; for package in frame pipeline sockets examples/tools/differential; do \
	  for target in $$(cd $$package && go test -list '^Fuzz' | grep '^Fuzz'); do \
	    echo "fuzz $$package $$target $(FUZZTIME)"; \
	    (cd $$package && go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x) > fuzz.log 2>&1 || $(LATE) || { cat fuzz.log; exit 1; }; \
	  done; \
	done; rm -f fuzz.log

autobahn: ## all Autobahn cases, server and client: make autobahn CASES='6.*'
	@CASES='$(CASES)' go run ./autobahn/judge

bench: ## measure against the peers, side by side: make bench ROWS=echo64
	cd examples/tools/bench && go run . $(if $(ROWS),-rows '$(ROWS)')

idle: ## memory and goroutines of idle connections
	go test -run '^$$' -bench Idle -benchtime 1x ./sockets

soak: ## 9,000 connections with churn and random kills, back to the baseline: make soak SOAK='-time 10m'
	go run ./examples/tools/soak $(SOAK)

interop: ## our server and client against other implementations: make interop PEERS=node CASES=text,tls
	@cd examples/tools/interop && ./install.sh && go run . $(if $(PEERS),-peers '$(PEERS)') $(if $(CASES),-cases '$(CASES)')

.PHONY: help run test fuzz autobahn bench idle soak interop
