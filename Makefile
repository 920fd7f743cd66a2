# Targets for people; `make` alone lists them. The virtual environment is made when first needed.
.DEFAULT_GOAL := help
.PHONY: help demo test chaos up check bench interop lossless contract fuzz format clean
.DELETE_ON_ERROR:

PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)
BIN := .venv/bin

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: .venv/stamp ## make cards of the samples into out/: starts everything, stops everything
	@exec $(BIN)/cardforge demo

up: .venv/stamp ## run everything until Ctrl-C: API on PORT (8000), Flower on FLOWER_PORT (5555)
	@exec $(BIN)/cardforge up

test: .venv/stamp ## run the whole test suite against real PostgreSQL and Redis
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not alone"
	$(BIN)/python -m pytest -m alone

chaos: .venv/stamp ## kill, freeze and starve everything at full size; about an hour; writes docs/reliability.md
	@CHAOS=full exec $(BIN)/python -m pytest tests/chaos -q -s

check: .venv/stamp ## ruff, mypy, import directions, YAML; quick
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_imports.py
	$(BIN)/yamllint --strict -d '{extends: default, rules: {line-length: {max: 120}, document-start: disable}}' \
		docker-compose.yml docs/kubernetes docs/prometheus

bench: .venv/stamp ## measure us beside something bare, twenty minutes; writes docs/benchmarks.md
	@$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[bench]'
	@exec $(BIN)/python -m benchmarks

interop: .venv/stamp ## let other people's card readers and validators judge our cards (needs Node and npm)
	cd tests/interop && npm install --silent --no-audit --no-fund --no-package-lock
	rm -rf build/interop
	$(BIN)/python -m tests.interop.make_cards build/interop/made
	$(BIN)/python -m tests.interop.generate build/interop/generated
	$(BIN)/python -m tests.interop.readers build/interop
	node tests/interop/check.mjs build/interop

lossless: .venv/stamp ## any card through any two formats and back: 5,000 examples of each kind; half an hour
	LOSSLESS_EXAMPLES=5000 $(BIN)/python -m pytest -q tests/cards/test_lossless.py

contract: .venv/stamp ## let Schemathesis try the API against its document, on real processes, SECONDS (300) long
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[contract]'
	@exec $(BIN)/python -m tests.contract_run --seconds $(or $(SECONDS),300)

fuzz: .venv/stamp ## feed broken files to every parser, ten minutes each
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[fuzz]'
	for target in json yaml png charx file; do $(BIN)/python -m tests.fuzz $$target --seconds 600 || exit 1; done

format: .venv/stamp ## put the code into ruff's shape
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

clean: ## remove the virtual environment and caches; data in .cardforge/ stays
	rm -rf .venv build .mypy_cache .ruff_cache .pytest_cache *.egg-info

.venv/stamp: pyproject.toml constraints.txt
	@if ! "$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
		echo "Cardforge needs Python 3.11 or newer: install it, or name it with PYTHON=/path/to/python3" >&2; exit 1; fi
	@echo "making .venv with $$("$(PYTHON)" --version) (a minute, once)"
	@"$(PYTHON)" -m venv .venv || { echo "this Python has no venv module: install it (Debian: python3-venv)" >&2; exit 1; }
	@$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[embedded,dev]'
	@touch $@
