# Needs GNU make and Python 3.11 or newer; everything else is installed into .venv, pinned with hashes.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
GUEST := runtime-image/guest
BUNDLE := runtime-image/bundle.py
PROGRAMS := $(wildcard examples/programs/*.ts*)
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check install
export DENO_NO_UPDATE_CHECK := 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test ok check guest fix bench bench-before hostile node node-load node-stop lock clean

help: ## this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' Makefile

run: $(VENV)/.run ## start the example pool and evaluate something in it
	@$(BIN)/tyrex-pool serve examples/hello.yaml --try '`Deno $${Deno.version.deno} says $${6 * 7}`'

test: $(VENV)/.dev ## all tests that this machine can run
	$(BIN)/python $(BUNDLE)
	cd $(GUEST) && "$(CURDIR)/$(BIN)/deno" test --quiet --permit-no-files --allow-read .
	$(PYTHON) -m tests.cluster.node build
	$(BIN)/python -m pytest

ok: check test ## what CI runs: every check, then the tests

check: $(VENV)/.dev ## format, lint, types, import directions and circles, modules of at most 400 lines
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	cd $(GUEST) && "$(CURDIR)/$(BIN)/deno" fmt --check --permit-no-files .
	$(BIN)/deno fmt --check --no-config --line-width=110 $(PROGRAMS)
	cd $(GUEST) && "$(CURDIR)/$(BIN)/deno" lint --permit-no-files .
	cd $(GUEST) && "$(CURDIR)/$(BIN)/deno" check .
	$(BIN)/python $(BUNDLE) --check
	@git ls-files '*.py' '*.ts' | xargs wc -l | awk '$$1 > 400 && $$2 != "total" { print $$2 ": " $$1 " lines, at most 400"; bad = 1 } END { exit bad }'
	@! command -v gofmt >/dev/null || ! gofmt -d tests/cluster/node/binaries | grep .

guest: $(VENV)/.dev ## bundle the guest side anew, after a change of runtime-image/guest
	$(BIN)/python $(BUNDLE)

fix: $(VENV)/.dev ## format and mend what can be mended by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	cd $(GUEST) && "$(CURDIR)/$(BIN)/deno" fmt --permit-no-files .
	$(BIN)/deno fmt --no-config --line-width=110 $(PROGRAMS)

bench: $(VENV)/.bench ## measure beside peers and write docs/performance.md (half an hour; with BENCH=--quick four minutes, and no page)
	$(BIN)/python -m tests.bench $(BENCH)

bench-before: $(VENV)/.bench ## compare the hot path with a commit before, rounds interleaved: make bench-before REV=main~1
	$(BIN)/python -m tests.bench.before $(REV)

hostile: $(VENV)/.dev ## the long form of the hostile tests: 200 forged replies, 20,000 mixed evals (some 15 minutes)
	TYREX_ROUNDS=200 TYREX_EVALS=20000 $(BIN)/python -m pytest tests/local/test_forgery_worker.py tests/local/test_mixed.py

node: ## start a Kubernetes node with the images of this checkout, and say how to use it (root on Linux)
	@$(PYTHON) -m tests.cluster.node up

node-load: ## bring the images of this checkout into the node that runs
	@$(PYTHON) -m tests.cluster.node load

node-stop: ## stop the node and remove all there is of it
	@$(PYTHON) -m tests.cluster.node down

lock: ## pin requirements/*.in again, with hashes, for every platform
	$(PYTHON) -m venv $(VENV)/lock
	$(VENV)/lock/bin/python -m pip --quiet install 'uv>=0.9'
	cd requirements && for part in runtime operator otlp build dev bench; do \
	  UV_CUSTOM_COMPILE_COMMAND='make lock' ../$(VENV)/lock/bin/uv pip compile --quiet --no-config --upgrade --universal \
	    --python-version 3.11 --prerelease if-necessary-or-explicit --generate-hashes --no-emit-index-url \
	    --no-annotate --output-file $$part.txt $$part.in || exit 1; \
	done

clean: ## remove what make made
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- the virtual environment: one stamp for each set of packages, so that nothing is installed twice ---

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo 'tyrex-pool needs Python 3.11 or newer: set PYTHON, as in `make run PYTHON=python3.12`' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo 'This Python has no venv module: install it (Debian, Ubuntu: apt-get install python3-venv)' >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements/runtime.txt requirements/build.txt pyproject.toml | $(BIN)/python
	@echo "Installing tyrex-pool, Deno and its libraries into $(VENV) (once, some 60 MB) ..."
	@$(PIP) --require-hashes -r requirements/runtime.txt -r requirements/build.txt
	@$(PIP) --no-build-isolation --no-deps --editable .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.run
	@echo "Installing what the checks and tests need into $(VENV) (once) ..."
	@$(PIP) --require-hashes -r requirements/dev.txt
	@touch $@

$(VENV)/.bench: requirements/bench.txt $(VENV)/.run
	@echo "Installing the peers of the benchmark into $(VENV) (once) ..."
	@$(PIP) --require-hashes -r requirements/bench.txt
	@touch $@
