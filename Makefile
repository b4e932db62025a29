# The commands of this project. `make` alone lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
TARGET := $(or $(CARGO_TARGET_DIR),target)/debug

.PHONY: help demo up test build prepare python lint proto simulation lab-test

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: build ## replay the incident on real files, every word asserted
	@$(TARGET)/storewarden-demo

up: build ## start the same site and stay, to try things out
	@$(TARGET)/storewarden-demo --stay

test: build python lint ## every test
	cargo test --workspace --locked

lab-test: build ## the NFS lab: a real kernel client and servers in a small VM (about 15 minutes)
	STOREWARDEN_LAB=1 cargo test -p storewarden-system-tests --test lab -- --ignored --nocapture --test-threads=1

build: prepare ## build everything, for debugging
	cargo build --workspace --locked --quiet

prepare: # what the build needs besides the Rust toolchain
	@scripts/prepare

python: # the third-party gRPC client of the tests
	@scripts/python tests/python

lint: ## rustfmt and clippy
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked --quiet -- -D warnings

proto: ## regenerate the committed code after a change of a .proto
	UPDATE=1 cargo test -q -p storewarden-proto --test generated_is_fresh

simulation: ## ten thousand seeds of the simulated world (SEEDS=n for another number, SEED=n replays one)
	SEEDS=$${SEEDS:-10000} cargo test --release -p storewarden-system-tests --test simulation -- --nocapture
