# Two commands do everything on a machine with Python 3.11+ (with venv) and make: `make demo` and `make test`.
# They build .venv from the pinned, hash-checked requirements and are quick the second time.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.DEFAULT_GOAL := help
.PHONY: help demo test fortnight fleet-kill lint format bench pictures screenshots lock clean

help:  ## this list
	@grep -E "^[a-z-]+:.*##" $(MAKEFILE_LIST) | sed -E "s/:.*## /\t/" | expand -t 14

demo: $(VENV)/.run  ## run the whole way once, on loopback, with a sample roster
	$(BIN)/onboarding demo

test: $(VENV)/.dev  ## run all tests (PYTEST="-k name" narrows them)
	$(BIN)/python -m pytest --numprocesses auto --dist worksteal $(PYTEST)

fortnight: $(VENV)/.dev  ## two weeks with outages and kills, for many seeds (SEEDS=1-200); LEDGER=postgresql: of two workers
	SEEDS=$(SEEDS) $(BIN)/python -m pytest --numprocesses auto tests/pipeline/test_fortnight.py \
		-k "$(if $(filter postgresql,$(LEDGER)),workers,not workers)"

fleet-kill: $(VENV)/.dev  ## kill workers of a fleet 20 times while they send 4,000 messages (SEED=1)
	$(BIN)/python -m tests.fleet.killing $(if $(SEED),--seed $(SEED))

SEEDS ?= 1-100
LEDGER ?= sqlite

lint: $(VENV)/.dev  ## ruff, mypy --strict and the room rule
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev  ## let ruff put the code in shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.dev  ## measure letters and throughput beside the tools people use otherwise
	$(BIN)/python benchmarks/letters.py
	$(BIN)/python benchmarks/throughput.py $(BENCH)

pictures: $(VENV)/.dev  ## make the README's two pictures anew (needs chromium)
	$(BIN)/python docs/pictures.py

screenshots: $(VENV)/.dev  ## every letter and console page, desktop and phone, light and dark, into screenshots/ (needs chromium)
	$(BIN)/python docs/screenshots.py
	PYTHONPATH=. $(BIN)/python docs/console_pictures.py

lock: $(VENV)/.dev  ## pin the newest versions that pyproject.toml admits, with their hashes
	$(PIP) install uv
	$(BIN)/uv pip compile -q pyproject.toml --group build $(LOCK) -o requirements.txt
	$(BIN)/uv pip compile -q pyproject.toml --group build --all-extras -c requirements.txt $(LOCK) -o requirements-dev.txt

LOCK := --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	--no-emit-index-url --no-emit-find-links

clean:  ## remove .venv and everything that tools left behind
	rm -rf $(VENV) dist build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements.txt pyproject.toml | $(VENV)/bin/python
	$(PIP) install --require-hashes -r requirements.txt
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.run
	$(PIP) install --require-hashes -r requirements-dev.txt
	@touch $@
