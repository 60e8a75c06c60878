# `make` lists the targets. CONTRIBUTING.md says which of them a change must pass.
ADDR ?= :8080
FUZZTIME ?= 3s
# Modules of their own, so that what they need never enters go.mod.
MODULES = $(patsubst ./%/go.mod,%,$(sort $(shell find . -mindepth 2 -name go.mod)))
# What must compile besides the machine's own system.
SYSTEMS = linux/386 linux/arm64 darwin/arm64 windows/amd64 freebsd/amd64
# Tests whose nodes are processes. Where nodes share one, proto.actor replaces gRPC's logger at each start, under the nodes that
# run: now and then the race detector sees that, and make cluster-test with it.
PROCESSES = ^Test(Processes|NodesAre|GatewayIs|GatewayRestarts|WorkerIs|WorkerRestarts)
# The steps of make check, the quick ones first.
CHECKS = tidy lint modules thorough fuzz cross vulnerabilities

ACTIONLINT = github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
GREMLINS = github.com/go-gremlins/gremlins/cmd/gremlins@v0.6.0
APIDIFF = golang.org/x/exp/cmd/apidiff@v0.0.0-20261113113407-e3970619a1a4
# Packages whose exported names are promised.
PROMISED = frame pipeline sockets sockets/sockettest
GOVULNCHECK = golang.org/x/vuln/cmd/govulncheck@v1.9.0

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-16s %s\n", $$1, $$2}'

run: ## start the echo server and its page: make run ADDR=:9000
	@echo "building: the first time it fetches modules and compiles them, later it is a second"
	@go run ./examples/echo -addr $(ADDR)

chat: ## start the chat, to open in two browsers: make chat ADDR=:9000
	@echo "building: the first time it fetches modules and compiles them, later it is a second"
	@go run ./examples/chat -addr $(ADDR)

# Tests that wait more than they work run beside each other: sockets in three parts, what FIRST and SECOND
# name and all else, and the other packages.
FIRST = ^Test[A-E]
SECOND = ^Test[F-Q]
PARTS = test-sockets test-sockets-second test-sockets-third test-others
DEBUG = -race -tags spindriftdebug
# The detector waits a second at the end of each program, for goroutines that it has left; a test has counted that there are none.
RACE = GORACE=atexit_sleep_ms=0 go test $(DEBUG) -short -vet=off -timeout 5m

test: ## vet, and test with the race detector, the examples too: the first thing to run
	@echo "== vet"
	@go vet $(DEBUG) ./...
	@echo "== test, with the race detector: a line for each package, and three for sockets"
	@$(MAKE) --no-print-directory -k -j $(words $(PARTS)) $(PARTS)

test-sockets-once: # compiles what its parts run
	@go test $(DEBUG) -vet=off -c -o /dev/null ./sockets

test-sockets: test-sockets-once
	@$(RACE) -run '$(FIRST)' ./sockets

test-sockets-second: test-sockets-once
	@$(RACE) -run '$(SECOND)' ./sockets

test-sockets-third: test-sockets-once
	@$(RACE) -skip '$(FIRST)|$(SECOND)' ./sockets

test-others:
	@$(RACE) $$(go list ./internal/... ./frame/... ./pipeline/... ./actors/... ./sockets/... ./autobahn/... ./examples/... | grep -v 'spindrift/sockets$$')

check: $(CHECKS) ## what make test leaves out, step by step: make -k check goes on after a failure

checks: # for .ci/run
	@echo $(CHECKS)

tidy: ## gofmt, and go.mod of every module
	@echo "== gofmt and go mod tidy"
	@bad=$$(gofmt -l .); [ -z "$$bad" ] || { echo "not formatted:" $$bad; exit 1; }
	@set -e; for module in . $(MODULES); do (cd $$module && go mod tidy -diff); done

