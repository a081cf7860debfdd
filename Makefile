# Tributary: every command a developer or an operator needs. `make help` lists them.
#
# Cargo always works on the whole workspace: a part of it would select other
# features of third-party crates and compile them a second time.
SHELL := /bin/bash
PREFIX ?= /usr/local
LOG ?= embedded
CARGO ?= cargo
CARGO_FLAGS := --release --locked --workspace

.PHONY: help deps build install demo test lint fmt docs bench bench-identity

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/ -/'

deps: ## install the system packages that building needs (Debian)
	@deploy/install-build-deps

build: deps ## build the release binary
	$(CARGO) build $(CARGO_FLAGS) --bin tributary

install: build ## put the binary at PREFIX/bin/tributary
	install -d '$(PREFIX)/bin'
	install -m 0755 "$$(deploy/binary-path)" '$(PREFIX)/bin/tributary'

demo: build ## run the whole job on generated customers and show the result (LOG=embedded|kafka)
	@deploy/demo $(LOG)

fmt: ## check the formatting
	$(CARGO) fmt --all --check

lint: deps ## clippy with warnings denied
	$(CARGO) clippy $(CARGO_FLAGS) --all-targets -- -D warnings

docs: deps ## the documentation of the code, with warnings denied
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc $(CARGO_FLAGS) --no-deps --quiet

test: deps fmt lint docs build ## what continuous integration runs: formatting, clippy, documentation and every test
	@tests/run

bench: deps ## measure, with the machine and the inputs
	$(CARGO) build $(CARGO_FLAGS) --bin tributary --bin bench
	@TRIBUTARY_BIN="$$(deploy/binary-path)" "$$(dirname "$$(deploy/binary-path)")/bench"

bench-identity: build ## measure identity resolution beside Splink 5 on the same files (SIZE=100000 customers)
	@TRIBUTARY_BIN="$$(deploy/binary-path)" tests/identity/bench $(SIZE)
