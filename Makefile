# make demo: one command to tables and figures.  make test: all checks.  make help: the rest.
SHELL := bash
VENV := .venv
BIN := $(VENV)/bin
# What users give reaches programs as environment variables, never as part of a command: no sign in it means anything.
override CONFIGFILE := $(or $(value CONFIGFILE),config/config.yaml)
override RESULTS := $(value RESULTS)
override CORES := $(or $(value CORES),all)
override PORT := $(or $(value PORT),5000)
export CONFIGFILE RESULTS CORES PORT
START := $(BIN)/python workflow/start.py
INSTALL := $(BIN)/python -m pip install --quiet --constraint constraints.txt

.PHONY: help install demo readme test test-fuzz test-reference ui report clean test-newcomer lock
.DELETE_ON_ERROR:

help: ## This list.
	@sed -n 's/^\([a-z-]*\):.*## /make \1	/p' $(MAKEFILE_LIST) | expand -t 20

install: $(VENV)/.installed ## The environment alone, in .venv.

demo: $(VENV)/.installed ## Simulate, train, track, evaluate: tables and figures in results/ (about half an hour on two idle cores).
	@$(START) demo

test: $(VENV)/.installed-for-tests ## Style, types, workflow checks and all tests, a toy run of the workflow included.
	$(BIN)/ruff check had tests
	$(BIN)/ruff format --check had tests
	$(BIN)/mypy
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint
	OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses auto --maxprocesses 8 --dist loadfile

test-reference: $(VENV)/.installed-for-tests ## Networks, losses, crops and tracker against the released HAD code's numbers, in HAD_REFERENCE.
	@test -f "$${HAD_REFERENCE:-../shared/reference/had_official}/manifest.json" \
	  || { echo "No manifest.json in $${HAD_REFERENCE:-../shared/reference/had_official}: set HAD_REFERENCE" >&2; exit 1; }
	$(BIN)/pytest tests/reference

readme: $(VENV)/.installed ## The demo from nothing, timed; what it gave into README.md (half an hour, on an idle machine).
	$(BIN)/python benchmarks/demo.py

test-fuzz: $(VENV)/.installed-for-tests ## Damaged and random files for each parser, a minute each.
	HAD_FUZZ_SECONDS=60 $(BIN)/pytest tests/fuzz

ui: $(VENV)/.installed ## MLflow's pages over the runs, on http://127.0.0.1:5000.
	@$(START) ui

report: $(VENV)/.installed ## Snakemake's report as one HTML file.
	@$(START) report

clean: ## Remove what tools cache; results/ and .venv stay.
	rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis build *.egg-info
	find had tests -name __pycache__ -prune -exec rm -rf {} +

test-newcomer: ## A fresh clone runs both commands; its second demo runs no job and takes under a minute.
	@set -eo pipefail; fail() { echo "test-newcomer: the second make demo $$1 (clone kept: $$folder)" >&2; exit 1; }; \
	folder=$$(mktemp -d); echo "Fresh clone in $$folder"; \
	git clone --quiet . "$$folder/had"; \
	export HAD_SHARED="$${HAD_SHARED:-$(abspath ../shared)}"; \
	$(MAKE) --no-print-directory -C "$$folder/had" demo; \
	begin=$$SECONDS; \
	$(MAKE) --no-print-directory -C "$$folder/had" demo 2>&1 | tee "$$folder/second.txt"; \
	took=$$((SECONDS - begin)); \
	grep -q "Nothing to be done (all requested files" "$$folder/second.txt" || fail "ran jobs"; \
	[ $$took -lt 60 ] || fail "took $$took s, expected under 60"; \
	$(MAKE) --no-print-directory -C "$$folder/had" test; \
	rm -rf "$$folder"

# --- the environment ------------------------------------------------------------------------------

$(BIN)/python:
	@without=; for python in python3.12 python3.11 python3.13 python3; do \
	  $$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null || continue; \
	  $$python -c 'import ensurepip, venv' 2>/dev/null || { without="$${without:-$$python}"; continue; }; \
	  echo "Making $(VENV) with $$($$python --version)"; \
	  exec $$python -m venv $(VENV); \
	done; \
	if [ -n "$$without" ]; then echo "$$without cannot make environments: apt install $$without-venv" >&2; exit 1; fi; \
	echo "No Python 3.11, 3.12 or 3.13 found." >&2; \
	echo "Debian 12 and 13, Ubuntu 24.04: apt install python3 python3-venv" >&2; \
	echo "Ubuntu 22.04:                   apt install python3.11 python3.11-venv" >&2; exit 1

$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing (some minutes, once)"
	@$(INSTALL) --editable .
	@touch $@

$(VENV)/.installed-for-tests: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing (some minutes, once)"
	@$(INSTALL) --editable '.[dev]'
	@touch $@ $(VENV)/.installed

# torch and what it brings differ by machine and are left out.
lock: $(VENV)/.installed-for-tests ## Write constraints.txt anew from the present environment.
	@{ sed '/^#/!d' constraints.txt; \
	   $(BIN)/python -m pip freeze --exclude-editable | grep -vEi '^(torch|triton|nvidia|cuda|#)'; } > constraints.txt.part
	@mv constraints.txt.part constraints.txt