lint: ## staticcheck in every module, and actionlint of the workflows
	@echo "== staticcheck"
	@go run $(STATICCHECK) -version >/dev/null 2>&1 || { echo "skipped: $(STATICCHECK) cannot be fetched from here"; exit 0; }; \
	  set -e; for module in . $(MODULES); do echo $$module; (cd $$module && go run $(STATICCHECK) ./...); done
	@echo "== actionlint"
	@go run $(ACTIONLINT) -version >/dev/null 2>&1 || { echo "skipped: $(ACTIONLINT) cannot be fetched from here"; exit 0; }; \
	  go run $(ACTIONLINT) .github/workflows/*.yml

modules: ## vet and test the modules of their own
	@set -e; for module in $(MODULES); do echo "== $$module: vet and test"; (cd $$module && go vet ./... && go test -timeout 5m ./...); done
	@echo "== nodes that are processes, and rooms, with the race detector"
	@cd sockets/remote && go test -race -short -timeout 5m -run '$(PROCESSES)' .
	@cd sockets/rooms && go test -race -short -timeout 5m .

thorough: ## every test without the race detector: thousands of connections too
	@echo "== every program is built"
	@go vet ./...
	@go build ./...
	@echo "== the tests that make test leaves out or thins"
	@go test -timeout 5m ./internal/... ./frame/... ./pipeline/... ./actors/... ./sockets/... ./examples/...
	@go test -tags purego ./frame/...

# Go's fuzzer now and then calls the end of its own time a failure: go.dev/issue/75804.
LATE = { grep -q '^    context deadline exceeded' fuzz.log && ! grep -q 'Failing input' fuzz.log; }

fuzz: ## every fuzz target for FUZZTIME each: make fuzz FUZZTIME=10m
	@set -e; for package in $$(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n 1 dirname | sort -u); do \
	  for target in $$(cd $$package && go test -list '^Fuzz' | grep '^Fuzz'); do \
	    echo "== fuzz $$package $$target $(FUZZTIME)"; \
	    (cd $$package && go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x) > fuzz.log 2>&1 || $(LATE) || { cat fuzz.log; exit 1; }; \
	  done; \
	done; rm -f fuzz.log

# Nothing of this runs, so what it depends on is compiled without optimizing, in three quarters of the time.
cross: ## compile the module and its tests for other systems
	@set -e; for system in $(SYSTEMS); do echo "== vet for $$system"; \
	  GOOS=$${system%/*} GOARCH=$${system#*/} go vet -gcflags='all=-N -l' ./...; done
	@echo "== vet the build that counts locks"
	@go vet -tags spindriftlocks ./internal/... ./actors/... ./sockets

vulnerabilities: ## known vulnerabilities that our code, or code that it calls, reaches
	@echo "== govulncheck"
	@set -e; for module in . $(MODULES); do \
	  echo $$module; \
	  (cd $$module && go run $(GOVULNCHECK) ./...) > vulnerabilities.log 2>&1 || \
	    if grep -qE 'fetching vulnerabilities|dial tcp|no such host' vulnerabilities.log; then \
	      echo "skipped: the vulnerability database cannot be reached from here"; break; \
	    else cat vulnerabilities.log; exit 1; fi; \
	done; rm -f vulnerabilities.log

apidiff: ## what has changed since the last version in what is promised: it fails for what breaks programs
	@last=$$(git describe --tags --abbrev=0 --match 'v[0-9]*' $(SINCE) 2>/dev/null) || { echo "skipped: there is no version yet"; exit 0; }; \
	  tree=$$(mktemp -d) && git worktree add -q --detach $$tree $$last && trap 'git worktree remove --force '$$tree EXIT; broken=0; \
	  for package in $(PROMISED); do \
	    echo "== $$package since $$last"; \
	    (cd $$tree && go run $(APIDIFF) -w $$tree/old.export ./$$package) && go run $(APIDIFF) $$tree/old.export ./$$package || exit 1; \
	    [ -z "$$(go run $(APIDIFF) -incompatible $$tree/old.export ./$$package)" ] || broken=1; \
	  done; exit $$broken

release: ## try a version of all modules in step, without its tags: make release VERSION=v0.1.0
	go run ./examples/tools/release -try $(VERSION)

mutate: ## change frame and pipeline in one place at a time, to see whether their tests notice (an hour): MUTANTS.md in each
	@set -e; for package in frame pipeline; do \
	  echo "== mutants of $$package"; \
	  go run $(GREMLINS) unleash --timeout-coefficient 20 -E '_on\.go$$' -E 'mask_other' -S lvt ./$$package; \
	done

autobahn: ## all Autobahn cases, server and client: make autobahn CASES='6.*' ECHO=conn (or proxy)
	@CASES='$(CASES)' ECHO='$(ECHO)' go run ./autobahn/judge

# What the pages say of speed and memory is in docs/figures, or in the results of the tools: docs/figures/README.md.
RECORD = docs/figures/record
BENCH = go test -run '^$$' -bench

