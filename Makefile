# make demo    sets everything up and runs the main job
# make test    sets up what the tests need and runs them all
# make check   lint and types          make bench   all figures
# make setup   what demo and test share   make lock   renew the locks

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup demo test check bench lock sbom clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 2
UV := $(BIN)/uv
UV_VERSION := 0.13.8
RUN := $(BIN)/python
WEBUI := $(shell find webui -name node_modules -prune -o -type f -print 2>/dev/null)
export UV_PYTHON_DOWNLOADS := never
# Nothing of the build reads the user's own Python packages.
export PYTHONNOUSERSITE := 1
# Nor does every process compile our modules and those of the packages anew.
export PYTHONDONTWRITEBYTECODE :=

help:
	@sed -n 's/^# \{0,1\}//p;/^$$/q' Makefile

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "error: $(PYTHON) is older than Python 3.11" >&2; \
	  echo "hint: name a newer one, such as  make demo PYTHON=python3.12" >&2; exit 2; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "error: $(PYTHON) cannot make a virtual environment" >&2; \
	  echo "hint: install Debian's package python3-venv" >&2; exit 2; }
	@echo "== virtual environment"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

$(VENV)/.locked: requirements.lock | $(UV)
	@echo "== locked packages"
	@$(UV) pip install --quiet --python $(RUN) --require-hashes -r requirements.lock
	@touch $@

$(VENV)/.installed: pyproject.toml $(WEBUI) $(VENV)/.locked
	@echo "== the appliance and its web pages (the first build takes a minute or two)"
	@$(UV) pip install --quiet --python $(RUN) --no-deps --reinstall-package nora-appliance -e .
	@touch $@

setup: $(VENV)/.installed

$(VENV)/.tests: requirements-test.lock $(VENV)/.locked
	@echo "== what the tests need"
	@$(UV) pip install --quiet --python $(RUN) --require-hashes -r requirements-test.lock
	@touch $@

$(VENV)/.demo: requirements-demo.lock | $(UV)
	@echo "== demo data"
	@rm -rf .cache/demo-packages
	@$(UV) pip install --quiet --python $(RUN) --no-deps --require-hashes \
	  --target .cache/demo-packages -r requirements-demo.lock
	@touch $@

$(VENV)/.movies: requirements-test.lock $(VENV)/.locked
	@echo "== the encoder of movies (PyAV, whose wheels bundle x264 under the GPL)"
	@mkdir -p .cache
	@awk '/^[a-z]/ { wanted = /^av==/ } wanted' requirements-test.lock > .cache/movies.lock
	@$(UV) pip install --quiet --python $(RUN) --no-deps --require-hashes -r .cache/movies.lock
	@touch $@

demo: setup $(VENV)/.demo $(if $(findstring tomography,$(DEMO)),$(VENV)/.movies)
	@$(BIN)/nora demo --packages .cache/demo-packages $(DEMO)

check: setup $(VENV)/.tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(RUN) webui/check.py

test: check $(VENV)/.demo
	@$(RUN) -m tests.support.debian
	$(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(TESTS)

bench: setup $(VENV)/.tests $(VENV)/.demo
	@for script in bench/[a-z]*.py; do echo "== $$script"; $(RUN) $$script $(BENCH); done

sbom: setup
	@mkdir -p dist
	$(RUN) -m appliance.upkeep.licences --sbom dist/sbom.cdx.json

lock: $(UV)
	$(UV) pip compile --quiet --universal --no-header --generate-hashes --no-emit-index-url \
	  $(LOCK) pyproject.toml -o requirements.lock
	$(UV) pip compile --quiet --universal --no-header --generate-hashes --no-emit-index-url \
	  $(LOCK) --extra test pyproject.toml -o requirements-test.lock

clean:
	rm -rf $(VENV) .cache demo-data webui/node_modules appliance/web/static
