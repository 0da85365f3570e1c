# `make run` and `make test` are all a newcomer needs. Everything goes into one virtual
# environment; its stamp files make the set-up run once, and again when a lock changes.
#
#   make test PYTHON=python3.12 VENV=.venv-3.12     another interpreter, beside the first
#   make run ARGS="--seed 7"                        arguments for `framework run`

PYTHON ?= python3
VENV ?= .venv
ARGS ?=
UV ?= uv

BIN := $(VENV)/bin
READY_TO_RUN := $(VENV)/.ready-to-run
READY_TO_TEST := $(VENV)/.ready-to-test
PEERS ?= .venv-peers
READY_FOR_PEERS := $(PEERS)/.ready
INSTALL := $(BIN)/python -m pip --disable-pip-version-check install --quiet
COMPILE := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header pyproject.toml requirements/build.in

QUICK := $(BIN)/python -m pytest -q -m "not slow" --hypothesis-profile=quick $(ARGS)

.DELETE_ON_ERROR:
.PHONY: run test check lint check-core check-plugins bench bench-peers docs lock clean

run: $(READY_TO_RUN)
	$(BIN)/framework run $(ARGS)

# A process for each core; a file's tests stay together, for they share what is dear to make.
test: $(READY_TO_TEST)
	$(BIN)/python -m pytest -n auto --dist loadfile $(ARGS)

# Two at a time: one process alone would leave half of a small machine idle.
check: $(READY_TO_TEST)
	@$(MAKE) --no-print-directory -j2 --output-sync=target lint check-core check-plugins

lint: $(READY_TO_TEST)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check-core: $(READY_TO_TEST)
	$(QUICK) tests/framework

check-plugins: $(READY_TO_TEST)
	$(QUICK) tests --ignore=tests/framework

bench: $(READY_TO_RUN)
	@broken=0; for figure in benchmarks/*.py; do $(BIN)/python "$$figure" || broken=1; done; exit $$broken

# The peers live in an environment of their own: none of them is a dependency of ours.
bench-peers: $(READY_FOR_PEERS)
	$(PEERS)/bin/python benchmarks/stream.py

docs: $(READY_TO_RUN)
	$(BIN)/python docs/generate.py

# Needs uv, for locks that hold on every platform and interpreter at once.
lock:
	$(COMPILE) -o requirements/run.txt
	$(COMPILE) --extra test -c requirements/run.txt -o requirements/test.txt
	$(COMPILE) requirements/peers.in -c requirements/run.txt -o requirements/peers.txt

clean:
	rm -rf build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is \
	needed, $(PYTHON) is %d.%d: make PYTHON=python3.12" % sys.version_info[:2])'
	$(PYTHON) -m venv $(VENV)

$(READY_TO_RUN): requirements/run.txt pyproject.toml | $(BIN)/python
	$(INSTALL) --require-hashes -r requirements/run.txt
	$(INSTALL) --no-deps --no-build-isolation -e .
	@touch $@

$(READY_TO_TEST): requirements/test.txt pyproject.toml | $(BIN)/python
	$(INSTALL) --require-hashes -r requirements/test.txt
	$(INSTALL) --no-deps --no-build-isolation -e .
	@touch $@ $(READY_TO_RUN)

$(READY_FOR_PEERS): requirements/peers.txt pyproject.toml
	test -x $(PEERS)/bin/python || $(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip --disable-pip-version-check install --quiet --require-hashes -r requirements/peers.txt
	$(PEERS)/bin/python -m pip --disable-pip-version-check install --quiet --no-deps --no-build-isolation -e .
	@touch $@