bench: ## measure against the peers, side by side: make bench ROWS=echo64; ROWS=cores: what another core brings; ROWS=rooms and ROWS=remote: nodes
ifeq ($(ROWS),cores)
	@{ $(BENCH) Pairs -cpu 1,2,8 -count 4 ./actors/dispatch; \
	  $(BENCH) SharedLocks -tags spindriftlocks -benchtime 1000000x ./sockets; \
	  cd examples/tools/bench && go run ./model; } 2>&1 | $(RECORD) cores
else ifeq ($(ROWS),rooms)
	@(cd sockets/rooms && $(BENCH) Room .) 2>&1 | $(RECORD) rooms
else ifeq ($(ROWS),remote)
	@(cd sockets/remote; $(BENCH) 'Echo|GRPC' -count 3 . ; $(BENCH) Split -benchtime 5s . ; $(BENCH) Idle -benchtime 1x .) 2>&1 | $(RECORD) remote
else
	cd examples/tools/bench && go run . $(if $(ROWS),-rows '$(ROWS)')
endif

idle: ## memory and goroutines of idle connections
	@{ for row in shared/portable=false own/portable=false own/portable=true session dial accept hijacked; do \
		$(BENCH) "Idle/$$row$$" -benchtime 1x ./sockets; done; \
	  $(BENCH) IdleAfterStorms -benchtime 1x -count 3 ./sockets; } 2>&1 | $(RECORD) idle

# What 5,000 idle connections have brought to the profile of a process, as bytes of each by the function that has allocated them.
HEAP = awk -v OFS='\t' -v row="$$row" '$$2 ~ /%/ && $$1 + 0 > 20000 { sub(/.*\//, "", $$6); print "BenchmarkHeap/" row "/" $$6, 1, $$1 / 5000 " B/conn" }'

figures: ## what the other targets leave out of docs/figures: the heap of an idle connection, an observer's cost, what a program weighs
	@profile=$$(mktemp); for row in own shared; do \
	  PROFILE=$$profile $(BENCH) "Idle/$$row/portable=false" -benchtime 1x -memprofilerate 1 ./sockets && \
	  go tool pprof -sample_index=inuse_space -unit=b -nodefraction 0 -top -base $$profile.before $$profile 2>/dev/null | $(HEAP) || echo FAIL; \
	done | $(RECORD) heap; rm -f $$profile $$profile.before
	@$(BENCH) Observer -benchtime 300x ./sockets 2>&1 | $(RECORD) observer
	@$(BENCH) Size -benchtime 1x ./examples 2>&1 | $(RECORD) size

times: ## how long make run and make test take, the first time and again, on a machine that does nothing else
	@$(BENCH) Times -benchtime 1x -timeout 30m ./examples 2>&1 | $(RECORD) times

soak: ## 9,000 connections with churn and random kills, back to the baseline: make soak SOAK='-time 10m'
	go run ./examples/tools/soak $(SOAK)

storm: ## 10,000 members join, leave and end in a minute or two, with the race detector
	go test -race -v -run TestRoomStorm -timeout 10m ./sockets

autobahn-remote: ## the Autobahn cases for the server, with the handler on another node
	@program=$$(mktemp -d)/autobahn; (cd sockets/remote && go build -o $$program ./autobahn) && CASES='$(CASES)' go run ./autobahn/judge -roles server -server $$program

cluster: ## three nodes to kill, roll and freeze on a page: make cluster ADDR=127.0.0.1:9000
	@echo "building: the first time it fetches modules and compiles them, later it is a second"
	@cd examples/cluster && go run . $(if $(filter-out :8080,$(ADDR)),-addr $(ADDR))

cluster-test: ## handlers and rooms on three nodes that are killed, rolled, frozen: 100 clients, 3,000 members, with the race detector and without
	@set -e; for module in sockets/remote sockets/rooms; do for race in -race ''; do \
	  echo "== $$module $$race"; (cd $$module && SPINDRIFT_CLUSTER=1 go test $$race -timeout 5m -count 1 .); done; done

interop: ## our server and client against other implementations: make interop PEERS=node CASES=text,tls
	@cd examples/tools/interop && ./install.sh && go run . $(if $(PEERS),-peers '$(PEERS)') $(if $(CASES),-cases '$(CASES)')

.PHONY: help run chat apidiff release mutate test test-sockets-once $(PARTS) check checks $(CHECKS) autobahn bench idle figures times soak interop autobahn-remote cluster cluster-test
