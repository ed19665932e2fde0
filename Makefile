# What a person does here; `make` lists it. Cargo's own profiles and target folder are used throughout, so that
# the commands share what they build.

SHELL := /bin/bash
.DEFAULT_GOAL := help

ASSENT := cargo run --quiet --package assent-cli --bin assent --
SERVICES := planner risk versioning approval-gate executor notification dashboard
# nextest runs each test in a process of its own and is faster; without it cargo's own runner does.
TEST_RUNNER := $(if $(shell command -v cargo-nextest),cargo nextest run,cargo test)
# The web UI is optional, and so is what builds it.
HAS_NODE := command -v npm >/dev/null && node --eval 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)'
SCRIPTS := .ci/run fuzz/*.sh tests/*.sh tests/polyglot/*.sh tests/mcp/*.sh deploy/*.sh deploy/local/*.sh deploy/compose/*.sh

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: first-build
first-build:
	@command -v cargo >/dev/null || { echo "cargo is missing: install a Rust toolchain (https://rustup.rs)" >&2; exit 2; }
	@command -v cc >/dev/null || { echo "cc is missing: install a C compiler (Debian: apt-get install gcc libc6-dev)" >&2; exit 2; }
	@[ -e target/debug/assent ] || echo "first build: some 400 crates, three to five minutes on two cores; seconds from then on" >&2

.PHONY: demo
demo: first-build ## one goal from plan to proof, in this terminal; needs only a Rust toolchain and cc
	@$(ASSENT) demo

.PHONY: run
run: first-build ## serve all services in one process on SQLite, until Ctrl-C
	@$(ASSENT) dev

.PHONY: web
web: ## build the web UI, which the next build of `assent` serves; needs Node 20 or newer
	@$(HAS_NODE) || { echo "Node 20 or newer with npm is missing (https://nodejs.org)" >&2; exit 2; }
	@cd services/dashboard/web && npm ci --no-audit --no-fund --loglevel=error && npm run build

.PHONY: cluster
cluster: first-build ## serve seven processes on a local Postgres and Redis, until Ctrl-C
	@cargo build --quiet $(SERVICES:%=--package assent-%) --bins
	@ASSENT_TEST_FSYNC=on ASSENT_TEST_SERVERS=.assent/cluster/servers tests/servers.sh deploy/local/cluster.sh

.PHONY: test
test: first-build ## run every test, on SQLite and on a throw-away Postgres and Redis
	@tools="$$(tests/tools.sh)" && export ASSENT_TOOLS="$$tools" \
	  && tests/helm.sh --tools \
	  && cargo build --workspace --all-targets \
	  && tests/servers.sh $(TEST_RUNNER) --workspace
	@if $(HAS_NODE); then ASSENT_BIN=$${CARGO_TARGET_DIR:-target}/debug/assent tests/web.sh; \
	  else echo "Node 20 or newer is not installed: the web UI is not tested (make test-web says more)"; fi

.PHONY: test-web
test-web: first-build ## build the web UI and test it in a browser; needs Node 20 or newer, installs Chromium
	@tests/web.sh

.PHONY: test-skew
test-skew: ## programs of this commit beside those of the one before (or of FROM)
	tests/skew.sh $(FROM)

.PHONY: test-image
test-image: first-build ## build the images without a Docker engine and run them; needs buildah, and says so where it is not
	@cargo build --quiet $(SERVICES:%=--package assent-%) --package assent-cli --bins
	@tests/image.sh $${CARGO_TARGET_DIR:-target}/debug || [ $$? = 77 ]

.PHONY: fuzz
fuzz: first-build ## fuzz whatever reads a plan, guided by coverage, 30 s each (make fuzz SECONDS=600); needs c++
	@fuzz/run.sh $(or $(SECONDS),30)

.PHONY: test-model
test-model: first-build ## ask a real, small language model for plans
	@tests/model.sh cargo test --package assent-planner --test it real_model -- --ignored --nocapture

.PHONY: bench
bench: first-build ## submit, approve and execute as fast as it goes, on both storages, beside pgbench
	@ASSENT_TEST_FSYNC=on tests/servers.sh cargo run --release --package assent-tests --bin assent-bench

.PHONY: footprint
footprint: first-build web ## measure size, memory, start and end of the programs that images hold; builds them for a quarter of an hour
	@deploy/build.sh target/programs && ls -l --block-size=MB target/programs
	@ASSENT_TEST_PROGRAMS="$$PWD/target/programs" tests/servers.sh \
	  cargo run --quiet --release --package assent-tests --bin assent-bench footprint

.PHONY: bench-web
bench-web: first-build web ## measure the web UI in a browser: a queue of 10,000 sessions, a large review, a graph of 500 items
	@cargo build --quiet --release --package assent-cli
	@bin="$$(realpath "$${CARGO_TARGET_DIR:-target}/release/assent")" && cd services/dashboard/web && node size.mjs \
	  && ASSENT_SESSIONS=$(or $(SESSIONS),10000) ASSENT_BIN="$$bin" npx playwright test numbers --workers 1

.PHONY: soak
soak: first-build ## kill `assent dev` a thousand times while workflows run, and require that none is lost or doubled
	@cargo build --package assent-cli --package assent-tests --bins
	@target/debug/assent-soak $(KILLS)

.PHONY: check
check: check-fmt check-proto check-scripts check-deps check-clippy check-doc ## everything that is checked without running it

.PHONY: fmt
fmt: ## format Rust and protos
	@cargo fmt --all
	@tools="$$(tests/tools.sh)" && "$$tools/buf" format -w proto

.PHONY: check-fmt
check-fmt:
	cargo fmt --all --check

.PHONY: check-proto
check-proto:
	@tools="$$(tests/tools.sh)" && set -x && "$$tools/buf" lint proto && "$$tools/buf" format -d --exit-code proto

.PHONY: check-breaking
check-breaking: ## protos against another commit: make check-breaking AGAINST=v0.1.0
	@tools="$$(tests/tools.sh)" && set -x && "$$tools/buf" breaking proto --against '.git#ref=$(or $(AGAINST),HEAD),subdir=proto'

.PHONY: check-scripts
check-scripts:
	@if command -v shellcheck >/dev/null; then set -x; shellcheck -x $(SCRIPTS); \
	  else echo "shellcheck is not installed: scripts not checked (Debian: apt-get install shellcheck)"; fi

.PHONY: check-deps
check-deps:
	@if command -v cargo-deny >/dev/null; then set -x; cargo deny check bans licenses sources; \
	  else echo "cargo-deny is not installed: dependencies not checked (cargo install --locked cargo-deny)"; fi

.PHONY: check-clippy
check-clippy:
	cargo clippy --workspace --all-targets -- -D warnings

.PHONY: check-doc
check-doc:
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps
