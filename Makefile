# `make help` lists what there is. Each of `make demo` and `make test` is the only command needed on a fresh clone.
SHELL := /bin/bash

.PHONY: help
help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | sort | expand -t 16

.PHONY: build
build: ## build the release binary: target/release/leasehold
	cargo build --release --locked

.PHONY: demo
demo: install-deps ## go through the examples, against an AWS emulator and a PostgreSQL, checking every claim
	examples/aws-dynamic-secrets/run.sh
	examples/database-credentials/run.sh

.PHONY: install-deps
install-deps: ## install what building and testing need: C compiler, Python packages
	@scripts/install-deps

.PHONY: test
test: ## run all tests, after installing what they need
	@scripts/install-deps tests
	cargo test --locked --no-fail-fast

.PHONY: bench
bench: ## see that the server carries 100,000 leases: start, memory, the death of a large tree; and 32 log-ins at once
	cargo bench --locked --bench scale
	cargo bench --locked --bench sign_in

.PHONY: fmt
fmt: ## format the sources
	cargo fmt

.PHONY: fmt-check
fmt-check: ## see that the sources are formatted
	cargo fmt --check

.PHONY: clippy
clippy: ## lint the sources; a warning is an error
	cargo clippy --locked --all-targets -- -D warnings

.PHONY: docs
docs: ## build the sources' documentation and check the pages; a warning is an error
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --document-private-items
	scripts/check-docs

.PHONY: advisories
advisories: ## see that no dependency has a known advisory
	scripts/advisories

.PHONY: fresh-demo
fresh-demo: ## run the demo twice in a fresh checkout of what is committed
	scripts/fresh-checkout bash -c 'make demo && make demo'

.PHONY: check
check: ## everything above that checks something: what CI runs
	.ci/check fmt-check clippy test docs advisories fresh-demo
