# Everything happens in .venv; nothing outside this folder is changed.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
PYTHON312 ?= python3.12
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
export OMP_NUM_THREADS ?= 1

.PHONY: help bench agents hardware test smoke e2e test-3.12 test-runtime slow check lint types contracts perf docs links wheel clean

help:  ## show these targets
	@grep -hE '^[a-z0-9.-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

bench: $(VENV)/.bench  ## install what a suite needs, run `quickstart`, show its leaderboard
	$(BIN)/qcbench run suite=quickstart

agents: $(VENV)/.agents  ## install what `train` and `sweep` need besides

hardware: $(VENV)/.hardware  ## install what `replay`, `gap` and `emulator` need besides

test: $(VENV)/.dev  ## install everything, run the tests
	$(BIN)/python -m pytest -n 2 --dist loadgroup

e2e: $(VENV)/.dev  ## the tests that run whole commands, clusters and trainings
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m "e2e and not slow"

smoke: $(VENV)/.dev  ## of those, minutes' worth: the README's commands, suites, kills, a plug-in, an object store
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m "e2e and not slow" tests/e2e tests/chaos/test_kills.py \
	  tests/plugins tests/storage/test_objects.py tests/storage/test_leases.py "tests/docs/test_commands.py::test_commands[README.md]"

test-3.12:  ## the same on Python 3.12, in a .venv-3.12 of its own; PYTHON312 names it
	@if $(PYTHON312) -c pass 2>/dev/null; then \
	  $(MAKE) test VENV=.venv-3.12 PYTHON="$(PYTHON312)"; \
	else \
	  echo "test-3.12: $(PYTHON312) is not there; give PYTHON312=/path/to/python3.12"; \
	fi

# Beside the environment, not in it: what is on PYTHONPATH comes first.
test-runtime: $(VENV)/.dev  ## the hardware tests with another qiskit-ibm-runtime: RUNTIME="==0.50.*"
	rm -rf build/runtime
	$(PIP) --no-deps --target build/runtime "qiskit-ibm-runtime$(RUNTIME)"
	PYTHONPATH="$(CURDIR)/build/runtime" $(BIN)/python -m pytest -n 2 --dist loadgroup -m "not slow" \
	  tests/hardware tests/deploy

slow: $(VENV)/.dev  ## the tests that take minutes
	$(BIN)/python -m pytest -m slow --timeout=3600

check: lint types contracts  ## all checks that run no test

lint: $(VENV)/.dev  ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev  ## mypy, strict
	$(BIN)/mypy

contracts: $(VENV)/.dev  ## imports only go down the floors
	$(BIN)/lint-imports

perf: $(VENV)/.dev  ## benchmarks; figures for docs/performance.md
	for each in ratios trials mm1 first_trial lists engine imports ray_overhead bootstrap allocation; do $(BIN)/python -m tests.perf.$$each || exit; done

docs: $(VENV)/.dev  ## the documentation as a site, build/docs/index.html; a warning is an error
	rm -rf build/docs
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet --fresh-env --doctree-dir build/doctrees docs build/docs

links: $(VENV)/.dev  ## ask for every web address of README, docs and docstrings; takes a network
	$(BIN)/python -m tests.docs.links

wheel: $(VENV)/.dev  ## build the wheel into dist/
	$(BIN)/python -m build --wheel --quiet

clean:  ## remove .venv and caches, keep runs
	rm -rf $(VENV) .venv-3.12 .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist build

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.bench: pyproject.toml | $(VENV)/bin/python
	$(PIP) --editable '.[bench]'
	touch $@

$(VENV)/.agents $(VENV)/.hardware: $(VENV)/.%: pyproject.toml | $(VENV)/bin/python
	$(PIP) --editable '.[bench,$*]'
	touch $@ $(VENV)/.bench

$(VENV)/.dev: pyproject.toml | $(VENV)/bin/python
	$(PIP) --editable '.[all,dev]'
	touch $@ $(VENV)/.bench $(VENV)/.agents $(VENV)/.hardware
