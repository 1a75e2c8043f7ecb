# Every target sets up .venv by itself, once, and again when a dependency changed.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

ON_SERVICES ?= tests/workers tests/app tests/e2e

.DEFAULT_GOAL := help
.PHONY: help demo serve test check bench chaos services format clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(READY) ## Simulate a bus, train, publish a release and score a capture through the service
	$(BIN)/canfuse demo

serve: $(READY) ## Run the service, a worker and the broker until Ctrl-C
	$(BIN)/canfuse up

test: $(READY) ## Run the tests
	$(BIN)/python -m pytest

check: $(READY) ## Lint, type-check, and check the import rules and the container files
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/hadolint Dockerfile
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml
	$(BIN)/helm lint --strict deploy/helm/canfuse
	$(BIN)/python -m pytest -q tests/house --ignore tests/house/test_health_checks.py

services: $(READY) ## Run the tests of jobs and service on PostgreSQL and Redis, where they are installed
	$(BIN)/python -m tests.on_services $(ON_SERVICES)

chaos: $(READY) ## Kill, freeze and restart every part while jobs run, and check what is promised
	$(BIN)/python -m tests.chaos --report var/chaos.json

bench: $(READY) ## Run the benchmarks, which print JSON
	$(BIN)/python -m benchmarks

fuzz: $(READY) ## Send a million changed files to the readers, and all kinds of requests to the service
	$(BIN)/python tests/hostile/fuzz.py
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python tests/hostile/schema.py

load: $(READY) ## Score at twice the rate that the service sustains, and check what is promised
	$(BIN)/python -m benchmarks.load

format: $(READY) ## Format the code and fix what can be fixed by itself
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

clean: ## Remove .venv and the tools' caches; data and releases stay
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis *.egg-info client/*.egg-info build

$(READY): pyproject.toml client/pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "canfuse needs Python 3.11 or newer: make PYTHON=/path/to/python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ./client -e '.[dev]'
	@touch $@
