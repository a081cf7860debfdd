# Tributary: every command a developer or an operator needs. `make help` lists them.
SHELL := /bin/bash
PREFIX ?= /usr/local
LOG ?= embedded
CARGO ?= cargo

.PHONY: help deps build install demo test lint fmt e2e clients bench kill-test

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/ -/'

deps: ## install the system packages that building needs (Debian)
	@deploy/install-build-deps

build: deps ## build the release binary
	$(CARGO) build --release --locked --workspace

fmt: ## check the formatting
	$(CARGO) fmt --all --check

lint: ## clippy with warnings denied
	$(CARGO) clippy --release --locked --workspace --all-targets -- -D warnings

test: deps fmt lint build ## what continuous integration runs
	tests/run

